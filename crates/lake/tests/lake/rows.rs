//! Rows in and out of a lake, for tests.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, UInt64Type};
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use godwit_lake::{Lake, NewColumn, NewTable, Snapshot, TableId, TableWriter, Transaction};

use crate::support::runtime;

/// A row of the tables of these tests: a number, a text, and the row id where the commit has given one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) k: i64,
    pub(crate) v: Option<String>,
}

pub(crate) fn row(k: i64, v: &str) -> Row {
    Row {
        k,
        v: Some(v.to_owned()),
    }
}

pub(crate) fn column(name: &str, data_type: DataType, nullable: bool) -> NewColumn {
    NewColumn {
        field: Field::new(name, data_type, nullable),
        default: None,
        initial: None,
    }
}

/// A table in `main` of `k BIGINT NOT NULL, v VARCHAR`.
pub(crate) fn table(name: &str) -> NewTable {
    NewTable {
        schema: "main".to_owned(),
        name: name.to_owned(),
        columns: vec![
            column("k", DataType::Int64, false),
            column("v", DataType::Utf8, true),
        ],
        keys: Vec::new(),
        replace: false,
    }
}

pub(crate) fn batch(writer: &TableWriter, rows: &[Row]) -> RecordBatch {
    let k: Int64Array = rows.iter().map(|row| Some(row.k)).collect();
    let v: StringArray = rows.iter().map(|row| row.v.clone()).collect();
    let schema = Arc::clone(&writer.table().table().arrow);
    RecordBatch::try_new(schema, vec![Arc::new(k) as ArrayRef, Arc::new(v)]).unwrap()
}

pub(crate) async fn insert(transaction: &Transaction, table: TableId, rows: &[Row]) {
    let mut writer = transaction.write(table).await.unwrap();
    let batch = batch(&writer, rows);
    writer.append(batch).await.unwrap();
    let written = writer.finish().await.unwrap();
    assert_eq!(written.appended, rows.len() as u64);
}

/// Numbers, row ids and columns of the rows whose `k` is wanted.
async fn find(
    writer: &TableWriter,
    wanted: impl Fn(i64) -> bool,
) -> (UInt64Array, Int64Array, Vec<Row>) {
    let provider = writer.table().numbered("#n", "#r");
    let (mut numbers, mut ids, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for batch in read(provider).await {
        for at in 0..batch.num_rows() {
            let k = batch.column(2).as_primitive::<Int64Type>().value(at);
            if wanted(k) {
                numbers.push(batch.column(0).as_primitive::<UInt64Type>().value(at));
                let id = batch.column(1).as_primitive::<Int64Type>();
                ids.push(arrow::array::Array::is_valid(id, at).then(|| id.value(at)));
                rows.push(Row {
                    k,
                    v: text(batch.column(3), at),
                });
            }
        }
    }
    (numbers.into(), ids.into_iter().collect(), rows)
}

fn text(column: &ArrayRef, at: usize) -> Option<String> {
    let column = arrow::compute::cast(column, &DataType::Utf8).unwrap();
    let column = column.as_string::<i32>();
    arrow::array::Array::is_valid(column, at).then(|| column.value(at).to_owned())
}

pub(crate) async fn delete(
    transaction: &Transaction,
    table: TableId,
    wanted: impl Fn(i64) -> bool,
) -> u64 {
    let mut writer = transaction.write(table).await.unwrap();
    let (numbers, _, _) = find(&writer, wanted).await;
    let deleted = writer.delete(&numbers).unwrap();
    assert_eq!(writer.delete(&numbers).unwrap(), 0);
    assert_eq!(writer.finish().await.unwrap().deleted, deleted);
    deleted
}

/// Gives the rows whose `k` is wanted another `v`.
pub(crate) async fn update(
    transaction: &Transaction,
    table: TableId,
    v: &str,
    wanted: impl Fn(i64) -> bool,
) -> u64 {
    let mut writer = transaction.write(table).await.unwrap();
    let (numbers, ids, mut rows) = find(&writer, wanted).await;
    for row in &mut rows {
        row.v = Some(v.to_owned());
    }
    let batch = batch(&writer, &rows);
    writer.update(&numbers, &ids, batch).await.unwrap();
    writer.finish().await.unwrap().deleted
}

/// Everything that a provider gives.
pub(crate) async fn read(provider: Arc<dyn TableProvider>) -> Vec<RecordBatch> {
    let session = SessionContext::new_with_config_rt(SessionConfig::new(), runtime());
    let frame = session.read_table(provider).unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    collect(plan, session.task_ctx()).await.unwrap()
}

/// All rows of a table of a snapshot, in the order of `k` and `v`.
pub(crate) async fn rows(snapshot: &Snapshot, name: &str) -> Vec<Row> {
    let batch = scan(snapshot, name).await;
    let k = batch.column(0).as_primitive::<Int64Type>();
    let all = (0..batch.num_rows()).map(|at| Row {
        k: k.value(at),
        v: text(batch.column(1), at),
    });
    let mut all: Vec<Row> = all.collect();
    all.sort();
    all
}

/// The whole of a table of a snapshot.
pub(crate) async fn scan(snapshot: &Snapshot, name: &str) -> RecordBatch {
    let table = snapshot.table("main", name).await.unwrap().unwrap();
    let batches = read(table.provider()).await;
    concat_batches(&table.table().arrow, &batches).unwrap()
}

/// Begins, makes a table of this name and commits.
pub(crate) async fn with_table(lake: &Lake, new: NewTable) -> TableId {
    let name = new.name.clone();
    let transaction = lake.begin().await.unwrap();
    transaction.create_table(new).unwrap();
    transaction.commit().await.unwrap();
    id(lake, &name).await
}

pub(crate) async fn id(lake: &Lake, name: &str) -> TableId {
    let newest = lake.latest().await.unwrap();
    newest.state().table("main", name).unwrap().id
}
