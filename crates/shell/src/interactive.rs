use crate::command::is_command;
use crate::editor::{Editor, Typed};
use crate::shell::{Flow, Shell};
use crate::sql::Splitter;
use crate::terminal::{complain, note};
use crate::{Error, Result};

/// Runs what somebody types, until they leave. What fails is said, and ends nothing.
pub(crate) async fn run(shell: &mut Shell) -> Result<()> {
    shell.refresh_names();
    if !shell.quiet {
        note(format_args!(
            "connected as {}; \\? for help",
            shell.connection.name()
        ));
    }
    let mut editor = Editor::new(&shell.names)?;
    loop {
        let text = match editor.read()? {
            Typed::Text(text) => text,
            Typed::Nothing => continue,
            Typed::End => return Ok(()),
        };
        match entered(shell, &text).await {
            Ok(Flow::More) => {}
            Ok(Flow::Leave) => return Ok(()),
            Err(Error::Closed) => return Err(Error::Closed),
            Err(Error::Interrupted) => note("cancelled"),
            Err(error) => complain(error),
        }
    }
}

async fn entered(shell: &mut Shell, text: &str) -> Result<Flow> {
    if is_command(text) {
        return shell.command(text).await;
    }
    let mut splitter = Splitter::default();
    splitter.push(text);
    splitter.push("\n");
    while let Some(statement) = splitter.next() {
        shell.statement(&statement).await?;
    }
    if let Some(statement) = splitter.rest() {
        shell.statement(&statement).await?;
    }
    Ok(Flow::More)
}
