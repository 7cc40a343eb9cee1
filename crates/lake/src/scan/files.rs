//! One scan over many Parquet files.
//!
//! The engine's source sees the table's columns under names of its own, `name#number`, which no file has: so it never takes
//! a file's column for one of the table because they are called alike. [`super::adapter`] finds the right ones.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetRowSelection,
};
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::table_schema::{TableSchema, TableSchemaBuilder};
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    self, BinaryExpr, CastExpr, Column as ColumnExpr, case,
};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion_datasource::source::DataSourceExec;
use object_store::ObjectMeta;
use object_store::path::Path;
use parquet::arrow::RowNumber as RowNumberType;
use parquet::arrow::arrow_reader::RowSelection;

use super::Output;
use super::adapter::AdapterFactory;
use super::assemble::Mapping;
use super::blame::Files;
use crate::guard::guarded;
use crate::{Column, DataFile, Deleted, LakeTable, Part, RowNumber, Rows, stats};

/// Names that no column has, for what is not a column of the table.
const ROW_IDS: &str = "#row_id";
const FIRST_NUMBER: &str = "#first_number";
const FIRST_ROW_ID: &str = "#first_row_id";
const POSITION: &str = "#position";
/// Keeps the schema of the scan from ever being that of a file: the engine adapts nothing where both are the same.
const NEVER: &str = "#never";

/// What is asked of a scan.
pub(super) struct Request<'a> {
    pub(super) session: &'a dyn Session,
    pub(super) outputs: &'a [Output],
    pub(super) schema: &'a SchemaRef,
    pub(super) filters: &'a [Expr],
    pub(super) limit: Option<usize>,
}

/// A plan for each way that columns are found by: one for most tables, none where there is no file.
pub(super) fn scan<'a>(
    table: &LakeTable,
    parts: impl Iterator<Item = (usize, &'a Part)>,
    request: &Request<'_>,
) -> Result<Vec<Arc<dyn ExecutionPlan>>> {
    let files = parts.filter_map(|(number, part)| match &part.rows {
        Rows::File(file) if part.live_rows() > 0 => Some((number, file, part)),
        _ => None,
    });
    let files: Vec<_> = files.collect();
    let all: Vec<_> = files.iter().map(|(_, file, _)| Arc::clone(file)).collect();
    let kept = prune(&all, table, request)?;
    let mut groups: Vec<(Mapping, Vec<Chosen<'_>>)> = Vec::new();
    for ((number, file, part), _) in files.into_iter().zip(kept).filter(|(_, kept)| *kept) {
        let chosen = Chosen { number, file, part };
        match groups
            .iter_mut()
            .find(|(mapping, _)| *mapping == file.mapping)
        {
            Some((_, group)) => group.push(chosen),
            None => groups.push((file.mapping.clone(), vec![chosen])),
        }
    }
    let columns = Columns::of(&table.table().columns);
    groups
        .into_iter()
        .map(|(mapping, files)| columns.scan(table, mapping, &files, request))
        .collect()
}

/// Which files may have rows that the filters take.
fn prune(files: &[Arc<DataFile>], table: &LakeTable, request: &Request<'_>) -> Result<Vec<bool>> {
    let table = table.table();
    let about_columns = |filter: &&Expr| {
        let mut columns = filter.column_refs().into_iter();
        columns.all(|column| table.column(&column.name).is_some())
    };
    let filters = request.filters.iter().filter(about_columns).cloned();
    let Some(filter) = conjunction(filters) else {
        return Ok(vec![true; files.len()]);
    };
    let schema = DFSchema::try_from(Arc::clone(&table.arrow))?;
    let filter = request.session.create_physical_expr(filter, &schema)?;
    Ok(stats::prune(files, table, &filter)?)
}

struct Chosen<'a> {
    number: usize,
    file: &'a Arc<DataFile>,
    part: &'a Part,
}

/// What the engine's source sees.
struct Columns {
    by_name: Arc<HashMap<String, Arc<Column>>>,
    names: Vec<String>,
    schema: TableSchema,
}

