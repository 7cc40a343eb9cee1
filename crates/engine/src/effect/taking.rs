//! The batches of a plan, taken apart: which rows of the table they are about, their values, and what is returned.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int32Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;

use super::marks::Marks;
use super::sink::Sink;
use crate::change::{DELETE, INSERT, Kind, Target, UPDATE, Write};
use crate::conform::conform;
use crate::results::Returned;
use crate::{Error, Result};

/// Hands the rows of a change to its sink.
pub(super) struct Taking<'a> {
    pub(super) write: &'a Write,
    pub(super) sink: Sink<'a>,
    pub(super) met: Marks,
    pub(super) returned: Option<&'a mut Returned>,
    /// Rows changed so far.
    pub(super) count: u64,
    pub(super) query_id: String,
}

impl Taking<'_> {
    pub(super) async fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let batch = match self.write.kind {
            Kind::Delete => self.delete(batch)?,
            Kind::Insert => {
                let rows = self.rows_of_table(batch, 0)?;
                self.sink.insert(rows).await?;
                batch.clone()
            }
            Kind::Update => {
                self.meet(batch, 0)?;
                self.update(batch, 0).await?;
                batch.clone()
            }
            Kind::Merge => {
                self.merge(batch).await?;
                batch.clone()
            }
            Kind::Clear { .. } => return Ok(()),
        };
        self.count += batch.num_rows() as u64;
        self.give_back(&batch)
    }

    /// Deletes the rows that were not met before, and gives what the plan says of these.
    fn delete(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = numbers(batch, 0);
        let mut new = Vec::with_capacity(rows.len());
        for row in rows.values() {
            new.push(self.met.insert(*row).map_err(|error| self.engine(&error))?);
        }
        let batch = self.filter(batch, |at| new.get(at) == Some(&true))?;
        self.sink.delete(numbers(&batch, 0))?;
        Ok(batch)
    }

    async fn update(&mut self, batch: &RecordBatch, first: usize) -> Result<()> {
        let values = self.rows_of_table(batch, first + 2)?;
        let row_ids: &Int64Array = batch.column(first + 1).as_primitive::<Int64Type>();
        self.sink
            .update(numbers(batch, first), row_ids, values)
            .await
    }

    async fn merge(&mut self, batch: &RecordBatch) -> Result<()> {
        let [new, changed, gone] = self.by_action(batch)?;
        if new.num_rows() > 0 {
            let rows = self.rows_of_table(&new, 3)?;
            self.sink.insert(rows).await?;
        }
        if changed.num_rows() > 0 {
            self.meet(&changed, 1)?;
            self.update(&changed, 1).await?;
        }
        if gone.num_rows() > 0 {
            self.meet(&gone, 1)?;
            self.sink.delete(numbers(&gone, 1))?;
        }
        Ok(())
    }

    /// The rows that are added, updated and deleted.
    fn by_action(&self, batch: &RecordBatch) -> Result<[RecordBatch; 3]> {
        let actions: &Int32Array = batch.column(0).as_primitive::<Int32Type>();
        let values = actions.values();
        let with = |action| self.filter(batch, |at| values.get(at) == Some(&action));
        Ok([with(INSERT)?, with(UPDATE)?, with(DELETE)?])
    }

    /// A row that comes twice would have two new values, of which none is right.
    fn meet(&mut self, batch: &RecordBatch, first: usize) -> Result<()> {
        for row in numbers(batch, first).values() {
            if !self.met.insert(*row).map_err(|error| self.engine(&error))? {
                return Err(Error::invalid(format!(
                    "the statement gives several new values for one row of '{}'; nothing was changed",
                    self.write.target.label()
                )));
            }
        }
        Ok(())
    }

    /// The columns of the table, from this one of the batch on.
    fn rows_of_table(&self, batch: &RecordBatch, first: usize) -> Result<RecordBatch> {
        let target = &self.write.target;
        let fields = target.schema().fields();
        let columns: Vec<ArrayRef> = batch
            .columns()
            .iter()
            .skip(first)
            .take(fields.len())
            .cloned()
            .collect();
        check_nulls(target, &columns)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let named = batch.schema_ref().fields().iter().skip(first);
        let named: Vec<_> = named.take(fields.len()).cloned().collect();
        let schema = Arc::new(arrow::datatypes::Schema::new(named));
        let rows = RecordBatch::try_new_with_options(schema, columns, &options);
        let rows = rows
            .and_then(|rows| conform(&rows, target.schema()))
            .map_err(|error| Error::internal(&self.query_id, error))?;
        if let Some(check) = &self.write.check {
            check.check(&rows)?;
        }
        Ok(rows)
    }

    /// Keeps what RETURNING lists, the last columns of the batch.
    fn give_back(&mut self, batch: &RecordBatch) -> Result<()> {
        let (Some(returned), Some(schema)) = (&mut self.returned, &self.write.returns) else {
            return Ok(());
        };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let first = batch.num_columns().saturating_sub(schema.fields().len());
        let columns = batch.columns().iter().skip(first).cloned().collect();
        let rows = RecordBatch::try_new(Arc::clone(schema), columns)
            .map_err(|error| Error::internal(&self.query_id, error))?;
        returned.push(&rows)
    }

    fn filter(&self, batch: &RecordBatch, keep: impl FnMut(usize) -> bool) -> Result<RecordBatch> {
        let kept = BooleanBuffer::collect_bool(batch.num_rows(), keep);
        let filtered = match kept.count_set_bits() {
            0 => Ok(batch.slice(0, 0)),
            all if all == batch.num_rows() => Ok(batch.clone()),
            _ => filter_record_batch(batch, &BooleanArray::new(kept, None)),
        };
        filtered.map_err(|error: ArrowError| Error::from_arrow(&error, &self.query_id))
    }

    fn engine(&self, error: &datafusion::error::DataFusionError) -> Error {
        Error::from_datafusion(error, &self.query_id)
    }
}

fn numbers(batch: &RecordBatch, column: usize) -> &UInt64Array {
    batch.column(column).as_primitive::<UInt64Type>()
}

fn check_nulls(target: &Target, columns: &[ArrayRef]) -> Result<()> {
    for (column, field) in columns.iter().zip(target.schema().fields()) {
        if !field.is_nullable() && column.logical_null_count() > 0 {
            let error = godwit_catalog::Error::Null {
                table: target.label(),
                column: field.name().clone(),
            };
            return Err(Error::from_catalog(&error));
        }
    }
    Ok(())
}
