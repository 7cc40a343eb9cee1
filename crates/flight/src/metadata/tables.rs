use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::CommandGetTables;
use godwit_auth::Permit;
use godwit_engine::{Engine, Session, TableEntry, TableInfo};
use godwit_protocol::command::TableQuery;

use super::like::Pattern;
use super::{built, columns, in_catalog, table_types};
use crate::Result;

pub(super) fn schema(query: &TableQuery) -> SchemaRef {
    builder_of(query).into_builder().schema()
}

/// All in one batch: ADBC looks for a table's schema in the first one only.
pub(super) async fn rows(
    engine: &Engine,
    session: &Arc<Session>,
    permit: &Permit,
    query: &TableQuery,
) -> Result<RecordBatch> {
    let schemas = query.schema_pattern.as_deref().map(Pattern::parse);
    let names = query.table_pattern.as_deref().map(Pattern::parse);
    let matches =
        |pattern: &Option<Pattern>, name: &str| pattern.as_ref().is_none_or(|p| p.matches(name));
    let wanted = |table: &TableEntry| {
        table_types::is_wanted(table.kind, &query.types)
            && matches(&schemas, &table.schema)
            && matches(&names, &table.name)
    };
    let tables = engine.tables(session, permit, query.include_schema, &wanted);
    let tables = tables
        .await?
        .into_iter()
        .filter(|table| in_catalog(query.catalog.as_deref(), &table.catalog));
    batch(query, tables)
}

fn batch(query: &TableQuery, tables: impl Iterator<Item = TableInfo>) -> Result<RecordBatch> {
    let mut builder = builder_of(query).into_builder();
    for table in tables {
        // A table that cannot be read is listed without columns, so that it does not hide the others.
        let columns = match &table.arrow_schema {
            Some(_) if query.include_schema => columns::described(&table),
            _ => Schema::empty(),
        };
        let kind = table_types::name(table.kind);
        built(builder.append(&table.catalog, &table.schema, &table.name, kind, &columns))?;
    }
    built(builder.build())
}

/// The builder is given nothing to filter by: its LIKE and its table types are not ours.
fn builder_of(query: &TableQuery) -> CommandGetTables {
    CommandGetTables {
        include_schema: query.include_schema,
        ..CommandGetTables::default()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Field};
    use arrow_flight::IpcMessage;
    use bytes::Bytes;
    use godwit_engine::TableKind;

    use super::*;

    #[test]
    fn tables_are_sorted_and_broken_ones_have_no_columns() {
        let fields = vec![Field::new("a", DataType::Utf8View, false)];
        let table = |schema: &str, name: &str, columns| TableInfo {
            catalog: "godwit".to_owned(),
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind: TableKind::Table,
            arrow_schema: columns,
            rows: None,
            error: None,
            is_writable: false,
            remarks: std::collections::BTreeMap::new(),
        };
        let query = TableQuery {
            include_schema: true,
            ..TableQuery::default()
        };
        let tables = [
            table("files", "b", Some(Arc::new(Schema::new(fields)))),
            table("files", "a", None),
        ];
        let batch = batch(&query, tables.into_iter()).unwrap();
        assert_eq!(batch.schema(), schema(&query));
        let names = batch.column(2).as_string::<i32>();
        assert_eq!(names.iter().flatten().collect::<Vec<_>>(), ["a", "b"]);
        let schemas = batch.column(4).as_binary::<i32>();
        let read = |row: usize| {
            let bytes = schemas.value(row);
            assert_eq!(bytes[..4], [0xff; 4], "an encapsulated message");
            Schema::try_from(IpcMessage(Bytes::copy_from_slice(bytes))).unwrap()
        };
        assert_eq!(read(0).fields().len(), 0);
        assert_eq!(read(1).field(0).data_type(), &DataType::Utf8);
    }
}
