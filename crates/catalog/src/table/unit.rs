use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, project_schema};
use datafusion::config::{CsvOptions, TableParquetOptions};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    ArrowSource, AvroSource, CsvSource, FileGroup, FileScanConfigBuilder, FileSource, JsonSource,
    ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::{TableSchema, TableSchemaBuilder};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::scalar::ScalarValue;
use datafusion_datasource::compute_all_files_statistics;
use godwit_lake::guard::guarded;

use super::columns::reads_as;
use super::kept::{Kept, Lookup};
use super::pin::{PinGuard, PinnedStore, Pins};
use super::statistics;
use crate::format::Encoding;
use crate::infer::{Facts, Layout, null_as_text};
use crate::partition::{TableFile, TableFiles};
use crate::shelf::{Compartment, Found, Shelf};

/// How much of an Arrow file in a store is read at once, in bytes.
const PIECE: usize = 8 << 20;

/// Files of a table that one DataFusion source can read, because they are written alike.
#[derive(Debug)]
pub(super) struct Unit {
    layout: Layout,
    encoding: Encoding,
    /// What the source yields: the columns of its files, then those of the folders.
    schema: TableSchema,
    files: Vec<TableFile>,
    /// A row for each file with its values of the partition columns.
    partitions: RecordBatch,
    /// What of its columns is kept decoded.
    kept: Compartment,
}

/// What a scan of a table asks of each of its units.
pub(super) struct Request<'a> {
    pub(super) session: &'a dyn Session,
    pub(super) table_schema: &'a SchemaRef,
    pub(super) projection: Option<&'a Vec<usize>>,
    /// Filters on partition columns alone: they are applied here and nowhere else.
    pub(super) partition_filters: &'a [Expr],
    pub(super) limit: Option<usize>,
    /// Whether the rows that are read are those that count, so that enough rows are enough files.
    pub(super) limit_cuts_files: bool,
    pub(super) pins: &'a Arc<Pins>,
}

/// Cuts a table into units. `columns` are the table's own without those of the folders.
pub(super) fn cut(
    table: &TableFiles,
    facts: &[Arc<Facts>],
    columns: &Fields,
    shelf: &Arc<Shelf>,
) -> Result<Vec<Unit>> {
    let mut groups: HashMap<(Layout, Encoding, Fields), Vec<TableFile>> = HashMap::new();
    let mut order = Vec::new();
    for (file, facts) in table.files.iter().zip(facts) {
        if facts.schema.fields().is_empty() && file.file.encoding.format.is_text() {
            continue;
        }
        let key = (
            facts.layout,
            file.file.encoding,
            read_columns(facts, columns, &table.columns),
        );
        let group = groups.entry(key.clone()).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(file.clone());
    }
    let mut units = Vec::with_capacity(order.len());
    for key in order {
        let files = groups.remove(&key).unwrap_or_default();
        let (layout, encoding, read) = key;
        let partitions = partition_values(&table.columns, &files)?;
        let schema = TableSchemaBuilder::new(Arc::new(Schema::new(read)));
        let schema = schema
            .with_table_partition_cols(table.columns.clone())
            .build();
        units.push(Unit {
            layout,
            encoding,
            schema,
            files,
            partitions,
            kept: shelf.compartment(),
        });
    }
    Ok(units)
}

/// The columns that a source must be told to read from a file. Some sources go by name: they are told the table's and
/// fill in what is missing. The others go by position: they are told the file's.
fn read_columns(facts: &Facts, columns: &Fields, partitions: &[FieldRef]) -> Fields {
    let own = facts.schema.fields();
    let in_folder = |field: &Field| {
        partitions
            .iter()
            .any(|partition| partition.name() == field.name())
    };
    // A partition column hides a column of its name, which must still be counted.
    let hidden = |field: &Field| {
        Arc::new(Field::new(
            format!("\0{}", field.name()),
            field.data_type().clone(),
            true,
        ))
    };
    match facts.layout {
        Layout::Parquet | Layout::Avro => columns.clone(),
        Layout::Csv => {
            let as_in_table = |field: &FieldRef| match columns.find(field.name()) {
                Some((_, column)) => Arc::clone(column),
                None => Arc::new(null_as_text(&hidden(field))),
            };
            own.iter().map(as_in_table).collect()
        }
        Layout::Ndjson => {
            let fits = |field: &FieldRef| match columns.find(field.name()) {
                Some((_, column)) => reads_as(field.data_type(), column.data_type()),
                None => true,
            };
            if own.iter().all(fits) {
                return columns.clone();
            }
            own.iter()
                .filter(|field| !in_folder(field))
                .map(|field| Arc::new(null_as_text(field)))
                .collect()
        }
        Layout::ArrowFile | Layout::ArrowStream => own
            .iter()
            .map(|field| {
                if in_folder(field) {
                    hidden(field)
                } else {
                    Arc::clone(field)
                }
            })
            .collect(),
    }
}

