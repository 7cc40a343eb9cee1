//! Rows as text for programs.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::csv::{Writer, WriterBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::writer::{ArrayWriter, LineDelimitedWriter, WriterBuilder as JsonBuilder};

use super::cells::Cells;
use super::{Form, Out, Summary};
use crate::Result;

/// RFC 4180, with a header line.
pub(super) struct Csv {
    writer: Writer<Out>,
}

impl Csv {
    pub(super) fn begin(schema: SchemaRef, out: Out) -> Result<Self> {
        let mut writer = WriterBuilder::new().with_header(true).build(out);
        // The header comes with the first batch, and there may be none.
        writer.write(&flat(&RecordBatch::new_empty(schema))?)?;
        Ok(Self { writer })
    }
}

impl Form for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.writer.write(&flat(batch)?)?)
    }

    fn finish(self: Box<Self>) -> Result<Summary> {
        self.writer.into_inner().flush()?;
        Ok(Summary::default())
    }
}

/// One array of objects, or an object a line. NULL is written.
pub(super) enum Json {
    Array(ArrayWriter<Out>),
    Lines(LineDelimitedWriter<Out>),
}

impl Json {
    pub(super) fn array(out: Out) -> Self {
        Self::Array(JsonBuilder::new().with_explicit_nulls(true).build(out))
    }

    pub(super) fn lines(out: Out) -> Self {
        Self::Lines(JsonBuilder::new().with_explicit_nulls(true).build(out))
    }
}

impl Form for Json {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = with_texts(batch, |kind| {
            matches!(kind, DataType::Union(..) | DataType::Interval(_))
        })?;
        Ok(match self {
            Self::Array(writer) => writer.write(&batch),
            Self::Lines(writer) => writer.write(&batch),
        }?)
    }

    fn finish(self: Box<Self>) -> Result<Summary> {
        let mut out = match *self {
            Self::Array(mut writer) => {
                writer.finish()?;
                let mut out = writer.into_inner();
                writeln!(out)?;
                out
            }
            Self::Lines(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
        };
        out.flush()?;
        Ok(Summary::default())
    }
}

/// Without columns that CSV has no word for; those become text.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    with_texts(batch, |kind| {
        kind.is_nested() || matches!(kind, DataType::Interval(_))
    })
}

fn with_texts(batch: &RecordBatch, is_strange: impl Fn(&DataType) -> bool) -> Result<RecordBatch> {
    let schema = batch.schema();
    if !schema
        .fields()
        .iter()
        .any(|field| is_strange(field.data_type()))
    {
        return Ok(batch.clone());
    }
    let cells = Cells::of(batch)?;
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let column = batch.column(index);
        if is_strange(field.data_type()) {
            let rows = (0..batch.num_rows()).map(|row| {
                let valid = !column.is_null(row);
                valid.then(|| cells.text(row, index))
            });
            columns.push(Arc::new(rows.collect::<StringArray>()));
            fields.push(Field::new(field.name(), DataType::Utf8, true));
        } else {
            columns.push(Arc::clone(column));
            fields.push(field.as_ref().clone());
        }
    }
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}
