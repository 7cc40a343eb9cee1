//! Flight SQL commands, as they stand in descriptors: the only place that decodes them.

use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandGetXdbcTypeInfo, CommandPreparedStatementQuery, CommandPreparedStatementUpdate,
    CommandStatementQuery, CommandStatementSubstraitPlan, CommandStatementUpdate,
};
use bytes::Bytes;

use crate::{
    error::{Error, Result, displayed},
    packed::{Packed, pack},
};

pub use arrow_flight::sql::CommandStatementIngest;

mod tables;
#[cfg(test)]
mod tests;

use tables::{decode_cross_reference, encode_cross_reference};

/// Largest command, in bytes, except for those that carry SQL text or a prepared statement handle; those are limited
/// by what reads them. Decoded, a command of many tiny parts needs a multiple of its size.
pub const MAX_COMMAND_BYTES: usize = 1 << 20;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Run SQL and return its rows.
    Statement {
        /// The SQL text.
        query: String,
        /// The transaction it belongs to.
        transaction: Option<Bytes>,
    },
    /// Run SQL and return how many rows it affected.
    Update {
        /// The SQL text.
        query: String,
        /// The transaction it belongs to.
        transaction: Option<Bytes>,
    },
    /// Run, or bind parameters to, a prepared statement that returns rows.
    Prepared {
        /// The sealed handle.
        handle: Bytes,
    },
    /// Run a prepared statement that returns a row count.
    PreparedUpdate {
        /// The sealed handle.
        handle: Bytes,
    },
    /// Append the rows of the stream to a table.
    Ingest(CommandStatementIngest),
    /// List catalogs.
    Catalogs,
    /// List schemas.
    DbSchemas {
        /// Exact catalog name; empty for schemas without a catalog.
        catalog: Option<String>,
        /// LIKE pattern.
        schema_pattern: Option<String>,
    },
    /// List tables.
    Tables(TableQuery),
    /// List the types that tables have.
    TableTypes,
    /// The primary key of a table.
    PrimaryKeys(TableRef),
    /// The foreign keys that refer to a table.
    ExportedKeys(TableRef),
    /// The foreign keys of a table.
    ImportedKeys(TableRef),
    /// The foreign keys of one table that refer to another.
    CrossReference {
        /// The table referred to.
        pk: TableRef,
        /// The table that refers.
        fk: TableRef,
    },
    /// Facts about the server.
    SqlInfo {
        /// Which ones; empty for all.
        codes: Vec<u32>,
    },
    /// Facts about the data types.
    XdbcTypeInfo {
        /// Only this type.
        data_type: Option<i32>,
    },
    /// A Flight SQL command that is known and not served.
    Unsupported {
        /// Its message name.
        name: &'static str,
    },
}

/// Which tables to list, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableQuery {
    /// Exact catalog name; empty for tables without a catalog.
    pub catalog: Option<String>,
    /// LIKE pattern.
    pub schema_pattern: Option<String>,
    /// LIKE pattern.
    pub table_pattern: Option<String>,
    /// Table types; empty for all.
    pub types: Vec<String>,
    /// Whether to add the column `table_schema`.
    pub include_schema: bool,
}

/// Names one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRef {
    /// Exact catalog name; empty for tables without a catalog.
    pub catalog: Option<String>,
    /// Exact schema name; empty for tables without a schema.
    pub schema: Option<String>,
    /// Exact table name.
    pub table: String,
}

impl Command {
    /// Reads the `cmd` bytes of a descriptor.
    ///
    /// Bytes that are no packed message but printable text are SQL, sent bare: some drivers do not pack it.
    ///
    /// # Errors
    /// [`Error::UnknownCommand`] for a packed message of another type, [`Error::TooLarge`] above
    /// [`MAX_COMMAND_BYTES`], [`Error::Malformed`] for everything else that is no command.
    pub fn decode(cmd: &[u8]) -> Result<Self> {
        match Packed::decode(cmd) {
            Some(packed) => Self::from_packed(&packed),
            None => Ok(Self::Statement {
                query: sql_text(cmd)?,
                transaction: None,
            }),
        }
    }

