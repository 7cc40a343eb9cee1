use std::path::Path;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;

use crate::command::{self, COMMANDS, Command};
use crate::connection::Connection;
use crate::interrupt::Interrupts;
use crate::output::{Output, Rows};
use crate::progress::Progress;
use crate::query::{self, Polls, Running};
use crate::sql::{self, Kind};
use crate::terminal::note;
use crate::{Error, Result, describe, import, script};

/// How deep files may include each other.
const DEEPEST: usize = 16;

/// Lists the users of a Godwit server.
const USERS: &str = "SELECT * FROM system.users ORDER BY 1";

/// What runs statements and commands.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) connection: Connection,
    pub(crate) output: Output,
    pub(crate) interrupts: Interrupts,
    pub(crate) timing: bool,
    /// Whether nothing is said but rows and errors.
    pub(crate) quiet: bool,
    /// Whether somebody watches a bar.
    pub(crate) progress: bool,
    /// Whether somebody types, and wants names to be completed.
    pub(crate) typed: bool,
    pub(crate) timeout: Duration,
    pub(crate) depth: usize,
    polls: Polls,
}

/// Whether there is more to come after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    More,
    Leave,
}

impl Shell {
    pub(crate) fn new(connection: Connection, output: Output, timeout: Duration) -> Result<Self> {
        Ok(Self {
            connection,
            output,
            interrupts: Interrupts::listen()?,
            timing: false,
            quiet: false,
            progress: false,
            typed: false,
            timeout,
            depth: 0,
            polls: Polls::Perhaps,
        })
    }

    /// Runs a statement, and says what came of it.
    pub(crate) async fn statement(&mut self, sql: &str) -> Result<()> {
        let started = Instant::now();
        self.interrupts.forget();
        let done = match sql::kind(sql) {
            Kind::Query => self.query(sql).await,
            kind => self.change(sql, kind).await,
        };
        if self.timing {
            note(format_args!(
                "time: {:.3} s",
                started.elapsed().as_secs_f64()
            ));
        }
        done
    }

    /// Runs a command.
    pub(crate) async fn command(&mut self, line: &str) -> Result<Flow> {
        self.interrupts.forget();
        match command::parse(line)? {
            Command::Quit => return Ok(Flow::Leave),
            Command::Help => self.help(),
            Command::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                self.say(format_args!("timing is {}", on(self.timing)));
            }
            Command::Expanded(wanted) => {
                self.output.expanded = wanted.unwrap_or(!self.output.expanded);
                self.say(format_args!("expanded is {}", on(self.output.expanded)));
            }
            Command::Progress(wanted) => {
                self.progress = wanted.unwrap_or(!self.progress);
                self.say(format_args!("progress is {}", on(self.progress)));
            }
            Command::Format(format) => {
                self.output.format = format.unwrap_or(self.output.format);
                self.say(format_args!("format is {}", self.output.format));
            }
            Command::Output(path) => self.output.redirect(path.as_deref())?,
            Command::Include(path) => self.include(&path).await?,
            Command::Import(asked) => self.import(&asked).await?,
            Command::Connect { url, user } => self.connect(url, user).await?,
            Command::Users => self.query(USERS).await?,
            listing => self.list(listing).await?,
        }
        Ok(Flow::More)
    }

    async fn query(&mut self, sql: &str) -> Result<()> {
        let mut rows = self.output.rows()?;
        let mut progress = Progress::start(self.progress);
        let mut running = Running::default();
        let client = &self.connection.client;
        let work = running.query(client, sql, &mut self.polls, &mut rows, &mut progress);
        let done = self.interrupts.or(work).await;
        progress.hide();
        if done.is_err() {
            running.cancel(client).await;
        }
        done?;
        self.count(&rows);
        Ok(())
    }

    async fn change(&mut self, sql: &str, kind: Kind) -> Result<()> {
        let mut progress = Progress::start(self.progress);
        progress.fraction(None);
        let work = query::update(&self.connection.client, sql);
        let changed = self.interrupts.or(work).await?;
        progress.hide();
        match kind {
            Kind::Change if changed >= 0 => self.say(counted(changed.unsigned_abs(), "changed")),
            _ => self.say("done"),
        }
        Ok(())
    }

    async fn import(&mut self, asked: &command::Import) -> Result<()> {
        let mut progress = Progress::start(self.progress);
        let work = import::run(&self.connection.client, asked, &mut progress);
        let stored = self.interrupts.or(work).await?;
        progress.hide();
        match u64::try_from(stored) {
            Ok(stored) => self.say(counted(stored, "stored")),
            Err(_) => self.say("done"),
        }
        Ok(())
    }

    async fn include(&mut self, path: &Path) -> Result<()> {
        if self.depth >= DEEPEST {
            return Err(Error::Failed(format!(
                "{}: files include each other more than {DEEPEST} deep",
                path.display()
            )));
        }
        self.depth += 1;
        let done = Box::pin(script::file(self, path)).await;
        self.depth -= 1;
        done.map(|_| ())
    }

    async fn connect(&mut self, url: Option<String>, user: Option<String>) -> Result<()> {
        let mut server = self.connection.server.clone();
        if let Some(url) = url.filter(|url| server.url.as_ref() != Some(url)) {
            // What this server knows is not for another.
            server.url = Some(url);
            (server.password, server.token) = (None, None);
        }
        if let Some(user) = user.filter(|user| server.user.as_ref() != Some(user)) {
            server.user = Some(user);
            (server.password, server.token) = (None, None);
        }
        let connection = Connection::open(server, self.timeout).await?;
        let before = std::mem::replace(&mut self.connection, connection);
        before.close().await;
        self.polls = Polls::Perhaps;
        self.say(format_args!("connected as {}", self.connection.name()));
        Ok(())
    }

    async fn list(&mut self, listing: Command) -> Result<()> {
        let client = &self.connection.client;
        let work = async {
            match &listing {
                Command::Catalogs => describe::catalogs(client).await,
                Command::Schemas(pattern) => describe::schemas(client, pattern.as_deref()).await,
                Command::Functions(pattern) => {
                    describe::functions(client, pattern.as_deref()).await
                }
                Command::Describe(Some(name)) => describe::columns(client, name).await,
                Command::Tables(pattern) => describe::tables(client, pattern.as_deref()).await,
                _ => describe::tables(client, None).await,
            }
        };
        let batch = self.interrupts.or(work).await?;
        self.show(&batch)
    }

    fn show(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut rows = self.output.rows()?;
        rows.write(batch)?;
        rows.finish()?;
        self.count(&rows);
        Ok(())
    }

    /// Says how many rows there were, to people.
    fn count(&self, rows: &Rows) {
        if !self.output.format.is_for_people() {
            return;
        }
        self.say(counted(rows.count(), ""));
        if let Some((shown, all)) = rows.summary().hidden {
            self.say(format_args!(
                "{shown} of {all} columns fit; \\x shows all of them"
            ));
        }
    }

    fn help(&self) {
        for (names, arguments, what) in COMMANDS {
            let usage = format!("\\{} {arguments}", names[0]);
            note(format_args!("{usage:<24} {what}"));
        }
        note("statements end with ; and Ctrl-C stops what runs, Ctrl-D leaves");
    }

    fn say(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            note(text);
        }
    }
}

fn on(flag: bool) -> &'static str {
    if flag { "on" } else { "off" }
}

fn counted(count: u64, verb: &str) -> String {
    let noun = if count == 1 { "row" } else { "rows" };
    format!("{count} {noun} {verb}").trim_end().to_owned()
}
