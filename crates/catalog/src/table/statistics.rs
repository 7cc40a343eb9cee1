use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::cache::cache_manager::CachedFileMetadata;
use datafusion::execution::cache::{SchemaFingerprint, TableScopedPath};
use futures::StreamExt;
use godwit_lake::guard::catch_panic;
use object_store::ObjectStore;

use super::pin::Pins;
use super::unit::parquet_options;
use crate::infer::Layout;
use crate::partition::TableFile;

/// The files of a scan with what is known of their rows, and whether they are all: no more are taken once those at
/// hand surely hold as many rows as are wanted.
pub(super) async fn collect(
    session: &dyn Session,
    store: Arc<dyn ObjectStore>,
    layout: Layout,
    schema: &TableSchema,
    files: &[&TableFile],
    rows_wanted: Option<usize>,
    pins: &Pins,
) -> Result<(Vec<PartitionedFile>, bool)> {
    let reader = Reader {
        session,
        store,
        from_footer: layout == Layout::Parquet && session.config().collect_statistics(),
        fingerprint: Arc::new(SchemaFingerprint::from_schema(schema.file_schema())),
        schema: Arc::clone(schema.file_schema()),
        pins,
    };
    let reads: Vec<_> = files.iter().map(|file| reader.read(file)).collect();
    let concurrency = session
        .config_options()
        .execution
        .meta_fetch_concurrency
        .get();
    let mut reads = futures::stream::iter(reads).buffered(concurrency);
    let mut rows = Precision::Exact(0);
    let mut known = Vec::with_capacity(files.len());
    while let Some(file) = reads.next().await.transpose()? {
        let in_file = file
            .statistics
            .as_ref()
            .map_or(Precision::Absent, |statistics| statistics.num_rows);
        rows = rows.add(&in_file);
        known.push(file);
        if let (Some(wanted), Precision::Exact(rows)) = (rows_wanted, rows)
            && rows >= wanted
        {
            break;
        }
    }
    let complete = known.len() == files.len();
    Ok((known, complete))
}

struct Reader<'a> {
    session: &'a dyn Session,
    store: Arc<dyn ObjectStore>,
    from_footer: bool,
    schema: SchemaRef,
    fingerprint: Arc<SchemaFingerprint>,
    pins: &'a Pins,
}

impl Reader<'_> {
    async fn read(&self, file: &TableFile) -> Result<PartitionedFile> {
        let statistics = if self.from_footer {
            let location = &file.file.meta.location;
            let read = catch_panic(self.footer(file)).await;
            read.map_err(|error| self.pins.explain(location, error))?
        } else {
            let size = usize::try_from(file.file.meta.size).unwrap_or(usize::MAX);
            let unknown = Statistics::new_unknown(&self.schema);
            Arc::new(Statistics {
                total_byte_size: Precision::Inexact(size),
                ..unknown
            })
        };
        let mut partitioned = PartitionedFile::new_from_meta(file.file.meta.clone());
        partitioned.partition_values.clone_from(&file.values);
        // Not by `with_statistics`: it takes every partition value for one that is not null.
        partitioned.statistics = Some(Arc::new(with_partition_values(&statistics, file)));
        Ok(partitioned)
    }

    /// From the engine's own cache, which checks size, time and schema, else from the file.
    async fn footer(&self, file: &TableFile) -> Result<Arc<Statistics>> {
        let meta = &file.file.meta;
        let path = TableScopedPath {
            table: None,
            path: meta.location.clone(),
        };
        let cache = self
            .session
            .runtime_env()
            .cache_manager
            .get_file_statistic_cache();
        if let Some(cache) = &cache
            && let Some(cached) = cache.get(&path)
            && cached.is_valid_for(meta, &self.fingerprint)
        {
            return Ok(cached.statistics);
        }
        let format = ParquetFormat::default().with_options(parquet_options(self.session));
        let statistics = format
            .infer_stats(self.session, &self.store, Arc::clone(&self.schema), meta)
            .await?;
        let statistics = Arc::new(statistics);
        if let Some(cache) = cache {
            let (fingerprint, statistics) =
                (Arc::clone(&self.fingerprint), Arc::clone(&statistics));
            cache.put(
                &path,
                CachedFileMetadata::new(meta.clone(), fingerprint, statistics, None),
            );
        }
        Ok(statistics)
    }
}

fn with_partition_values(statistics: &Statistics, file: &TableFile) -> Statistics {
    let mut statistics = statistics.clone();
    for value in &file.values {
        let unknown = ColumnStatistics::new_unknown();
        statistics.column_statistics.push(if value.is_null() {
            ColumnStatistics {
                null_count: statistics.num_rows,
                ..unknown
            }
        } else {
            ColumnStatistics {
                null_count: Precision::Exact(0),
                min_value: Precision::Exact(value.clone()),
                max_value: Precision::Exact(value.clone()),
                distinct_count: Precision::Exact(1),
                ..unknown
            }
        });
    }
    statistics
}
