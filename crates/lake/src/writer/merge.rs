//! Small parts that wait for the commit are joined, so that many small statements of a transaction stay cheap.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{concat, concat_batches, filter, filter_record_batch};

use super::file::{FileWriter, Writing};
use crate::transaction::Inner;
use crate::{Error, Inlined, Part, Result, Rows, Table};

/// So many times the rows of one statement may wait in one part; more are written to a file.
const STATEMENTS: u64 = 100;

/// Adds parts at the end.
pub(super) async fn push(
    transaction: &Arc<Inner>,
    table: &Arc<Table>,
    parts: &mut Vec<Part>,
    added: Vec<Part>,
) -> Result<()> {
    let limit = transaction.lake.inner.options.inline_rows;
    let limit = limit.saturating_mul(STATEMENTS);
    for mut part in added {
        // Only with a part that is not much larger, so that no row is copied more often than the logarithm of their number.
        while let Some(before) = parts.last()
            && before.rows() <= part.rows().saturating_mul(2)
            && let Some(joined) = join(before, &part)?
        {
            parts.pop();
            part = joined;
        }
        parts.push(part);
        while let Some(at) = parts.iter().position(|part| is_too_many(part, limit)) {
            let part = parts.remove(at);
            parts.push(written(transaction, table, &part).await?);
        }
    }
    Ok(())
}

fn is_too_many(part: &Part, limit: u64) -> bool {
    waiting(part).is_some() && part.rows() > limit
}

/// Rows that are not committed yet.
fn waiting(part: &Part) -> Option<&Inlined> {
    match &part.rows {
        Rows::Inlined(inlined) if inlined.table.is_none() => Some(inlined),
        _ => None,
    }
}

/// The rows that are left of two parts of one kind; `None` when they are of two kinds.
fn join(one: &Part, other: &Part) -> Result<Option<Part>> {
    let (Some(first), Some(second)) = (waiting(one), waiting(other)) else {
        return Ok(None);
    };
    if first.row_ids.is_some() != second.row_ids.is_some() {
        return Ok(None);
    }
    let (first, first_ids) = left(one, first)?;
    let (second, second_ids) = left(other, second)?;
    let batch = concat_batches(&second.schema(), [&first, &second]).map_err(Error::internal)?;
    let row_ids = match (first_ids, second_ids) {
        (Some(first), Some(second)) => {
            let ids = concat(&[&first, &second]).map_err(Error::internal)?;
            Some(Int64Array::from(ids.to_data()))
        }
        _ => None,
    };
    let inlined = Inlined {
        batch,
        row_ids,
        table: None,
    };
    Ok(Some(Part {
        rows: Rows::Inlined(Arc::new(inlined)),
        deleted: None,
    }))
}

/// The rows of a part that are not deleted.
pub(crate) fn left(part: &Part, inlined: &Inlined) -> Result<(RecordBatch, Option<Int64Array>)> {
    let Some(deleted) = &part.deleted else {
        return Ok((inlined.batch.clone(), inlined.row_ids.clone()));
    };
    let kept = BooleanArray::new(!&deleted.rows, None);
    let batch = filter_record_batch(&inlined.batch, &kept).map_err(Error::internal)?;
    let row_ids = inlined.row_ids.as_ref();
    let row_ids = row_ids.map(|row_ids| filter(row_ids, &kept));
    let row_ids = row_ids.transpose().map_err(Error::internal)?;
    Ok((batch, row_ids.map(|row_ids| row_ids.to_data().into())))
}

async fn written(transaction: &Arc<Inner>, table: &Arc<Table>, part: &Part) -> Result<Part> {
    let Some(inlined) = waiting(part) else {
        return Ok(part.clone());
    };
    let (batch, row_ids) = left(part, inlined)?;
    let mut file = FileWriter::begin(&Writing {
        transaction,
        table,
        row_ids: row_ids.is_some(),
    })?;
    file.write(&batch, row_ids.as_ref()).await?;
    file.finish().await
}
