//! Statements and commands one after the other, until one fails.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::command::is_command;
use crate::shell::{Flow, Shell};
use crate::sql::Splitter;
use crate::{Error, Result};

type Input = Box<dyn BufRead + Send>;

/// Runs what a text holds.
pub(crate) async fn text(shell: &mut Shell, text: &str) -> Result<Flow> {
    let input: Input = Box::new(io::Cursor::new(text.to_owned().into_bytes()));
    run(shell, input, None).await
}

/// Runs what a file holds.
pub(crate) async fn file(shell: &mut Shell, path: &Path) -> Result<Flow> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Error::Failed(format!("{name}: {error}")))?;
    run(shell, Box::new(BufReader::new(file)), Some(&name)).await
}

/// Runs what comes through standard input.
pub(crate) async fn stdin(shell: &mut Shell) -> Result<Flow> {
    run(
        shell,
        Box::new(BufReader::new(io::stdin())),
        Some("standard input"),
    )
    .await
}

async fn run(shell: &mut Shell, mut input: Input, name: Option<&str>) -> Result<Flow> {
    let mut splitter = Splitter::default();
    // Where the statement begins that is being read.
    let (mut line_number, mut begun) = (0_u64, 1);
    loop {
        let read = shell.interrupts.or(line(input)).await?;
        let Some((rest, line)) = read else { break };
        input = rest;
        line_number += 1;
        if !splitter.is_open() {
            begun = line_number;
            if is_command(&line) {
                let done = shell.command(&line).await;
                if done.map_err(|error| placed(error, name, line_number))? == Flow::Leave {
                    return Ok(Flow::Leave);
                }
                continue;
            }
        }
        splitter.push(&line);
        while let Some(statement) = splitter.next() {
            let done = shell.statement(&statement).await;
            done.map_err(|error| placed(error, name, begun))?;
            begun = line_number;
        }
    }
    if let Some(statement) = splitter.rest() {
        let done = shell.statement(&statement).await;
        done.map_err(|error| placed(error, name, begun))?;
    }
    Ok(Flow::More)
}

/// The next line, read where it may block; none at the end.
async fn line(mut input: Input) -> Result<Option<(Input, String)>> {
    let read = tokio::task::spawn_blocking(move || -> io::Result<_> {
        let mut line = String::new();
        let count = input.read_line(&mut line)?;
        Ok((count > 0).then_some((input, line)))
    });
    Ok(read.await.map_err(Error::failed)??)
}

/// An error with the place where the statement begins.
fn placed(error: Error, name: Option<&str>, line: u64) -> Error {
    match (error, name) {
        (Error::Failed(why), Some(name)) => Error::Failed(format!("{name}, line {line}: {why}")),
        (error, _) => error,
    }
}
