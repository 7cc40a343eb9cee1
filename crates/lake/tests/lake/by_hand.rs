//! Lakes whose rows were written by hand are read as DuckDB reads them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::catalog::TableProvider;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::collect;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, ident};
use godwit_lake::{At, Error, Lake, SnapshotId};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rusqlite::Connection;

use crate::support::Place;

/// A lake that is made row by row.
pub(crate) struct ByHand {
    pub(crate) place: Place,
    runtime: Arc<RuntimeEnv>,
    catalog: Connection,
}

impl ByHand {
    pub(crate) async fn new() -> Self {
        let place = Place::new();
        drop(place.open().await.unwrap());
        let catalog = Connection::open(place.path().join("lake/catalog.sqlite")).unwrap();
        fs::create_dir_all(place.path().join("lake/data/main/t")).unwrap();
        let runtime = Arc::default();
        Self {
            place,
            runtime,
            catalog,
        }
    }

    /// With a table `t` of a number and a text, made by snapshot 1.
    pub(crate) async fn with_table() -> Self {
        let this = Self::new().await;
        this.commit(1, 1, "created_table:\"main\".\"t\"");
        this.sql(
            "INSERT INTO ducklake_table VALUES (1, 'c0ffee00-0000-0000-0000-000000000000', 1, NULL, 0, 't', 't/', 1);
             INSERT INTO ducklake_schema_versions VALUES (1, 1, 1);
             INSERT INTO ducklake_column VALUES (1, 1, NULL, 1, 1, 'a', 'int32', NULL, 'NULL', 1, NULL, 'literal', 'duckdb');
             INSERT INTO ducklake_column VALUES (2, 1, NULL, 1, 2, 'b', 'varchar', NULL, 'NULL', 1, NULL, 'literal', 'duckdb');",
        );
        this
    }

    pub(crate) fn sql(&self, sql: &str) {
        self.catalog.execute_batch(sql).unwrap();
    }

    pub(crate) fn commit(&self, snapshot: i64, schema_version: i64, changes: &str) {
        self.sql(&format!(
            "INSERT INTO ducklake_snapshot VALUES ({snapshot}, '2026-01-01 00:00:{snapshot:02}+00', {schema_version}, 100, 100);
             INSERT INTO ducklake_snapshot_changes VALUES ({snapshot}, '{changes}', NULL, NULL, NULL);"
        ));
    }

    /// Writes a file for the table and says so in the catalog.
    pub(crate) fn file(
        &self,
        id: i64,
        begin: i64,
        row_id_start: i64,
        batch: &RecordBatch,
        group_rows: usize,
    ) {
        let name = format!("f{id}.parquet");
        let bytes = self.parquet(&name, batch, group_rows);
        let rows = batch.num_rows();
        self.sql(&format!(
            "INSERT INTO ducklake_data_file VALUES ({id}, 1, {begin}, NULL, NULL, '{name}', 1, 'parquet', {rows}, {bytes}, NULL,
             {row_id_start}, NULL, NULL, NULL, NULL)"
        ));
    }

    pub(crate) fn parquet(&self, name: &str, batch: &RecordBatch, group_rows: usize) -> u64 {
        let path = self.place.path().join("lake/data/main/t").join(name);
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(group_rows))
            .set_data_page_row_count_limit(group_rows / 4 + 1)
            .set_write_batch_size(group_rows / 4 + 1)
            .build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.close().unwrap();
        fs::metadata(&path).unwrap().len()
    }

    /// Says that a file with these positions deletes rows of a data file.
    pub(crate) fn delete_file(&self, id: i64, begin: i64, of: i64, positions: &[i64]) {
        let name = format!("d{id}-delete.parquet");
        let paths = vec![format!("f{of}.parquet"); positions.len()];
        let batch = RecordBatch::try_from_iter([
            ("file_path", Arc::new(StringArray::from(paths)) as ArrayRef),
            ("pos", Arc::new(Int64Array::from(positions.to_vec()))),
        ])
        .unwrap();
        let bytes = self.parquet(&name, &batch, 1000);
        let count = positions.len();
        self.sql(&format!(
            "INSERT INTO ducklake_delete_file VALUES ({id}, 1, {begin}, NULL, {of}, '{name}', 1, 'parquet', {count}, {bytes}, NULL, NULL, NULL)"
        ));
    }

    pub(crate) async fn lake(&self) -> Lake {
        let runtime = Arc::clone(&self.runtime);
        let place = &self.place;
        Lake::open(&place.config, place.path(), runtime)
            .await
            .unwrap()
    }

    pub(crate) fn context(&self, pushdown: bool) -> SessionContext {
        let mut config = SessionConfig::new().with_target_partitions(4);
        let options = config.options_mut();
        options.optimizer.repartition_file_min_size = 1;
        options.execution.parquet.pushdown_filters = pushdown;
        SessionContext::new_with_config_rt(config, Arc::clone(&self.runtime))
    }

    /// All values of a column of integers, in order.
    pub(crate) async fn column(&self, provider: Arc<dyn TableProvider>, name: &str) -> Vec<i64> {
        let context = self.context(false);
        let frame = context.read_table(provider).unwrap();
        let frame = frame.select(vec![ident(name)]).unwrap();
        numbers(&run(&context, frame).await.unwrap(), name)
    }
}

/// A field that files know by a number.
pub(crate) fn numbered(name: &str, data_type: DataType, id: i64) -> Field {
    let id = HashMap::from([("PARQUET:field_id".to_owned(), id.to_string())]);
    Field::new(name, data_type, true).with_metadata(id)
}

/// Rows of the table `t`: numbers of a range, and `v` with the number.
pub(crate) fn rows(numbers: std::ops::Range<i32>) -> RecordBatch {
    let texts = numbers.clone().map(|n| format!("v{n}"));
    let schema = Schema::new(vec![
        numbered("a", DataType::Int32, 1),
        numbered("b", DataType::Utf8, 2),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(numbers)),
        Arc::new(StringArray::from_iter_values(texts)),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

pub(crate) async fn run(
    context: &SessionContext,
    frame: DataFrame,
) -> Result<Vec<RecordBatch>, Error> {
    let plan = frame.create_physical_plan().await.map_err(ours)?;
    collect(plan, context.task_ctx()).await.map_err(ours)
}

/// The lake's own error within one of the engine's.
pub(crate) fn ours(error: datafusion::error::DataFusionError) -> Error {
    let datafusion::error::DataFusionError::External(error) = error.find_root() else {
        panic!("no error of the lake: {error}");
    };
    error
        .downcast_ref::<Error>()
        .expect("an error of the lake")
        .clone()
}

pub(crate) fn numbers(batches: &[RecordBatch], column: &str) -> Vec<i64> {
    let mut numbers: Vec<i64> = Vec::new();
    for batch in batches {
        let column = batch.column_by_name(column).unwrap();
        let column = arrow::compute::cast(column, &DataType::Int64).unwrap();
        numbers.extend(column.as_primitive::<Int64Type>().iter().flatten());
    }
    numbers.sort_unstable();
    numbers
}

pub(crate) async fn table(lake: &Lake) -> godwit_lake::LakeTable {
    let snapshot = lake.latest().await.unwrap();
    snapshot.table("main", "t").await.unwrap().unwrap()
}

pub(crate) async fn at(lake: &Lake, snapshot: i64) -> godwit_lake::LakeTable {
    let snapshot = lake.at(At::Version(SnapshotId(snapshot))).await.unwrap();
    snapshot.table("main", "t").await.unwrap().unwrap()
}
