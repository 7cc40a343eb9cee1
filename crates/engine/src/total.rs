//! How many rows a result has, where its plan says so for certain. A wrong number breaks clients, so nothing is guessed.

use datafusion::catalog::TableProvider;
use datafusion::common::stats::Precision;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{FetchType, LogicalPlan, SkipType, TableScan};

/// The exact number of rows of an analysed plan.
pub(crate) fn rows(plan: &LogicalPlan) -> Option<u64> {
    match plan {
        LogicalPlan::Projection(projection) => rows(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => rows(&alias.input),
        LogicalPlan::Window(window) => rows(&window.input),
        LogicalPlan::Sort(sort) => Some(at_most(rows(&sort.input)?, sort.fetch)),
        LogicalPlan::Limit(limit) => {
            let SkipType::Literal(skip) = limit.get_skip_type().ok()? else {
                return None;
            };
            let FetchType::Literal(fetch) = limit.get_fetch_type().ok()? else {
                return None;
            };
            let left = rows(&limit.input)?.saturating_sub(skip as u64);
            Some(at_most(left, fetch))
        }
        LogicalPlan::Union(union) => {
            let inputs = union.inputs.iter().map(|input| rows(input));
            inputs.sum()
        }
        LogicalPlan::Values(values) => Some(values.values.len() as u64),
        LogicalPlan::EmptyRelation(empty) => Some(u64::from(empty.produce_one_row)),
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => Some(1),
        LogicalPlan::TableScan(scan) => scanned(scan),
        _ => None,
    }
}

/// How many rows a table has, where it says so.
pub(crate) fn of_table(table: &dyn TableProvider) -> Option<u64> {
    match table.statistics()?.num_rows {
        Precision::Exact(rows) => Some(rows as u64),
        Precision::Inexact(_) | Precision::Absent => None,
    }
}

fn scanned(scan: &TableScan) -> Option<u64> {
    if !scan.filters.is_empty() {
        return None;
    }
    let table = source_as_provider(&scan.source).ok()?;
    Some(at_most(of_table(table.as_ref())?, scan.fetch))
}

fn at_most(rows: u64, fetch: Option<usize>) -> u64 {
    fetch.map_or(rows, |fetch| rows.min(fetch as u64))
}