fn partition_values(columns: &[FieldRef], files: &[TableFile]) -> Result<RecordBatch> {
    let schema = Arc::new(Schema::new(columns.to_vec()));
    if columns.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    let column = |index: usize| {
        let values = files
            .iter()
            .filter_map(|file| file.values.get(index).cloned());
        ScalarValue::iter_to_array(values)
    };
    let arrays = (0..columns.len()).map(column).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(schema, arrays)?)
}

impl Unit {
    /// The plan that reads this unit's part of the table, in the table's columns; `None` if no file has a row for it.
    pub(super) async fn scan(
        &self,
        request: &Request<'_>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let found = match self.may_keep(request) {
            true => self.kept.read(request.projection),
            false => Found::Nothing,
        };
        if let Found::Kept(kept) = found {
            return Ok(Some(kept.scan(request.limit)));
        }
        let files = self.selected(request)?;
        if files.is_empty() {
            return Ok(None);
        }
        let session = request.session;
        let store = session
            .runtime_env()
            .object_store(ObjectStoreUrl::local_filesystem())?;
        let store = Arc::new(request.pins.store(store));
        let row_limit = request.limit.filter(|_| request.limit_cuts_files);
        let (files, complete) = statistics::collect(
            session,
            Arc::<PinnedStore>::clone(&store),
            self.layout,
            &self.schema,
            &files,
            row_limit,
            request.pins,
        )
        .await?;
        let files = self.cut_objects(files);
        let groups = FileGroup::new(files).split_files(session.config().target_partitions().max(1));
        let collect = session.config().collect_statistics();
        let (groups, statistics) = compute_all_files_statistics(
            groups,
            Arc::clone(self.schema.table_schema()),
            collect,
            !complete,
        )?;

