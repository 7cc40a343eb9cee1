//! The line that is typed, or the lines: a statement goes on until its semicolon.

use std::borrow::Cow;

use reedline::{
    ColumnarMenu, Emacs, InputMode, KeyCode, KeyModifiers, MenuBuilder, Prompt, PromptEditMode,
    PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu, Signal, ValidationResult,
    Validator, default_emacs_keybindings,
};

use crate::command::is_command;
use crate::names::Shared;
use crate::sql::Splitter;
use crate::{Error, Result};

mod completer;
mod highlighter;
mod history;

/// Name of the menu of completions.
const MENU: &str = "completions";

/// Where statements are typed.
pub(crate) struct Editor {
    line: Reedline,
}

/// What was typed.
pub(crate) enum Typed {
    Text(String),
    /// Ctrl-C on a line, which throws it away.
    Nothing,
    End,
}

impl Editor {
    /// With the history of earlier times. Where that cannot be kept, it is said, and nothing else happens.
    pub(crate) fn new(names: &Shared) -> Result<Self> {
        let mut keys = default_emacs_keybindings();
        let complete = ReedlineEvent::UntilFound(vec![
            ReedlineEvent::Menu(MENU.to_owned()),
            ReedlineEvent::MenuNext,
        ]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
        let back = ReedlineEvent::MenuPrevious;
        keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, back);
        let menu = ColumnarMenu::default()
            .with_name(MENU)
            .with_input_mode(InputMode::FullBuffer);
        let colors = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mut line = Reedline::create()
            .with_edit_mode(Box::new(Emacs::new(keys)))
            .with_validator(Box::new(UntilSemicolon))
            .with_completer(Box::new(completer::Completer::new(Shared::clone(names))))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_highlighter(Box::new(highlighter::Highlighter))
            .with_ansi_colors(colors)
            .use_bracketed_paste(true);
        match history::open() {
            Ok(history) => line = line.with_history(Box::new(history)),
            Err(why) => crate::terminal::note(format_args!("no history is kept: {why}")),
        }
        Ok(Self { line })
    }

    /// Waits for a statement or a command.
    pub(crate) fn read(&mut self) -> Result<Typed> {
        let signal = self.line.read_line(&Godwit).map_err(Error::failed)?;
        // Kept at once, so that a shell that is killed has its history too. Where that fails, there is nothing to do.
        let _ = self.line.sync_history();
        Ok(match signal {
            Signal::Success(text) => Typed::Text(text),
            Signal::CtrlD => Typed::End,
            _ => Typed::Nothing,
        })
    }
}

/// A statement ends with a semicolon, a command with its line.
struct UntilSemicolon;

impl Validator for UntilSemicolon {
    fn validate(&self, text: &str) -> ValidationResult {
        if text.trim().is_empty() || is_command(text) {
            return ValidationResult::Complete;
        }
        let mut splitter = Splitter::default();
        splitter.push(text);
        splitter.push("\n");
        while splitter.next().is_some() {}
        if splitter.is_open() {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Complete
        }
    }
}

struct Godwit;

impl Prompt for Godwit {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("godwit")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("> ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("   ...> ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        Cow::Owned(format!("(search: {}) ", search.term))
    }
}
