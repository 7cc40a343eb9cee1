use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Cast, Expr};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::PhysicalExpr;

use crate::bind::plain;
use crate::{Error, Result};

mod lossless;

use lossless::lossless;

/// Makes the columns of a table out of those of an upload.
pub(super) struct Columns {
    schema: SchemaRef,
    sources: Vec<Source>,
    /// How many columns a batch of the upload has.
    width: usize,
    /// How many rows have come.
    rows: u64,
}

/// Where a column of the table comes from.
enum Source {
    /// A column of the upload.
    Given(usize),
    /// The column's default.
    Default(Arc<dyn PhysicalExpr>),
    Null,
}

impl Columns {
    /// For a table that is made for the upload.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a column that cannot become of its type.
    pub(super) fn as_they_come(upload: &SchemaRef, schema: &SchemaRef) -> Result<Self> {
        for (given, field) in upload.fields().iter().zip(schema.fields()) {
            check_type(given, field)?;
        }
        Ok(Self {
            schema: Arc::clone(schema),
            sources: (0..schema.fields().len()).map(Source::Given).collect(),
            width: upload.fields().len(),
            rows: 0,
        })
    }

    /// For a table that is there: columns by name, those that are not sent by their default or null.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a column that the table does not have, that it needs and is not sent, or that
    /// cannot become of its type.
    pub(super) fn matched(
        upload: &SchemaRef,
        schema: &SchemaRef,
        default_of: impl Fn(&str) -> Option<Expr>,
        session: &SessionState,
    ) -> Result<Self> {
        for field in upload.fields() {
            if schema.field_with_name(field.name()).is_err() {
                return Err(Error::invalid(format!(
                    "the upload has a column '{}', the table does not; it has {}",
                    field.name(),
                    names(schema)
                )));
            }
        }
        let sources = schema.fields().iter().map(|field| {
            if let Some((at, given)) = upload.column_with_name(field.name()) {
                check_type(given, field)?;
                return Ok(Source::Given(at));
            }
            match default_of(field.name()) {
                Some(default) => computed(&default, field, session).map(Source::Default),
                None if field.is_nullable() => Ok(Source::Null),
                None => Err(Error::invalid(format!(
                    "the upload has no column '{}', which is NOT NULL and has no default",
                    field.name()
                ))),
            }
        });
        Ok(Self {
            schema: Arc::clone(schema),
            sources: sources.collect::<Result<_>>()?,
            width: upload.fields().len(),
            rows: 0,
        })
    }

    /// The next rows of the upload as rows of the table.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with column and row, counted from one, of a value that does not fit.
    pub(super) fn fit(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        if batch.num_columns() != self.width {
            return Err(Error::invalid(format!(
                "the upload has {} columns, one of its batches has {}",
                self.width,
                batch.num_columns()
            )));
        }
        let count = batch.num_rows();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let columns = self.schema.fields().iter().zip(&self.sources);
        let columns = columns.map(|(field, source)| match source {
            Source::Given(at) => self.given(batch.column(*at), field),
            Source::Default(expr) => {
                let none = Arc::new(Schema::empty());
                RecordBatch::try_new_with_options(none, Vec::new(), &options)
                    .map_err(Into::into)
                    .and_then(|none| expr.evaluate(&none)?.into_array(count))
                    .map_err(|error| Error::from_datafusion(&error, "ingest"))
            }
            Source::Null => Ok(new_null_array(field.data_type(), count)),
        });
        let columns = columns.collect::<Result<_>>()?;
        // A default may be null where none may be, which is found when the rows are staged.
        let fields = self.schema.fields().iter();
        let nullable = fields.map(|field| field.as_ref().clone().with_nullable(true));
        let schema = Arc::new(Schema::new(nullable.collect::<Vec<_>>()));
        self.rows += count as u64;
        RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(|error| Error::from_arrow(&error, "ingest"))
    }

    fn given(&self, column: &ArrayRef, field: &Field) -> Result<ArrayRef> {
        let row = |at: usize| self.rows + at as u64 + 1;
        if !field.is_nullable()
            && let Some(nulls) = column.logical_nulls()
            && let Some(at) = (0..nulls.len()).find(|at| nulls.is_null(*at))
        {
            return Err(Error::invalid(format!(
                "column '{}', row {}: null, and the column is NOT NULL",
                field.name(),
                row(at)
            )));
        }
        lossless(column, field.data_type()).map_err(|error| {
            let at = first_failing(column, field.data_type());
            Error::invalid(format!(
                "column '{}', row {}: {}",
                field.name(),
                row(at),
                plain(&error)
            ))
        })
    }
}

/// The first row whose value cannot be cast, of a column that has one.
fn first_failing(column: &ArrayRef, wanted: &DataType) -> usize {
    let (mut from, mut until) = (0, column.len());
    while until - from > 1 {
        let middle = from + (until - from) / 2;
        let fails = |error: Result<ArrayRef, ArrowError>| error.is_err();
        if fails(lossless(&column.slice(from, middle - from), wanted)) {
            until = middle;
        } else {
            from = middle;
        }
    }
    from
}

fn check_type(given: &Field, field: &Field) -> Result<()> {
    if can_cast_types(given.data_type(), field.data_type()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "column '{}' of the upload is {} and cannot become {}",
        field.name(),
        given.data_type(),
        field.data_type()
    )))
}

/// A default, ready to be computed for any number of rows.
fn computed(
    default: &Expr,
    field: &FieldRef,
    session: &SessionState,
) -> Result<Arc<dyn PhysicalExpr>> {
    let none = DFSchema::empty();
    let mut session = session.clone();
    session.mark_start_execution();
    let context = SimplifyContext::builder()
        .with_config_options(Arc::clone(session.config_options()))
        .with_query_execution_start_time(session.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    let cast = Expr::Cast(Cast::new(
        Box::new(default.clone()),
        field.data_type().clone(),
    ));
    simplifier
        .coerce(cast, &none)
        .and_then(|expr| simplifier.simplify(expr))
        .and_then(|expr| session.create_physical_expr(expr, &none))
        .map_err(|error| Error::from_datafusion(&error, "ingest"))
}

fn names(schema: &Schema) -> String {
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    names.join(", ")
}
