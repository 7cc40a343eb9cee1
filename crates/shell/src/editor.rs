use std::io::{self, BufRead, Write};

use crate::Result;
use crate::command::is_command;
use crate::sql::Splitter;

/// Where statements are typed.
pub(crate) struct Editor {
    prompts: [&'static str; 2],
}

/// What was typed.
pub(crate) enum Typed {
    Text(String),
    End,
}

impl Editor {
    pub(crate) fn new() -> Self {
        Self {
            prompts: ["godwit> ", "   ...> "],
        }
    }

    pub(crate) fn read(&mut self) -> Result<Typed> {
        let mut text = String::new();
        let mut splitter = Splitter::default();
        loop {
            let prompt = self.prompts[usize::from(!text.is_empty())];
            write!(io::stderr(), "{prompt}")?;
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 {
                return Ok(Typed::End);
            }
            if text.is_empty() && (is_command(&line) || line.trim().is_empty()) {
                return Ok(Typed::Text(line));
            }
            text.push_str(&line);
            splitter.push(&line);
            while splitter.next().is_some() {}
            if !splitter.is_open() {
                return Ok(Typed::Text(text));
            }
        }
    }
}
