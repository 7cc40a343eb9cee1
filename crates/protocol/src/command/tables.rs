use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables,
};

use super::{Command, TableQuery, TableRef};

impl From<TableQuery> for CommandGetTables {
    fn from(query: TableQuery) -> Self {
        Self {
            catalog: query.catalog,
            db_schema_filter_pattern: query.schema_pattern,
            table_name_filter_pattern: query.table_pattern,
            table_types: query.types,
            include_schema: query.include_schema,
        }
    }
}

impl From<CommandGetTables> for TableQuery {
    fn from(message: CommandGetTables) -> Self {
        Self {
            catalog: message.catalog,
            schema_pattern: message.db_schema_filter_pattern,
            table_pattern: message.table_name_filter_pattern,
            types: message.table_types,
            include_schema: message.include_schema,
        }
    }
}

// Three messages of the specification have the same three fields.
macro_rules! table_ref {
    ($($message:ident),*) => {
        $(
            impl From<TableRef> for $message {
                fn from(table: TableRef) -> Self {
                    Self {
                        catalog: table.catalog,
                        db_schema: table.schema,
                        table: table.table,
                    }
                }
            }

            impl From<$message> for TableRef {
                fn from(message: $message) -> Self {
                    Self {
                        catalog: message.catalog,
                        schema: message.db_schema,
                        table: message.table,
                    }
                }
            }
        )*
    };
}

table_ref!(
    CommandGetPrimaryKeys,
    CommandGetExportedKeys,
    CommandGetImportedKeys
);

pub(super) fn encode_cross_reference(pk: TableRef, fk: TableRef) -> CommandGetCrossReference {
    CommandGetCrossReference {
        pk_catalog: pk.catalog,
        pk_db_schema: pk.schema,
        pk_table: pk.table,
        fk_catalog: fk.catalog,
        fk_db_schema: fk.schema,
        fk_table: fk.table,
    }
}

pub(super) fn decode_cross_reference(message: CommandGetCrossReference) -> Command {
    Command::CrossReference {
        pk: TableRef {
            catalog: message.pk_catalog,
            schema: message.pk_db_schema,
            table: message.pk_table,
        },
        fk: TableRef {
            catalog: message.fk_catalog,
            schema: message.fk_db_schema,
            table: message.fk_table,
        },
    }
}
