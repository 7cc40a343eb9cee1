//! PostgreSQL. A few connections are kept; one that was lost is replaced at the next call.

mod connect;
mod copy;
mod failure;
mod outcome;
mod pool;
mod value;

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Error as Failure;
use tokio_postgres::types::ToSql;

use super::{Row, Value};
use crate::{Error, Result};
use connect::Server;
use pool::{Lease, Pool};

/// How long a transaction waits for a lock that another process has.
const LOCK: Duration = Duration::from_secs(10);

/// The lock of those that make the tables: a number that nobody else uses, the letters of our name.
const FOUNDING: i64 = 0x676f_6477_6974;

/// A PostgreSQL database.
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    pool: Arc<Pool>,
}

/// What a transaction that writes waits for, so that no other one runs meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    /// The table of snapshots. A transaction of DuckDB that adds a snapshot then fails on its primary key, and is
    /// tried again by DuckDB.
    Snapshots,
    /// For when that table is not there yet.
    Founding,
}

/// A connection in a transaction.
#[derive(Debug)]
pub(super) struct Session {
    lease: Lease,
    /// An error has ended the transaction; the server would take a commit for a rollback, without a word.
    failed: bool,
}

impl Postgres {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let pool = Pool::new(Server::new(url)?);
        let this = Self { pool };
        connect::check(&this.query("SHOW server_version_num", &[]).await?)?;
        Ok(this)
    }

    pub(super) fn name(&self) -> &str {
        self.pool.server().name()
    }

    pub(super) async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        loop {
            let mut lease = self.pool.read().await?;
            match query(&mut lease, sql, parameters).await {
                Err(Problem::Server(why)) if lease.was_idle() && failure::is_lost(&why) => {
                    lease.lose()
                }
                Ok(rows) => return Ok(rows),
                Err(why) => {
                    lease.forget();
                    return Err(self.explained(why));
                }
            }
        }
    }

    pub(super) async fn read(&self) -> Result<Session> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        loop {
            let lease = self.pool.read().await?;
            if let Some(session) = self.begin(lease, begin).await? {
                return Ok(session);
            }
        }
    }

    /// The lock comes before the first look at the data, so what the transaction sees is the newest there is.
    pub(super) async fn write(&self, lock: Lock) -> Result<Session> {
        let (isolation, lock) = match lock {
            Lock::Snapshots => (
                "REPEATABLE READ",
                "LOCK TABLE ducklake_snapshot IN SHARE ROW EXCLUSIVE MODE".to_owned(),
            ),
            Lock::Founding => (
                "READ COMMITTED",
                format!("SELECT pg_advisory_xact_lock({FOUNDING})"),
            ),
        };
        let wait = LOCK.as_millis();
        let begin = format!(
            "BEGIN ISOLATION LEVEL {isolation} READ WRITE; SET LOCAL lock_timeout = {wait}; {lock}"
        );
        loop {
            let lease = self.pool.write().await?;
            if let Some(session) = self.begin(lease, &begin).await? {
                return Ok(session);
            }
        }
    }

    /// `None` when the connection was an old one that turned out to be lost.
    async fn begin(&self, mut lease: Lease, begin: &str) -> Result<Option<Session>> {
        lease.enter();
        match lease.client()?.batch_execute(begin).await {
            Ok(()) => Ok(Some(Session {
                lease,
                failed: false,
            })),
            Err(why) if lease.was_idle() && failure::is_lost(&why) => {
                lease.lose();
                Ok(None)
            }
            Err(why) => Err(self.explained(why.into())),
        }
    }

    fn explained(&self, why: Problem) -> Error {
        why.explained(self.pool.server())
    }
}

impl Session {
    pub(super) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let result = query(&mut self.lease, sql, parameters).await;
        self.noted(result)
    }

    pub(super) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64> {
        let result = execute(&mut self.lease, sql, parameters).await;
        self.noted(result)
    }

    fn noted<T>(&mut self, result: Result<T, Problem>) -> Result<T> {
        if result.is_err() {
            self.failed = true;
            self.lease.forget();
        }
        result.map_err(|why| why.explained(self.lease.server()))
    }

    pub(super) async fn commit(self) -> Result<()> {
        if self.failed {
            return Err(Error::internal("a commit after an error"));
        }
        let runtime = self.lease.runtime().clone();
        let task = runtime.spawn(outcome::commit(self.lease));
        task.await.map_err(Error::in_doubt)?
    }

    pub(super) async fn rollback(mut self) -> Result<()> {
        let done = self.lease.client()?.batch_execute("ROLLBACK").await;
        match done {
            Ok(()) => self.lease.leave(),
            // Then the server has rolled back.
            Err(why) if failure::is_lost(&why) => {}
            Err(why) => return Err(failure::failed(self.lease.server(), &why)),
        }
        Ok(())
    }
}

/// What went wrong with a statement, before it is put into words.
enum Problem {
    Server(Failure),
    Ours(Error),
}

impl Problem {
    fn explained(self, server: &Server) -> Error {
        match self {
            Self::Server(why) => failure::failed(server, &why),
            Self::Ours(why) => why,
        }
    }
}

impl From<Failure> for Problem {
    fn from(why: Failure) -> Self {
        Self::Server(why)
    }
}

async fn query(lease: &mut Lease, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Problem> {
    let statement = lease.prepare(sql).await?;
    let client = lease.client().map_err(Problem::Ours)?;
    let rows = client.query(&statement, &bound(parameters)).await?;
    rows.iter()
        .map(|row| value::row(row).map_err(Problem::from))
        .collect()
}

async fn execute(lease: &mut Lease, sql: &str, parameters: &[Value]) -> Result<u64, Problem> {
    let statement = lease.prepare(sql).await?;
    let client = lease.client().map_err(Problem::Ours)?;
    Ok(client.execute(&statement, &bound(parameters)).await?)
}

fn bound(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    let each = parameters.iter();
    each.map(|value| -> &(dyn ToSql + Sync) { value }).collect()
}
