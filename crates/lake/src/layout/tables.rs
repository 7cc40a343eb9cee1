//! The tables of a catalog of version 1.0, with DuckDB's names, types and keys.
//!
//! Source: the DuckLake specification 1.0, and what DuckDB 1.5.5 makes in an empty database.

use crate::database::Dialect;

/// A table of the catalog.
#[derive(Debug)]
pub(crate) struct CatalogTable {
    pub(crate) name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Int,
    Key,
    Text,
    Required,
    Bool,
    Uuid,
    Time,
}

use Kind::{Bool, Int, Key, Required, Text, Time, Uuid};

impl CatalogTable {
    /// The statement that makes it.
    pub(crate) fn create(&self, dialect: Dialect) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, kind)| format!("\"{name}\" {}", kind.sql(dialect)))
            .collect();
        format!("CREATE TABLE {}({})", self.name, columns.join(", "))
    }

    /// Its columns' names.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|(name, _)| *name)
    }
}

impl Kind {
    fn sql(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Int, _) | (Self::Bool, Dialect::Sqlite) => "BIGINT",
            (Self::Key, _) => "BIGINT PRIMARY KEY",
            (Self::Text, _) | (Self::Uuid | Self::Time, Dialect::Sqlite) => "VARCHAR",
            (Self::Required, _) => "VARCHAR NOT NULL",
            (Self::Bool, Dialect::Postgres) => "BOOLEAN",
            (Self::Uuid, Dialect::Postgres) => "UUID",
            (Self::Time, Dialect::Postgres) => "TIMESTAMPTZ",
        }
    }
}

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> CatalogTable {
    CatalogTable { name, columns }
}