        // A scan counts what it reads, so that each has a source of its own.
        let config = |groups, statistics| {
            let guard = Arc::new(PinGuard(Arc::clone(request.pins)));
            let source = guarded(self.source(session, Arc::clone(&store)), guard);
            FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
                .with_file_groups(groups)
                .with_statistics(statistics)
                .with_file_compression_type(self.encoding.compression())
        };
        if let (Found::Wanted(most), true) = (found, complete) {
            let config = config(groups.clone(), statistics.clone());
            if let Some(kept) = self.decode(request, config, most).await {
                return Ok(Some(kept.scan(request.limit)));
            }
        }
        let config = config(groups, statistics).with_limit(request.limit);
        if self.has_columns_of(request) {
            let config = config
                .with_projection_indices(request.projection.cloned())?
                .build();
            return Ok(Some(DataSourceExec::from_data_source(config)));
        }
        self.align(request, config).map(Some)
    }

    /// Whether it yields the table's columns as they are.
    fn has_columns_of(&self, request: &Request<'_>) -> bool {
        self.schema.table_schema().fields() == request.table_schema.fields()
    }

    /// Whether all that a request reads may be kept decoded: for lookups, what takes long to decode and is on the disk.
    fn may_keep(&self, request: &Request<'_>) -> bool {
        request.session.config().get_extension::<Lookup>().is_some()
            && self.layout == Layout::Parquet
            && request.partition_filters.is_empty()
            && self.has_columns_of(request)
            && self.files.iter().all(|file| file.file.object.is_none())
    }

    /// Decodes the columns of a request and keeps them, if they are small enough. What goes wrong with them is left to the
    /// scan that was asked for.
    async fn decode(
        &self,
        request: &Request<'_>,
        config: FileScanConfigBuilder,
        most: usize,
    ) -> Option<Arc<Kept>> {
        let config = config.with_projection_indices(request.projection.cloned());
        let scan = DataSourceExec::from_data_source(config.ok()?.build());
        let statistics = scan.data_source().partition_statistics(None).ok()?;
        let scan: Arc<dyn ExecutionPlan> = scan;
        let read = Kept::read(&scan, statistics, request.session, most).await;
        let kept = Arc::new(read.ok()??);
        self.kept.keep(request.projection, &kept);
        Some(kept)
    }

    /// An Arrow file that is no file of the disk is read a piece at a time: the engine's reader takes all of a piece into
    /// memory at once.
    fn cut_objects(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        let is_object = self.files.iter().any(|file| file.file.object.is_some());
        if !is_object || self.layout != Layout::ArrowFile {
            return files;
        }
        let mut pieces = Vec::new();
        for file in files {
            let size = i64::try_from(file.object_meta.size).unwrap_or(i64::MAX);
            let starts = (0..size).step_by(PIECE);
            let end = |start: i64| size.min(start.saturating_add(PIECE as i64));
            pieces.extend(starts.map(|start| file.clone().with_range(start, end(start))));
        }
        pieces
    }

    /// The files that the filters on partition columns leave.
    fn selected(&self, request: &Request<'_>) -> Result<Vec<&TableFile>> {
        let Some(filter) = conjunction(request.partition_filters.iter().cloned()) else {
            return Ok(self.files.iter().collect());
        };
        let schema = DFSchema::try_from(self.partitions.schema())?;
        let filter = request.session.create_physical_expr(filter, &schema)?;
        let matches = filter
            .evaluate(&self.partitions)?
            .into_array(self.partitions.num_rows())?;
        let matches = matches.as_boolean().iter();
        Ok(self
            .files
            .iter()
            .zip(matches)
            .filter(|(_, matches)| *matches == Some(true))
            .map(|(file, _)| file)
            .collect())
    }

    /// Brings columns that the source yields in another order or type into the table's.
    fn align(
        &self,
        request: &Request<'_>,
        config: FileScanConfigBuilder,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table = request.table_schema;
        let adapter = DefaultPhysicalExprAdapterFactory
            .create(Arc::clone(table), Arc::clone(self.schema.table_schema()))?;
        let wanted = project_schema(table, request.projection)?;
        let mut columns = Vec::with_capacity(wanted.fields().len());
        for field in wanted.fields() {
            let column = Column::new_with_schema(field.name(), table)?;
            columns.push((adapter.rewrite(Arc::new(column))?, field.name().clone()));
        }
        let read: BTreeSet<_> = columns
            .iter()
            .flat_map(|(column, _)| collect_columns(column))
            .map(|column| column.index())
            .collect();
        let config = config
            .with_projection_indices(Some(read.into_iter().collect()))?
            .build();
        let scan = DataSourceExec::from_data_source(config);
        let columns = columns
            .into_iter()
            .map(|(expr, alias)| {
                Ok(ProjectionExpr {
                    expr: reassign_expr_columns(expr, &scan.schema())?,
                    alias,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }

    fn source(&self, session: &dyn Session, store: Arc<PinnedStore>) -> Arc<dyn FileSource> {
        let schema = self.schema.clone();
        match self.layout {
            Layout::Parquet => {
                let options = parquet_options(session);
                let cache = session
                    .runtime_env()
                    .cache_manager
                    .get_file_metadata_cache();
                let hint = options.global.metadata_size_hint;
                let mut source = ParquetSource::new(schema)
                    .with_table_parquet_options(options)
                    .with_parquet_file_reader_factory(Arc::new(
                        CachedParquetFileReaderFactory::new(store, cache),
                    ));
                if let Some(hint) = hint {
                    source = source.with_metadata_size_hint(hint);
                }
                Arc::new(source)
            }
            Layout::Csv => Arc::new(CsvSource::new(schema).with_csv_options(CsvOptions {
                has_header: Some(self.encoding.header),
                delimiter: self.encoding.delimiter,
                // A quoted value may hold a line break, so a file cannot be cut at any line break.
                newlines_in_values: Some(true),
                ..CsvOptions::default()
            })),
            Layout::Ndjson => Arc::new(JsonSource::new(schema)),
            Layout::ArrowFile => Arc::new(ArrowSource::new_file_source(schema)),
            Layout::ArrowStream => Arc::new(ArrowSource::new_stream_file_source(schema)),
            Layout::Avro => Arc::new(AvroSource::new(schema)),
        }
    }
}

/// The session's settings for reading Parquet.
pub(super) fn parquet_options(session: &dyn Session) -> TableParquetOptions {
    TableParquetOptions {
        global: session.config_options().execution.parquet.clone(),
        ..TableParquetOptions::default()
    }
}
