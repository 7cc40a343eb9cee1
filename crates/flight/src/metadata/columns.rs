use std::collections::HashMap;

use arrow::datatypes::{Field, Schema};
use godwit_config::WireProfile;
use godwit_engine::TableInfo;

use super::sql_types::{ColumnType, SqlType};
use crate::encode::WireSchema;

const PREFIX: &str = "ARROW:FLIGHT:SQL:";

/// A table's columns in wire form, each with what clients want to know of it. Some clients have no other source for the
/// name of a column's type.
pub(super) fn described(table: &TableInfo) -> Schema {
    let columns = table.arrow_schema.iter();
    let columns = columns.flat_map(|schema| {
        let wire = WireSchema::new(schema, WireProfile::Compat);
        let fields = wire.schema().fields().iter();
        fields
            .map(|field| described_field(table, field))
            .collect::<Vec<_>>()
    });
    Schema::new(columns.collect::<Vec<_>>())
}

fn described_field(table: &TableInfo, field: &Field) -> Field {
    let column = ColumnType::of(field.data_type());
    let is_text = column.sql == SqlType::Varchar;
    let writable = table.is_writable;
    let mut metadata: HashMap<String, String> = field.metadata().clone();
    let mut tell = |key: &str, value: String| metadata.insert(format!("{PREFIX}{key}"), value);
    tell("CATALOG_NAME", table.catalog.clone());
    // The specification says the first, and clients read the second.
    tell("DB_SCHEMA_NAME", table.schema.clone());
    tell("SCHEMA_NAME", table.schema.clone());
    tell("TABLE_NAME", table.name.clone());
    tell("TYPE_NAME", column.sql.name().to_owned());
    if let Some(precision) = column.precision {
        tell("PRECISION", precision.to_string());
    }
    if let Some(scale) = column.scale {
        tell("SCALE", scale.to_string());
    }
    tell("IS_AUTO_INCREMENT", flag(false));
    tell("IS_CASE_SENSITIVE", flag(is_text));
    tell("IS_READ_ONLY", flag(!writable));
    tell("IS_SEARCHABLE", flag(true));
    if let Some(remarks) = table.remarks.get(field.name()) {
        tell("REMARKS", remarks.clone());
    }
    field.clone().with_metadata(metadata)
}

fn flag(yes: bool) -> String {
    u8::from(yes).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::datatypes::DataType;
    use godwit_engine::TableKind;

    use super::*;

    #[test]
    fn a_column_says_all_that_clients_read() {
        let field = Field::new("price", DataType::Decimal64(12, 2), true).with_metadata(
            HashMap::from([("PARQUET:field_id".to_owned(), "7".to_owned())]),
        );
        let table = TableInfo {
            catalog: "godwit".to_owned(),
            schema: "files".to_owned(),
            name: "t".to_owned(),
            kind: TableKind::Table,
            arrow_schema: Some(Arc::new(Schema::new(vec![field]))),
            rows: None,
            error: None,
            is_writable: false,
            remarks: BTreeMap::from([("price".to_owned(), "with tax".to_owned())]),
        };
        let described = described(&table);
        let field = described.field(0);
        assert_eq!(field.data_type(), &DataType::Decimal128(12, 2));
        let expected = [
            ("CATALOG_NAME", "godwit"),
            ("DB_SCHEMA_NAME", "files"),
            ("SCHEMA_NAME", "files"),
            ("TABLE_NAME", "t"),
            ("TYPE_NAME", "DECIMAL"),
            ("PRECISION", "12"),
            ("SCALE", "2"),
            ("IS_AUTO_INCREMENT", "0"),
            ("IS_CASE_SENSITIVE", "0"),
            ("IS_READ_ONLY", "1"),
            ("IS_SEARCHABLE", "1"),
            ("REMARKS", "with tax"),
        ];
        for (key, value) in expected {
            let found = field.metadata().get(&format!("{PREFIX}{key}"));
            assert_eq!(found.map(String::as_str), Some(value), "{key}");
        }
        assert_eq!(field.metadata().len(), expected.len());
    }
}