/// All of them. Those for inlined rows come and go with the users' tables.
pub(crate) const TABLES: [CatalogTable; 28] = [
    table(
        "ducklake_column",
        &[
            ("column_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("table_id", Int),
            ("column_order", Int),
            ("column_name", Text),
            ("column_type", Text),
            ("initial_default", Text),
            ("default_value", Text),
            ("nulls_allowed", Bool),
            ("parent_column", Int),
            ("default_value_type", Text),
            ("default_value_dialect", Text),
        ],
    ),
    table(
        "ducklake_column_mapping",
        &[("mapping_id", Int), ("table_id", Int), ("type", Text)],
    ),
    table(
        "ducklake_column_tag",
        &[
            ("table_id", Int),
            ("column_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("key", Text),
            ("value", Text),
        ],
    ),
    table(
        "ducklake_data_file",
        &[
            ("data_file_id", Key),
            ("table_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("file_order", Int),
            ("path", Text),
            ("path_is_relative", Bool),
            ("file_format", Text),
            ("record_count", Int),
            ("file_size_bytes", Int),
            ("footer_size", Int),
            ("row_id_start", Int),
            ("partition_id", Int),
            ("encryption_key", Text),
            ("mapping_id", Int),
            ("partial_max", Int),
        ],
    ),
    table(
        "ducklake_delete_file",
        &[
            ("delete_file_id", Key),
            ("table_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("data_file_id", Int),
            ("path", Text),
            ("path_is_relative", Bool),
            ("format", Text),
            ("delete_count", Int),
            ("file_size_bytes", Int),
            ("footer_size", Int),
            ("encryption_key", Text),
            ("partial_max", Int),
        ],
    ),
    table(
        "ducklake_file_column_stats",
        &[
            ("data_file_id", Int),
            ("table_id", Int),
            ("column_id", Int),
            ("column_size_bytes", Int),
            ("value_count", Int),
            ("null_count", Int),
            ("min_value", Text),
            ("max_value", Text),
            ("contains_nan", Bool),
            ("extra_stats", Text),
        ],
    ),
    table(
        "ducklake_file_partition_value",
        &[
            ("data_file_id", Int),
            ("table_id", Int),
            ("partition_key_index", Int),
            ("partition_value", Text),
        ],
    ),
    table(
        "ducklake_file_variant_stats",
        &[
            ("data_file_id", Int),
            ("table_id", Int),
            ("column_id", Int),
            ("variant_path", Text),
            ("shredded_type", Text),
            ("column_size_bytes", Int),
            ("value_count", Int),
            ("null_count", Int),
            ("min_value", Text),
            ("max_value", Text),
            ("contains_nan", Bool),
            ("extra_stats", Text),
        ],
    ),
    table(
        "ducklake_files_scheduled_for_deletion",
        &[
            ("data_file_id", Int),
            ("path", Text),
            ("path_is_relative", Bool),
            ("schedule_start", Time),
        ],
    ),
    table(
        "ducklake_inlined_data_tables",
        &[
            ("table_id", Int),
            ("table_name", Text),
            ("schema_version", Int),
        ],
    ),
    table(
        "ducklake_macro",
        &[
            ("schema_id", Int),
            ("macro_id", Int),
            ("macro_name", Text),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
        ],
    ),
    table(
        "ducklake_macro_impl",
        &[
            ("macro_id", Int),
            ("impl_id", Int),
            ("dialect", Text),
            ("sql", Text),
            ("type", Text),
        ],
    ),
    table(
        "ducklake_macro_parameters",
        &[
            ("macro_id", Int),
            ("impl_id", Int),
            ("column_id", Int),
            ("parameter_name", Text),
            ("parameter_type", Text),
            ("default_value", Text),
            ("default_value_type", Text),
        ],
    ),
    table(
        "ducklake_metadata",
        &[
            ("key", Required),
            ("value", Required),
            ("scope", Text),
            ("scope_id", Int),
        ],
    ),
    table(
        "ducklake_name_mapping",
        &[
            ("mapping_id", Int),
            ("column_id", Int),
            ("source_name", Text),
            ("target_field_id", Int),
            ("parent_column", Int),
            ("is_partition", Bool),
        ],
    ),
    table(
        "ducklake_partition_column",
        &[
            ("partition_id", Int),
            ("table_id", Int),
            ("partition_key_index", Int),
            ("column_id", Int),
            ("transform", Text),
        ],
    ),
    table(
        "ducklake_partition_info",
        &[
            ("partition_id", Int),
            ("table_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
        ],
    ),
    table(
        "ducklake_schema",
        &[
            ("schema_id", Key),
            ("schema_uuid", Uuid),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("schema_name", Text),
            ("path", Text),
            ("path_is_relative", Bool),
        ],
    ),
    table(
        "ducklake_schema_versions",
        &[
            ("begin_snapshot", Int),
            ("schema_version", Int),
            ("table_id", Int),
        ],
    ),
    table(
        "ducklake_snapshot",
        &[
            ("snapshot_id", Key),
            ("snapshot_time", Time),
            ("schema_version", Int),
            ("next_catalog_id", Int),
            ("next_file_id", Int),
        ],
    ),
    table(
        "ducklake_snapshot_changes",
        &[
            ("snapshot_id", Key),
            ("changes_made", Text),
            ("author", Text),
            ("commit_message", Text),
            ("commit_extra_info", Text),
        ],
    ),
    table(
        "ducklake_sort_expression",
        &[
            ("sort_id", Int),
            ("table_id", Int),
            ("sort_key_index", Int),
            ("expression", Text),
            ("dialect", Text),
            ("sort_direction", Text),
            ("null_order", Text),
        ],
    ),
    table(
        "ducklake_sort_info",
        &[
            ("sort_id", Int),
            ("table_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
        ],
    ),
    table(
        "ducklake_table",
        &[
            ("table_id", Int),
            ("table_uuid", Uuid),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("schema_id", Int),
            ("table_name", Text),
            ("path", Text),
            ("path_is_relative", Bool),
        ],
    ),
    table(
        "ducklake_table_column_stats",
        &[
            ("table_id", Int),
            ("column_id", Int),
            ("contains_null", Bool),
            ("contains_nan", Bool),
            ("min_value", Text),
            ("max_value", Text),
            ("extra_stats", Text),
        ],
    ),
    table(
        "ducklake_table_stats",
        &[
            ("table_id", Int),
            ("record_count", Int),
            ("next_row_id", Int),
            ("file_size_bytes", Int),
        ],
    ),
    table(
        "ducklake_tag",
        &[
            ("object_id", Int),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("key", Text),
            ("value", Text),
        ],
    ),
    table(
        "ducklake_view",
        &[
            ("view_id", Int),
            ("view_uuid", Uuid),
            ("begin_snapshot", Int),
            ("end_snapshot", Int),
            ("schema_id", Int),
            ("view_name", Text),
            ("dialect", Text),
            ("sql", Text),
            ("column_aliases", Text),
        ],
    ),
];
