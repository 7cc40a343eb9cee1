use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Error, Result, ToSql};

use crate::database::{Row, Value};

pub(super) fn query(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
    let mut statement = prepare(connection, sql, parameters)?;
    let columns = statement.column_count();
    let mut found = Vec::new();
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|at| value(row.get_ref(at)?, at));
        found.push(Row(values.collect::<Result<_>>()?));
    }
    Ok(found)
}

pub(super) fn execute(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<u64> {
    let mut statement = prepare(connection, sql, parameters)?;
    Ok(statement.raw_execute()? as u64)
}

fn prepare<'c>(
    connection: &'c Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    if statement.parameter_count() != parameters.len() {
        let (given, wanted) = (parameters.len(), statement.parameter_count());
        return Err(Error::InvalidParameterCount(given, wanted));
    }
    for (number, parameter) in (1..).zip(parameters) {
        // By name: SQLite numbers them in the order in which the text mentions them.
        let name = format!("${number}");
        match statement.parameter_index(&name)? {
            Some(index) => statement.raw_bind_parameter(index, parameter)?,
            None => return Err(Error::InvalidParameterName(name)),
        }
    }
    Ok(statement)
}

fn value(value: ValueRef<'_>, column: usize) -> Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Real(value) => Value::Real(value),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(why) => return Err(Error::Utf8Error(column, why)),
        },
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

impl ToSql for Value {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Real(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}
