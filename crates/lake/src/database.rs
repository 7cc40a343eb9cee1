//! The SQL database that the catalog is in: SQLite or PostgreSQL behind one small interface.
//!
//! Statements are written once, in the SQL that both take, with parameters `$1`, `$2` … each first mentioned in that order. Integers and booleans
//! are `BIGINT` columns in SQLite; where PostgreSQL has a type of its own (uuid, timestamptz, boolean), [`Dialect`] writes the cast.

mod dialect;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod value;

use std::path::Path;

use crate::{Error, Result};

pub(crate) use dialect::Dialect;
pub(crate) use value::{Row, Value};

/// The open database. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// Several reads that see the database at one moment. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Reading {
    session: Session,
}

/// A transaction that writes. No other one of this lake runs meanwhile, so the newest snapshot that it sees stays the
/// newest until it commits. After an error it can only be rolled back. Dropping it rolls it back.
#[derive(Debug)]
pub(crate) struct Writing {
    session: Session,
}

/// When a transaction that writes began. With the turn after it and the same of others, nobody has written between the two
/// but this process, and that in the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Numbers the transactions of this process that write.
    turn: u64,
    /// Another number after every commit of another connection.
    others: i64,
}

/// A connection in a transaction.
#[derive(Debug)]
enum Session {
    Sqlite(sqlite::Session),
    Postgres(postgres::Session),
}

impl Database {
    /// Opens a SQLite file, or makes an empty one.
    pub(crate) async fn sqlite(file: &Path) -> Result<Self> {
        let kind = Kind::Sqlite(sqlite::Sqlite::open(file).await?);
        Ok(Self { kind })
    }

    /// Connects to a PostgreSQL database.
    pub(crate) async fn postgres(url: &str) -> Result<Self> {
        let kind = Kind::Postgres(postgres::Postgres::open(url).await?);
        Ok(Self { kind })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Sqlite(_) => Dialect::Sqlite,
            Kind::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Sets what is kept in the database about how it is used. For one that was recognised: others are left as they are.
    pub(crate) async fn settle(&self) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.settle().await,
            Kind::Postgres(_) => Ok(()),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Sqlite(sqlite) => format!("catalog {}", sqlite.file().display()),
            Kind::Postgres(postgres) => format!("catalog {}", postgres.name()),
        }
    }

    /// Copies the database to an empty file that is there, as it is at one moment. Of SQLite only.
    pub(crate) async fn copy_to(&self, file: &Path) -> Result<()> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.copy_to(file).await,
            Kind::Postgres(_) => Err(Error::internal("a PostgreSQL database is no file")),
        }
    }

    /// One read.
    pub(crate) async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.query(sql, parameters).await,
            Kind::Postgres(postgres) => postgres.query(sql, parameters).await,
        }
    }

    /// One small read that is made with every statement: where the database is at hand it is made at once, on the thread that
    /// asks.
    pub(crate) async fn glance(&self, sql: &'static str) -> Result<Vec<Row>> {
        match &self.kind {
            Kind::Sqlite(sqlite) => sqlite.glance(sql).await,
            Kind::Postgres(postgres) => postgres.query(sql, &[]).await,
        }
    }

    pub(crate) async fn read(&self) -> Result<Reading> {
        let session = match &self.kind {
            Kind::Sqlite(sqlite) => Session::Sqlite(sqlite.read().await?),
            Kind::Postgres(postgres) => Session::Postgres(postgres.read().await?),
        };
        Ok(Reading { session })
    }

    /// Waits for the end of other ones, those of this process as long as they take, those of others ten seconds.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when another process writes all that time.
    pub(crate) async fn write(&self) -> Result<Writing> {
        let session = match &self.kind {
            Kind::Sqlite(sqlite) => Session::Sqlite(sqlite.write().await?),
            Kind::Postgres(postgres) => {
                Session::Postgres(postgres.write(postgres::Lock::Snapshots).await?)
            }
        };
        Ok(Writing { session })
    }

    /// As [`Self::write`], for a thread that does nothing else: where calls block, they block it.
    pub(crate) async fn write_here(&self) -> Result<Writing> {
        let session = match &self.kind {
            Kind::Sqlite(sqlite) => Session::Sqlite(sqlite.write_here().await?),
            Kind::Postgres(_) => return self.write().await,
        };
        Ok(Writing { session })
    }

    /// A transaction that makes the tables; no other one that does runs meanwhile.
    pub(crate) async fn found(&self) -> Result<Writing> {
        let session = match &self.kind {
            Kind::Sqlite(sqlite) => Session::Sqlite(sqlite.write().await?),
            Kind::Postgres(postgres) => {
                Session::Postgres(postgres.write(postgres::Lock::Founding).await?)
            }
        };
        Ok(Writing { session })
    }
}

impl Session {
    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(session) => session.query(sql, parameters).await,
            Self::Postgres(session) => session.query(sql, parameters).await,
        }
    }
}

impl Reading {
    pub(crate) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        self.session.query(sql, parameters).await
    }

    /// What `COPY … TO STDOUT` gives, piece by piece, until `take` does not want any more. Of PostgreSQL only.
    pub(crate) async fn copy_out(
        &mut self,
        sql: &str,
        take: impl FnMut(&[u8]) -> bool,
    ) -> Result<()> {
        match &mut self.session {
            Session::Sqlite(_) => Err(no_copy()),
            Session::Postgres(session) => session.copy_out(sql, take).await,
        }
    }
}

impl Moment {
    /// Whether nobody has written since another transaction began, except for that one.
    pub(crate) fn follows(self, other: Self) -> bool {
        self.turn == other.turn + 1 && self.others == other.others
    }
}

impl Writing {
    /// When it began; `None` where that cannot be told.
    pub(crate) async fn moment(&mut self) -> Result<Option<Moment>> {
        match &mut self.session {
            Session::Sqlite(session) => session.moment().await.map(Some),
            Session::Postgres(_) => Ok(None),
        }
    }

    /// Whether an error has ended it, so that not even what went before the error is left.
    pub(crate) async fn is_ended(&mut self) -> bool {
        match &mut self.session {
            Session::Sqlite(session) => session.is_ended().await,
            Session::Postgres(_) => true,
        }
    }

    pub(crate) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        self.session.query(sql, parameters).await
    }

    /// The number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64> {
        match &mut self.session {
            Session::Sqlite(session) => session.execute(sql, parameters).await,
            Session::Postgres(session) => session.execute(sql, parameters).await,
        }
    }

    /// Gives `COPY … FROM STDIN` what a file holds. Of PostgreSQL only.
    pub(crate) async fn copy_in(&mut self, sql: &str, file: tokio::fs::File) -> Result<()> {
        match &mut self.session {
            Session::Sqlite(_) => Err(no_copy()),
            Session::Postgres(session) => session.copy_in(sql, file).await,
        }
    }

    /// Until this returns, nothing has happened. An error that leaves open whether it has says so, see
    /// [`crate::Error::is_in_doubt`]. When the caller goes away meanwhile, it is finished all the same.
    pub(crate) async fn commit(self) -> Result<()> {
        match self.session {
            Session::Sqlite(session) => session.commit().await,
            Session::Postgres(session) => session.commit().await,
        }
    }

    pub(crate) async fn rollback(self) -> Result<()> {
        match self.session {
            Session::Sqlite(session) => session.rollback().await,
            Session::Postgres(session) => session.rollback().await,
        }
    }
}

fn no_copy() -> Error {
    Error::internal("SQLite has no COPY")
}
