//! The Flight SQL metadata commands, one file each: the schema of the answer, and its one batch.

mod catalogs;
mod columns;
mod db_schemas;
mod keys;
pub(crate) mod like;
pub(crate) mod outcome;
mod sql_info;
mod sql_types;
pub(crate) mod table_types;
mod tables;
mod xdbc_type_info;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use godwit_auth::Intent;
use godwit_protocol::Command;

use crate::call::Call;
use crate::{Error, Flight, Result};

/// The schema of a metadata command's answer.
///
/// # Errors
/// When it is no metadata command.
pub(crate) fn schema(command: &Command) -> Result<SchemaRef> {
    match command {
        Command::Catalogs => Ok(catalogs::schema()),
        Command::DbSchemas { .. } => Ok(db_schemas::schema()),
        Command::Tables(query) => Ok(tables::schema(query)),
        Command::TableTypes => Ok(table_types::schema()),
        Command::PrimaryKeys(_) => Ok(keys::primary_schema()),
        Command::ExportedKeys(_) | Command::ImportedKeys(_) | Command::CrossReference { .. } => {
            Ok(keys::foreign_schema())
        }
        Command::SqlInfo { .. } => Ok(sql_info::schema()),
        Command::XdbcTypeInfo { .. } => Ok(xdbc_type_info::schema()),
        Command::Unsupported { name } => Err(unsupported(name)),
        Command::Statement { .. }
        | Command::Update { .. }
        | Command::Prepared { .. }
        | Command::PreparedUpdate { .. }
        | Command::Ingest(_) => Err(no_metadata(command)),
    }
}

/// The answer to a metadata command.
///
/// # Errors
/// When it is no metadata command, or the catalog cannot be read.
pub(crate) async fn rows(flight: &Flight, call: &Call, command: &Command) -> Result<RecordBatch> {
    let permit = call.permit(flight, Intent::Metadata)?;
    match command {
        Command::Catalogs => {
            let session = call.session(flight)?;
            catalogs::rows(flight.engine.schemas(&session, &permit).await?)
        }
        Command::DbSchemas {
            catalog,
            schema_pattern,
        } => {
            let session = call.session(flight)?;
            let schemas = flight.engine.schemas(&session, &permit).await?;
            db_schemas::rows(schemas, catalog.as_deref(), schema_pattern.as_deref())
        }
        Command::Tables(query) => {
            let session = call.session(flight)?;
            tables::rows(&flight.engine, &session, &permit, query).await
        }
        Command::TableTypes => table_types::rows(),
        Command::PrimaryKeys(table) => {
            let session = call.session(flight)?;
            keys::primary_rows(&flight.engine, &session, &permit, table).await
        }
        Command::ExportedKeys(_) | Command::ImportedKeys(_) | Command::CrossReference { .. } => {
            Ok(RecordBatch::new_empty(schema(command)?))
        }
        Command::SqlInfo { codes } => sql_info::rows(flight, codes),
        Command::XdbcTypeInfo { data_type } => xdbc_type_info::rows(*data_type),
        Command::Unsupported { name } => Err(unsupported(name)),
        Command::Statement { .. }
        | Command::Update { .. }
        | Command::Prepared { .. }
        | Command::PreparedUpdate { .. }
        | Command::Ingest(_) => Err(no_metadata(command)),
    }
}

/// A command that is known and not served.
pub(crate) fn unsupported(name: &'static str) -> Error {
    Error::not_served(format!("{name} is not served; send SQL"))
}

fn no_metadata(command: &Command) -> Error {
    Error::Invalid(format!("{} is no metadata command", command.name()))
}

/// What a builder of the `arrow-flight` crate complains of; it would be a mistake in the use of it.
fn built<T>(result: arrow_flight::error::Result<T>) -> Result<T> {
    result.map_err(|error| match error {
        FlightError::Arrow(error) => Error::Encode(error),
        other => Error::Encode(ArrowError::ExternalError(Box::new(other))),
    })
}

/// Whether an object of the one catalog passes a catalog filter: absent is any, empty asks for what has no catalog.
pub(crate) fn in_catalog(wanted: Option<&str>, catalog: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == catalog)
}