impl Columns {
    fn of(columns: &[Column]) -> Self {
        let names: Vec<_> = columns
            .iter()
            .map(|column| format!("{}#{}", column.field.name(), column.id))
            .collect();
        let fields = columns.iter().zip(&names);
        let mut fields: Vec<FieldRef> = fields
            .map(|(column, name)| Arc::new(column.field.as_ref().clone().with_name(name)))
            .collect();
        fields.push(Arc::new(Field::new(ROW_IDS, DataType::Int64, true)));
        fields.push(Arc::new(Field::new(NEVER, DataType::Null, true)));
        let of_file: Vec<FieldRef> = vec![
            Arc::new(Field::new(FIRST_NUMBER, DataType::UInt64, false)),
            Arc::new(Field::new(FIRST_ROW_ID, DataType::Int64, true)),
        ];
        let position =
            Field::new(POSITION, DataType::Int64, false).with_extension_type(RowNumberType);
        let schema = TableSchemaBuilder::new(Arc::new(Schema::new(fields)))
            .with_table_partition_cols(of_file)
            .with_virtual_columns(vec![Arc::new(position)])
            .build();
        let by_name = names.iter().cloned().zip(columns);
        let by_name = by_name.map(|(name, column)| (name, Arc::new(column.clone())));
        Self {
            by_name: Arc::new(by_name.collect()),
            names,
            schema,
        }
    }

