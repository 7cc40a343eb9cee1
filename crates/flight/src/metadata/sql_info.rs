use std::collections::BTreeSet;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{SchemaRef, UInt32Type};
use arrow_flight::sql::metadata::SqlInfoDataBuilder;

use super::built;
use crate::{Flight, Result};

mod facts;

pub(super) fn schema() -> SchemaRef {
    SchemaRef::new(SqlInfoDataBuilder::schema().clone())
}

/// The facts asked for; no codes is all. A code that does not exist has no row.
///
/// A client reads each fact from the member of the union that it expects, some without looking which one it is, so a
/// fact of the wrong type is garbage or a crash over there. "All" holds only the standard's codes: JDBC fails on others.
pub(super) fn rows(flight: &Flight, codes: &[u32]) -> Result<RecordBatch> {
    let all = match flight.sql_info.get() {
        Some(all) => all.clone(),
        None => {
            let all = all(flight)?;
            flight.sql_info.get_or_init(|| all).clone()
        }
    };
    select(&all, codes)
}

fn all(flight: &Flight) -> Result<RecordBatch> {
    let mut builder = SqlInfoDataBuilder::new();
    let timeout = flight.engine.transaction_idle_timeout();
    facts::server(&mut builder, &flight.options, timeout);
    facts::names(
        &mut builder,
        &flight.engine.function_names(),
        flight.engine.keywords(),
    );
    facts::syntax(&mut builder);
    facts::limits(&mut builder, &flight.options);
    facts::transactions_and_results(&mut builder);
    built(builder.build().and_then(|data| data.record_batch([])))
}

fn select(all: &RecordBatch, codes: &[u32]) -> Result<RecordBatch> {
    if codes.is_empty() {
        return Ok(all.clone());
    }
    let wanted: BTreeSet<u32> = codes.iter().copied().collect();
    let known = all.column(0).as_primitive::<UInt32Type>().values().iter();
    let chosen: BooleanArray = known.map(|code| Some(wanted.contains(code))).collect();
    Ok(filter_record_batch(all, &chosen)?)
}

#[cfg(test)]
mod tests;