    /// The name of the Flight SQL message.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Statement { .. } => "CommandStatementQuery",
            Self::Update { .. } => "CommandStatementUpdate",
            Self::Prepared { .. } => "CommandPreparedStatementQuery",
            Self::PreparedUpdate { .. } => "CommandPreparedStatementUpdate",
            Self::Ingest(_) => "CommandStatementIngest",
            Self::Catalogs => "CommandGetCatalogs",
            Self::DbSchemas { .. } => "CommandGetDbSchemas",
            Self::Tables(_) => "CommandGetTables",
            Self::TableTypes => "CommandGetTableTypes",
            Self::PrimaryKeys(_) => "CommandGetPrimaryKeys",
            Self::ExportedKeys(_) => "CommandGetExportedKeys",
            Self::ImportedKeys(_) => "CommandGetImportedKeys",
            Self::CrossReference { .. } => "CommandGetCrossReference",
            Self::SqlInfo { .. } => "CommandGetSqlInfo",
            Self::XdbcTypeInfo { .. } => "CommandGetXdbcTypeInfo",
            Self::Unsupported { name } => name,
        }
    }

    /// The packed bytes that [`Command::decode`] reads as this.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self.clone() {
            Self::Statement { query, transaction } => {
                let transaction_id = transaction;
                pack(&CommandStatementQuery {
                    query,
                    transaction_id,
                })
            }
            Self::Update { query, transaction } => {
                let transaction_id = transaction;
                pack(&CommandStatementUpdate {
                    query,
                    transaction_id,
                })
            }
            Self::Prepared { handle } => {
                let prepared_statement_handle = handle;
                pack(&CommandPreparedStatementQuery {
                    prepared_statement_handle,
                })
            }
            Self::PreparedUpdate { handle } => {
                let prepared_statement_handle = handle;
                pack(&CommandPreparedStatementUpdate {
                    prepared_statement_handle,
                })
            }
            Self::Ingest(ingest) => pack(&ingest),
            Self::Catalogs => pack(&CommandGetCatalogs {}),
            Self::DbSchemas {
                catalog,
                schema_pattern,
            } => {
                let db_schema_filter_pattern = schema_pattern;
                pack(&CommandGetDbSchemas {
                    catalog,
                    db_schema_filter_pattern,
                })
            }
            Self::Tables(query) => pack(&CommandGetTables::from(query)),
            Self::TableTypes => pack(&CommandGetTableTypes {}),
            Self::PrimaryKeys(table) => pack(&CommandGetPrimaryKeys::from(table)),
            Self::ExportedKeys(table) => pack(&CommandGetExportedKeys::from(table)),
            Self::ImportedKeys(table) => pack(&CommandGetImportedKeys::from(table)),
            Self::CrossReference { pk, fk } => pack(&encode_cross_reference(pk, fk)),
            Self::SqlInfo { codes } => pack(&CommandGetSqlInfo { info: codes }),
            Self::XdbcTypeInfo { data_type } => pack(&CommandGetXdbcTypeInfo { data_type }),
            Self::Unsupported { .. } => pack(&CommandStatementSubstraitPlan::default()),
        }
    }

    fn from_packed(packed: &Packed) -> Result<Self> {
        Ok(match packed.name() {
            "CommandStatementQuery" => {
                let CommandStatementQuery {
                    query,
                    transaction_id,
                } = packed.read()?;
                Self::Statement {
                    query,
                    transaction: transaction_id,
                }
            }
            "CommandStatementUpdate" => {
                let CommandStatementUpdate {
                    query,
                    transaction_id,
                } = packed.read()?;
                Self::Update {
                    query,
                    transaction: transaction_id,
                }
            }
            "CommandPreparedStatementQuery" => Self::Prepared {
                handle: packed
                    .read::<CommandPreparedStatementQuery>()?
                    .prepared_statement_handle,
            },
            "CommandPreparedStatementUpdate" => Self::PreparedUpdate {
                handle: packed
                    .read::<CommandPreparedStatementUpdate>()?
                    .prepared_statement_handle,
            },
            "CommandStatementIngest" => Self::Ingest(packed.read_small()?),
            "CommandStatementSubstraitPlan" => Self::Unsupported {
                name: "CommandStatementSubstraitPlan",
            },
            _ => return Self::metadata(packed),
        })
    }

    fn metadata(packed: &Packed) -> Result<Self> {
        Ok(match packed.name() {
            "CommandGetCatalogs" => packed
                .read_small::<CommandGetCatalogs>()
                .map(|_| Self::Catalogs)?,
            "CommandGetDbSchemas" => {
                let CommandGetDbSchemas {
                    catalog,
                    db_schema_filter_pattern,
                } = packed.read_small()?;
                Self::DbSchemas {
                    catalog,
                    schema_pattern: db_schema_filter_pattern,
                }
            }
            "CommandGetTables" => Self::Tables(packed.read_small::<CommandGetTables>()?.into()),
            "CommandGetTableTypes" => packed
                .read_small::<CommandGetTableTypes>()
                .map(|_| Self::TableTypes)?,
            "CommandGetPrimaryKeys" => {
                Self::PrimaryKeys(packed.read_small::<CommandGetPrimaryKeys>()?.into())
            }
            "CommandGetExportedKeys" => {
                Self::ExportedKeys(packed.read_small::<CommandGetExportedKeys>()?.into())
            }
            "CommandGetImportedKeys" => {
                Self::ImportedKeys(packed.read_small::<CommandGetImportedKeys>()?.into())
            }
            "CommandGetCrossReference" => decode_cross_reference(packed.read_small()?),
            "CommandGetSqlInfo" => Self::SqlInfo {
                codes: packed.read_small::<CommandGetSqlInfo>()?.info,
            },
            "CommandGetXdbcTypeInfo" => Self::XdbcTypeInfo {
                data_type: packed.read_small::<CommandGetXdbcTypeInfo>()?.data_type,
            },
            _ => {
                return Err(Error::UnknownCommand {
                    type_url: displayed(packed.type_url()),
                });
            }
        })
    }
}

/// Bare SQL: text that a person could have written.
fn sql_text(cmd: &[u8]) -> Result<String> {
    let malformed = |why| Err(Error::malformed("command", why));
    let Ok(text) = std::str::from_utf8(cmd) else {
        return malformed("neither a packed Flight SQL message nor SQL text");
    };
    if text.trim().is_empty() {
        return malformed("it is empty");
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
    {
        return malformed("neither a packed Flight SQL message nor SQL text");
    }
    Ok(text.to_owned())
}