    fn scan(
        &self,
        table: &LakeTable,
        mapping: Mapping,
        files: &[Chosen<'_>],
        request: &Request<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let outputs = request.outputs.iter().zip(request.schema.fields());
        let outputs = outputs
            .map(|(output, field)| Ok((self.output(*output)?, field.name().clone())))
            .collect::<Result<Vec<_>>>()?;
        let read: BTreeSet<_> = outputs
            .iter()
            .flat_map(|(expr, _)| collect_columns(expr))
            .map(|column| column.index())
            .collect();
        let (store, files) = self.files(table, files)?;
        let rows = rows(&files);
        let partitions = request.session.config().target_partitions().max(1);
        let groups = FileGroup::new(files).split_files(partitions);
        let adapter = AdapterFactory {
            columns: Arc::clone(&self.by_name),
            row_ids: ROW_IDS,
            mapping,
        };
        // The reader makes the positions of all rows where it is told of them, whether they are asked for or not.
        let schema = if read.contains(&self.schema.table_schema().index_of(POSITION)?) {
            self.schema.clone()
        } else {
            TableSchemaBuilder::new(Arc::clone(self.schema.file_schema()))
                .with_table_partition_cols(self.schema.table_partition_cols().clone())
                .build()
        };
        let config = FileScanConfigBuilder::new(store, source(table, schema, request)?)
            .with_file_groups(groups)
            .with_statistics(self.statistics(rows))
            .with_limit(request.limit)
            .with_expr_adapter(Some(Arc::new(adapter)))
            .with_projection_indices(Some(read.into_iter().collect()))?
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        let columns = outputs.into_iter().map(|(expr, alias)| {
            let expr = reassign_expr_columns(expr, &scan.schema())?;
            Ok(ProjectionExpr { expr, alias })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }

    /// The files as the engine takes them, and where they are.
    fn files(
        &self,
        table: &LakeTable,
        files: &[Chosen<'_>],
    ) -> Result<(ObjectStoreUrl, Vec<PartitionedFile>)> {
        let storage = &table.lake.inner.storage;
        let mut store = None;
        let mut listed = Vec::with_capacity(files.len());
        for Chosen { number, file, part } in files {
            let location = storage.locate(&file.path)?;
            store = Some(location.store);
            let rows = part.live_rows();
            let mut entry = entry(location.path, file.bytes)
                .with_partition_values(vec![
                    ScalarValue::UInt64(Some(RowNumber::new(*number, 0).0)),
                    ScalarValue::Int64(file.row_id_start),
                ])
                .with_statistics(Arc::new(self.statistics(usize::try_from(rows).ok())));
            // Eight bytes more: the footer's length and the mark at the file's end.
            if let Some(footer) = file.footer_bytes.and_then(|n| usize::try_from(n).ok()) {
                entry = entry.with_metadata_size_hint(footer.saturating_add(8));
            }
            if let Some(deleted) = &part.deleted {
                entry = entry.with_extension(ParquetRowSelection::new(living(deleted)));
            }
            listed.push(entry);
        }
        let store = store.unwrap_or_else(ObjectStoreUrl::local_filesystem);
        Ok((store, listed))
    }

    /// How many rows there are; nothing else is told to the engine, which would take it for the truth about every row.
    fn statistics(&self, rows: Option<usize>) -> Statistics {
        Statistics {
            num_rows: rows.map_or(Precision::Absent, Precision::Exact),
            ..Statistics::new_unknown(self.schema.file_schema())
        }
    }

    /// A column of the scan over those of the source.
    fn output(&self, output: Output) -> Result<Arc<dyn PhysicalExpr>> {
        match output {
            Output::Column(place) => Ok(Arc::new(ColumnExpr::new(&self.names[place], place))),
            Output::Number => {
                let position = Arc::new(CastExpr::new(
                    self.source(POSITION)?,
                    DataType::UInt64,
                    None,
                ));
                Ok(plus(self.source(FIRST_NUMBER)?, position))
            }
            Output::RowId => {
                let embedded = self.source(ROW_IDS)?;
                let is_there = expressions::is_not_null(Arc::clone(&embedded))?;
                let counted = plus(self.source(FIRST_ROW_ID)?, self.source(POSITION)?);
                case(None, vec![(is_there, embedded)], Some(counted))
            }
        }
    }

    fn source(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let column = ColumnExpr::new_with_schema(name, self.schema.table_schema())?;
        Ok(Arc::new(column))
    }
}

/// A file as the engine's readers take it.
pub(crate) fn entry(location: Path, bytes: u64) -> PartitionedFile {
    PartitionedFile::new_from_meta(ObjectMeta {
        location,
        // A file never changes under its name, so that any moment tells a kept footer from no other.
        last_modified: DateTime::<Utc>::UNIX_EPOCH,
        size: bytes,
        e_tag: None,
        version: None,
    })
}

fn rows(files: &[PartitionedFile]) -> Option<usize> {
    let rows = files.iter().map(|file| {
        let statistics = file.statistics.as_ref()?;
        statistics.num_rows.get_value().copied()
    });
    rows.sum()
}

fn plus(left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    Arc::new(BinaryExpr::new(left, Operator::Plus, right))
}

/// The rows of a file that are not deleted.
fn living(deleted: &Deleted) -> RowSelection {
    let rows = deleted.rows.len();
    let mut living = Vec::new();
    let mut end = 0;
    for (from, to) in deleted.rows.set_slices() {
        living.push(end..from);
        end = to;
    }
    living.push(end..rows);
    RowSelection::from_consecutive_ranges(
        living.into_iter().filter(|range| !range.is_empty()),
        rows,
    )
}

/// The engine's source, with the session's settings.
fn source(
    table: &LakeTable,
    schema: TableSchema,
    request: &Request<'_>,
) -> Result<Arc<dyn FileSource>> {
    let options = TableParquetOptions {
        global: request.session.config_options().execution.parquet.clone(),
        ..TableParquetOptions::default()
    };
    let runtime = request.session.runtime_env();
    let cache = runtime.cache_manager.get_file_metadata_cache();
    let store = Arc::clone(table.lake.inner.storage.store());
    let readers = CachedParquetFileReaderFactory::new(store, cache);
    let hint = options.global.metadata_size_hint;
    let mut source = ParquetSource::new(schema)
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(readers));
    if let Some(hint) = hint {
        source = source.with_metadata_size_hint(hint);
    }
    let named = table.table();
    let name = Arc::from(format!("{:?}.{:?}", named.schema, named.name));
    Ok(guarded(Arc::new(source), Arc::new(Files(name))))
}
