use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

use super::*;

fn tables(rows: &[(Option<&str>, &str, &str)]) -> Rows {
    let fields = ["catalog_name", "db_schema_name", "table_name"]
        .map(|name| Field::new(name, DataType::Utf8, true));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let catalogs: StringArray = rows.iter().map(|row| row.0).collect();
    let schemas: StringArray = rows.iter().map(|row| Some(row.1)).collect();
    let names: StringArray = rows.iter().map(|row| Some(row.2)).collect();
    let batch = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![Arc::new(catalogs), Arc::new(schemas), Arc::new(names)],
    );
    Rows {
        schema: Some(schema),
        batches: vec![batch.unwrap()],
        largest: 0,
    }
}

#[test]
fn a_table_of_the_user_comes_first() {
    let rows = tables(&[
        (Some("c"), "information_schema", "columns"),
        (None, "", "trips"),
        (Some("c"), "s", "later"),
    ]);
    assert_eq!(best_table(&rows).unwrap().parts, ["trips"]);
    let rows = tables(&[(Some("c"), "SYSTEM", "queries")]);
    assert_eq!(best_table(&rows).unwrap().parts, ["c", "SYSTEM", "queries"]);
    assert_eq!(best_table(&tables(&[])), None);
}

#[test]
fn names_are_quoted_where_they_must() {
    let parts = ["main", "Order", "a \"b\"", "2x"]
        .map(str::to_owned)
        .to_vec();
    let name = TableName { parts };
    assert_eq!(name.sql(), r#"main."Order"."a ""b"""."2x""#);
    assert_eq!(name.last(), "2x");
}
