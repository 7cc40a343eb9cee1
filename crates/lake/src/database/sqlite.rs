//! SQLite. Its calls block, so each runs on a thread for that and takes its connection along; the connection comes back
//! when the call has ended, also when nobody waits for it any more.

mod failure;
mod glances;
mod pool;
mod statement;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::{Moment, Row, Value};
use crate::{Error, Result};
use failure::failed;
use glances::Glances;
use pool::{Lease, Pool};

/// How many reads run at the same time.
const READERS: usize = 8;

/// A SQLite file.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    file: Arc<PathBuf>,
    readers: Arc<Pool>,
    writer: Arc<Pool>,
    glances: Arc<Glances>,
}

/// A connection in a transaction.
#[derive(Debug)]
pub(super) struct Session {
    file: Arc<PathBuf>,
    /// `None` while a call has it.
    lease: Option<Lease>,
    /// Whether its calls are made on a thread that is there for them, and need no other one.
    is_here: bool,
}

impl Sqlite {
    pub(super) async fn open(file: &Path) -> Result<Self> {
        let this = Self {
            file: Arc::new(file.to_owned()),
            readers: Pool::new(file, READERS),
            writer: Pool::new(file, 1),
            glances: Arc::new(Glances::new(file, READERS)),
        };
        let path = file.to_owned();
        blocking(move || make(&path)).await??;
        Ok(this)
    }

    pub(super) async fn settle(&self) -> Result<()> {
        let mut session = self.session(&self.writer).await?;
        session.run(log_ahead).await
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) async fn copy_to(&self, file: &Path) -> Result<()> {
        let Some(file) = file.to_str().map(str::to_owned) else {
            let file = file.display();
            return Err(Error::unavailable(format!("the path {file} is not UTF-8")));
        };
        let mut session = self.session(&self.readers).await?;
        session
            .run(move |connection| connection.execute("VACUUM INTO ?1", [file]).map(drop))
            .await
    }

    pub(super) async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let mut session = self.session(&self.readers).await?;
        session.query(sql, parameters).await
    }

    /// A read that takes no longer than a change of threads would, as long as nobody has locked the database; else it is made
    /// as all others are.
    pub(super) async fn glance(&self, sql: &'static str) -> Result<Vec<Row>> {
        if let Some(rows) = self.glances.query(sql) {
            return Ok(rows);
        }
        let glances = Arc::clone(&self.glances);
        let mut session = self.session(&self.readers).await?;
        session
            .run(move |connection| {
                let rows = statement::query(connection, sql, &[])?;
                glances.grow();
                Ok(rows)
            })
            .await
    }

    pub(super) async fn read(&self) -> Result<Session> {
        let session = self.session(&self.readers).await?;
        session.begin("BEGIN").await
    }

    pub(super) async fn write(&self) -> Result<Session> {
        let session = self.session(&self.writer).await?;
        session.begin("BEGIN IMMEDIATE").await
    }

    /// Blocks this thread, now and in every call on the session.
    pub(super) async fn write_here(&self) -> Result<Session> {
        let session = Session {
            is_here: true,
            ..self.session(&self.writer).await?
        };
        session.begin("BEGIN IMMEDIATE").await
    }

    async fn session(&self, pool: &Arc<Pool>) -> Result<Session> {
        Ok(Session {
            file: Arc::clone(&self.file),
            lease: Some(pool.lease().await?),
            is_here: false,
        })
    }
}

impl Session {
    async fn begin(mut self, begin: &'static str) -> Result<Self> {
        self.run(move |connection| connection.prepare_cached(begin)?.raw_execute().map(drop))
            .await?;
        Ok(self)
    }

    /// When the transaction began.
    pub(super) async fn moment(&mut self) -> Result<Moment> {
        let turn = self.lease.as_ref().map(Lease::turn).unwrap_or_default();
        let others = self
            .run(|connection| {
                let mut others = connection.prepare_cached("PRAGMA data_version")?;
                others.query_row([], |row| row.get(0))
            })
            .await?;
        Ok(Moment { turn, others })
    }

    /// Whether an error has ended the transaction.
    pub(super) async fn is_ended(&mut self) -> bool {
        let ended = self.run(|connection| Ok(connection.is_autocommit()));
        ended.await.unwrap_or(true)
    }

    pub(super) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let (sql, parameters) = (sql.to_owned(), parameters.to_vec());
        self.run(move |connection| statement::query(connection, &sql, &parameters))
            .await
    }

    pub(super) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64> {
        let (sql, parameters) = (sql.to_owned(), parameters.to_vec());
        self.run(move |connection| statement::execute(connection, &sql, &parameters))
            .await
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        let lost = self.run_raw(|connection| {
            let mut commit = connection.prepare_cached("COMMIT")?;
            commit.raw_execute().map(drop)
        });
        match lost.await? {
            Ok(()) => Ok(()),
            // What was written to the log and could not be made safe may come back after a power failure.
            Err(why) if failure::is_io(&why) => Err(Error::in_doubt(failed(&self.file, &why))),
            Err(why) => Err(failed(&self.file, &why)),
        }
    }

    pub(super) async fn rollback(mut self) -> Result<()> {
        self.run(|connection| {
            // Some errors have ended the transaction already.
            if connection.is_autocommit() {
                return Ok(());
            }
            connection.execute_batch("ROLLBACK")
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let result = self.run_raw(call).await?;
        result.map_err(|why| failed(&self.file, &why))
    }

    async fn run_raw<T: Send + 'static>(
        &mut self,
        call: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<rusqlite::Result<T>> {
        let Some(mut lease) = self.lease.take() else {
            return Err(Error::internal("a call on this transaction was given up"));
        };
        if self.is_here {
            let result = lease.connection().and_then(call);
            self.lease = Some(lease);
            return Ok(result);
        }
        let (lease, result) = blocking(move || {
            let result = lease.connection().and_then(call);
            (lease, result)
        })
        .await?;
        self.lease = Some(lease);
        Ok(result)
    }
}

async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(call)
        .await
        .map_err(Error::internal)
}

/// Makes the file, for its owner only. SQLite takes an empty one for an empty database and gives its log the same mode.
fn make(file: &Path) -> Result<()> {
    let make = || {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(file)?;
        // Its name is as safe as its content will be.
        file.parent()
            .map_or(Ok(()), |above| File::open(above)?.sync_all())
    };
    make().map_err(|why| Error::unavailable(format!("the catalog {}: {why}", file.display())))
}

/// With a log ahead of the database, neither reads wait for writes nor the other way round, in other processes too.
/// Where somebody else uses the file right now it keeps the mode that it has, which is as safe.
fn log_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    let change = connection.query_row("PRAGMA journal_mode = wal", [], |_| Ok(()));
    match change {
        Err(why) if failure::is_busy(&why) => {
            tracing::warn!("the catalog is in use and keeps its journal mode, {mode}");
            Ok(())
        }
        other => other,
    }
}
