//! The SQL database that the catalog is in: SQLite or PostgreSQL behind one small interface.
//!
//! Statements are written once, in the SQL that both take, with parameters `$1`, `$2` … each first mentioned in that order. Integers and booleans
//! are `BIGINT` columns in SQLite; where PostgreSQL has a type of its own (uuid, timestamptz, boolean), [`Dialect`] writes the cast.

use crate::Result;

/// A value of a parameter or of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A row of a result.
#[derive(Debug, Clone)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The integer (or boolean as 0 or 1) at a place. A null or anything else is [`Error::Broken`].
    pub(crate) fn int(&self, at: usize) -> Result<i64> {
        let _ = at;
        unimplemented!()
    }
    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        let _ = at;
        unimplemented!()
    }
    pub(crate) fn text(&self, at: usize) -> Result<&str> {
        let _ = at;
        unimplemented!()
    }
    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<&str>> {
        let _ = at;
        unimplemented!()
    }
}

/// Which database it is, for the few places where their SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// A text parameter as a value of a uuid column: `$3`, or a cast of it.
    pub(crate) fn uuid(self, parameter: usize) -> String {
        let _ = parameter;
        unimplemented!()
    }
    /// A text parameter as a value of a timestamptz column.
    pub(crate) fn timestamp(self, parameter: usize) -> String {
        let _ = parameter;
        unimplemented!()
    }
    /// A text parameter (or null) as a value of a column of this SQL type (of an inlined table).
    pub(crate) fn cast(self, parameter: usize, sql_type: &str) -> String {
        let _ = (parameter, sql_type);
        unimplemented!()
    }
    /// A column of any type as text, to be read.
    pub(crate) fn text(self, column: &str) -> String {
        let _ = column;
        unimplemented!()
    }
}

/// The open database. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Database {}

/// Several reads that see the database at one moment.
#[derive(Debug)]
pub(crate) struct Reading {}

/// A transaction that writes. In SQLite no other one runs meanwhile. Dropping it rolls it back.
#[derive(Debug)]
pub(crate) struct Writing {}

impl Database {
    pub(crate) fn dialect(&self) -> Dialect {
        unimplemented!()
    }
    /// One read.
    pub(crate) async fn query(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let _ = (sql, parameters);
        unimplemented!()
    }
    pub(crate) async fn read(&self) -> Result<Reading> {
        unimplemented!()
    }
    pub(crate) async fn write(&self) -> Result<Writing> {
        unimplemented!()
    }
}

impl Reading {
    pub(crate) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let _ = (sql, parameters);
        unimplemented!()
    }
}

impl Writing {
    pub(crate) async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
        let _ = (sql, parameters);
        unimplemented!()
    }
    /// The number of rows that it changed.
    pub(crate) async fn execute(&mut self, sql: &str, parameters: &[Value]) -> Result<u64> {
        let _ = (sql, parameters);
        unimplemented!()
    }
    /// Until this returns, nothing has happened. An error that leaves open whether it has says so.
    pub(crate) async fn commit(self) -> Result<()> {
        unimplemented!()
    }
    pub(crate) async fn rollback(self) -> Result<()> {
        unimplemented!()
    }
}
