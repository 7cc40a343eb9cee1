use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::connection::Connection;
use crate::options::{Options, Source};
use crate::output::{Format, Output};
use crate::shell::{Flow, Shell};
use crate::terminal::{self, complain, note};
use crate::{Error, Result, interactive, profile, script};

/// Runs the shell to its end. The code is 0 when all went well, 1 when a statement or command of a script failed, 2 when the
/// options or the profile make no sense, 3 when the server cannot be reached or refuses the credentials, and 130 when
/// Ctrl-C ended a script.
#[must_use]
pub fn run(options: Options) -> ExitCode {
    let done = match Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Err(error) => Err(error.into()),
        Ok(runtime) => {
            let done = ran(&runtime, options);
            // A thread may still wait for standard input.
            runtime.shutdown_background();
            done
        }
    };
    match done {
        Ok(()) | Err(Error::Closed) => return ExitCode::SUCCESS,
        Err(Error::Interrupted) => note("cancelled"),
        Err(ref error) => complain(error),
    }
    done.map_or_else(
        |error| ExitCode::from(error.exit_code()),
        |()| ExitCode::SUCCESS,
    )
}

fn ran(runtime: &Runtime, options: Options) -> Result<()> {
    let profile = profile::load(options.profile.as_deref(), options.server.url.is_some())?;
    let format = options.format.or(profile.format).unwrap_or(Format::Table);
    let mut output = Output::new(format, options.width);
    output.redirect(options.output.as_deref())?;
    let server = profile.complete(options.server);
    let typed = matches!(options.source, Source::Input) && terminal::is_typed();
    runtime.block_on(async {
        let connection = Connection::open(server, options.timeout).await?;
        let mut shell = Shell::new(connection, output, options.timeout)?;
        shell.quiet = options.quiet;
        shell.timing = options.timing || profile.timing;
        shell.progress = terminal::is_watched() && !options.quiet;
        shell.typed = typed;
        let done = follow(&mut shell, options.source).await;
        shell.connection.close().await;
        done
    })
}

async fn follow(shell: &mut Shell, source: Source) -> Result<()> {
    match source {
        Source::Input if shell.typed => interactive::run(shell).await,
        Source::Input => script::stdin(shell).await.map(|_| ()),
        Source::Text(texts) => {
            for text in texts {
                if script::text(shell, &text).await? == Flow::Leave {
                    break;
                }
            }
            Ok(())
        }
        Source::Files(paths) => {
            for path in paths {
                if script::file(shell, &path).await? == Flow::Leave {
                    break;
                }
            }
            Ok(())
        }
    }
}
