//! Values for parameters.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array, UnionArray,
    new_empty_array,
};
use arrow::compute::{
    CastOptions, cast_with_options, concat_batches, interleave, kernels::cmp, take,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, UnionMode};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use bytes::Bytes;
use datafusion::common::ScalarValue;

use crate::{Error, Result};

/// Rows of parameters, of the types that were advertised.
#[derive(Debug)]
pub(crate) struct Bound {
    rows: RecordBatch,
    ipc: Bytes,
}

impl Bound {
    /// Casts batches, by position, to the advertised types. `None` when the statement takes no parameters.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] with both numbers of parameters, or with the value that does not fit;
    /// [`Error::TooLarge`] above `wire.max_request_bytes`.
    pub(crate) fn cast(
        parameters: &SchemaRef,
        batches: &[RecordBatch],
        max_bytes: u64,
    ) -> Result<Option<Self>> {
        let wanted = parameters.fields().len();
        if let Some(batch) = batches.iter().find(|batch| batch.num_columns() != wanted) {
            return Err(Error::invalid(format!(
                "the statement takes {wanted} parameters, {} are bound",
                batch.num_columns()
            )));
        }
        if wanted == 0 {
            return Ok(None);
        }
        let bytes: u64 = batches
            .iter()
            .map(|batch| batch.get_array_memory_size() as u64)
            .sum();
        if bytes > max_bytes {
            return Err(Error::TooLarge {
                what: "bound parameters",
                limit: "wire.max_request_bytes",
                value: bytes,
                allowed: max_bytes,
            });
        }
        let batches = batches
            .iter()
            .map(|batch| cast_batch(batch, parameters))
            .collect::<Result<Vec<_>>>()?;
        let rows = concat_batches(parameters, &batches).map_err(translate)?;
        let ipc = encode(&rows).map_err(translate)?;
        Ok(Some(Self { rows, ipc }))
    }

    /// Rows that travelled in a ticket.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when they are no Arrow IPC stream; otherwise as [`Self::cast`].
    pub(crate) fn decode(
        parameters: &SchemaRef,
        ipc: &[u8],
        max_bytes: u64,
    ) -> Result<Option<Self>> {
        let batches = StreamReader::try_new(ipc, None)
            .and_then(Iterator::collect::<Result<Vec<_>, ArrowError>>)
            .map_err(|error| {
                Error::invalid(format!(
                    "the parameters of the ticket cannot be read: {error}"
                ))
            })?;
        Self::cast(parameters, &batches, max_bytes)
    }

    /// All rows, one column a parameter.
    pub(crate) fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.num_rows()
    }

    pub(crate) fn ipc(&self) -> Bytes {
        self.ipc.clone()
    }

    /// The values of one row, in the order of the parameters.
    pub(crate) fn row(&self, at: usize) -> datafusion::error::Result<Vec<ScalarValue>> {
        self.rows
            .columns()
            .iter()
            .map(|column| ScalarValue::try_from_array(column, at))
            .collect()
    }
}

fn cast_batch(batch: &RecordBatch, parameters: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(parameters.fields())
        .map(|(column, field)| {
            cast_column(column, field).map_err(|error| {
                Error::invalid(format!("parameter {}: {}", field.name(), plain(&error)))
            })
        });
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        Arc::clone(parameters),
        columns.collect::<Result<_>>()?,
        &options,
    )
    .map_err(translate)
}

fn cast_column(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Union(..) => unwrap_union(column.as_union(), field.data_type()),
        _ => cast_exactly(column, field.data_type()),
    }
}

/// The values of a union, each cast from its own type. Clients that know no types ahead bind such columns. Only values
/// that a row refers to are cast: the others may be of any kind.
fn unwrap_union(column: &UnionArray, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    let DataType::Union(fields, mode) = column.data_type() else {
        return Err(ArrowError::SchemaError("not a union".to_owned()));
    };
    let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
    let mut used: Vec<Vec<u64>> = vec![Vec::new(); ids.len()];
    let mut rows = Vec::with_capacity(column.len());
    for row in 0..column.len() {
        let id = column.type_id(row);
        let child = ids
            .iter()
            .position(|known| *known == id)
            .ok_or_else(|| ArrowError::SchemaError(format!("no field of the union has id {id}")))?;
        let offset = match mode {
            UnionMode::Dense => column.value_offset(row),
            UnionMode::Sparse => row,
        };
        rows.push((child, used[child].len()));
        used[child].push(offset as u64);
    }
    let children = ids.iter().zip(used).map(|(id, used)| {
        if used.is_empty() {
            return Ok(new_empty_array(wanted));
        }
        let values = take(column.child(*id), &UInt64Array::from(used), None)?;
        cast_exactly(&values, wanted)
    });
    let children = children.collect::<Result<Vec<_>, ArrowError>>()?;
    let children: Vec<&dyn Array> = children.iter().map(AsRef::as_ref).collect();
    if children.is_empty() {
        Ok(new_empty_array(wanted))
    } else {
        interleave(&children, &rows)
    }
}

/// A cast that refuses values that do not fit, and numbers that would lose their fraction.
fn cast_exactly(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let cast = cast_with_options(column, wanted, &options)?;
    let from = column.data_type();
    if (from.is_floating() || from.is_decimal()) && wanted.is_integer() {
        let back = cast_with_options(&cast, from, &options)?;
        if cmp::neq(&back, column)?.true_count() > 0 {
            return Err(ArrowError::CastError(format!(
                "a value has a fraction, and the type is {wanted}"
            )));
        }
    }
    Ok(cast)
}

fn encode(rows: &RecordBatch) -> Result<Bytes, ArrowError> {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema())?;
    writer.write(rows)?;
    writer.finish()?;
    writer.into_inner().map(Bytes::from)
}

pub(crate) fn plain(error: &ArrowError) -> String {
    match error {
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::InvalidArgumentError(text) => text.clone(),
        other => other.to_string(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn translate(error: ArrowError) -> Error {
    Error::from_arrow(&error, "bind")
}

/// Whether the values that a change needs are bound.
pub(crate) fn check_bound(parameters: &Schema, bound: Option<&Bound>) -> Result<()> {
    let count = parameters.fields().len();
    if count > 0 && bound.is_none() {
        return Err(Error::invalid(format!(
            "the statement takes {count} parameters, none are bound; prepare it and bind values"
        )));
    }
    Ok(())
}
