//! How far a running query has come: what its scans have produced, against what they are expected to produce.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::functions_table::generate_series::GenericSeriesState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// The most that is said before the last row is there.
const ALMOST: f64 = 0.999;

/// What a row is taken to weigh where scans whose rows are known meet scans that only know their bytes.
const BYTES_PER_ROW: f64 = 100.0;

/// The progress of one query, from 0 to 1. It never goes back.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    scans: Vec<Scan>,
    /// Which run of how many: a query runs once for each row of its parameters.
    run: (usize, usize),
    best: Option<f64>,
}

/// An operator that rows come from.
#[derive(Debug)]
struct Scan {
    plan: Arc<dyn ExecutionPlan>,
    expected: Expected,
}

/// What a scan will do, as far as that is known before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Rows(f64),
    /// Files, or parts of files, and the bytes that they have together.
    Files(f64, f64),
}

impl Progress {
    /// The plan of the next run has been made; `run` counts from 0.
    pub(crate) fn begin(&self, run: usize, runs: usize, plan: &Arc<dyn ExecutionPlan>) {
        let scans = scans(plan);
        let mut state = self.lock();
        state.run = (run, runs);
        state.scans = scans;
    }

    /// Lets go of the plan, and with it of the memory that its operators hold.
    pub(crate) fn close(&self) {
        let scans = std::mem::take(&mut self.lock().scans);
        drop(scans);
    }

    /// What has been done; less than 1. `None` as long as nothing is known about the scans.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let mut state = self.lock();
        let of_run = weighted(state.scans.iter().map(Scan::done));
        let now = of_all(of_run, state.run);
        state.best = match (state.best, now) {
            (Some(best), Some(now)) => Some(best.max(now)),
            (best, now) => best.or(now),
        };
        state.best
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scans of a plan that something is known about.
fn scans(plan: &Arc<dyn ExecutionPlan>) -> Vec<Scan> {
    let mut scans = Vec::new();
    let seen = plan.apply(|node| {
        if node.children().is_empty()
            && let Some(expected) = expected(node.as_ref())
        {
            scans.push(Scan {
                plan: Arc::clone(node),
                expected,
            });
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if let Err(error) = seen {
        tracing::debug!(%error, "a plan cannot be walked; its progress is not known");
    }
    scans
}

fn expected(scan: &dyn ExecutionPlan) -> Option<Expected> {
    if let Some(series) = scan.downcast_ref::<LazyMemoryExec>() {
        return series_rows(series).map(Expected::Rows);
    }
    let statistics = StatisticsContext::new()
        .compute(scan, &StatisticsArgs::new())
        .ok()?;
    let rows = match statistics.num_rows {
        Precision::Exact(rows) | Precision::Inexact(rows) => Some(rows),
        Precision::Absent => None,
    };
    let rows = match (rows, scan.fetch()) {
        (Some(rows), Some(most)) => Some(rows.min(most)),
        (rows, _) => rows,
    };
    if let Some(rows) = rows {
        return (rows > 0).then_some(Expected::Rows(rows as f64));
    }
    let source = scan.downcast_ref::<DataSourceExec>()?.data_source();
    let files = source.downcast_ref::<FileScanConfig>()?;
    let parts: usize = files.file_groups.iter().map(|group| group.len()).sum();
    let bytes = statistics.total_byte_size.get_value().copied().unwrap_or(0);
    (parts > 0).then_some(Expected::Files(parts as f64, bytes as f64))
}

/// How many rows `generate_series` and `range` give, for whole numbers.
fn series_rows(scan: &LazyMemoryExec) -> Option<f64> {
    let [generator] = scan.generators().as_slice() else {
        return None;
    };
    let generator = generator.read();
    let series = generator
        .as_any()
        .downcast_ref::<GenericSeriesState<i64>>()?;
    let (start, end, step) = (*series.start(), *series.end(), *series.step());
    let rows = (end as f64 - start as f64) / step as f64;
    (rows.is_finite() && rows > 0.0).then_some(rows)
}

impl Scan {
    /// What it has done and what it weighs, in rows.
    fn done(&self) -> (f64, f64) {
        let metrics = self.plan.metrics();
        match self.expected {
            Expected::Rows(rows) => {
                let produced = metrics.and_then(|metrics| metrics.output_rows());
                ((produced.unwrap_or(0) as f64).min(rows), rows)
            }
            Expected::Files(parts, bytes) => {
                let read = metrics.and_then(|metrics| metrics.sum_by_name("files_processed"));
                let read = read.map_or(0.0, |read| read.as_usize() as f64).min(parts);
                let weight = (bytes / BYTES_PER_ROW).max(1.0);
                (read / parts * weight, weight)
            }
        }
    }
}

/// What is done of all that is to do; `None` when nothing is known to be.
fn weighted(scans: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (done, all) = scans.fold((0.0, 0.0), |(done, all), (part, whole)| {
        (done + part, all + whole)
    });
    (all > 0.0).then(|| done / all)
}

/// The progress of all runs from that of the present one. That many runs have ended is known at least.
fn of_all(of_run: Option<f64>, (run, runs): (usize, usize)) -> Option<f64> {
    let within = match of_run {
        Some(within) => within,
        None if runs > 1 => 0.0,
        None => return None,
    };
    let whole = (run as f64 + within.clamp(0.0, 1.0)) / runs.max(1) as f64;
    Some(whole.min(ALMOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_count_by_their_weight() {
        let none: [(f64, f64); 0] = [];
        assert_eq!(weighted(none.into_iter()), None);
        assert_eq!(weighted([(0.0, 0.0)].into_iter()), None);
        assert_eq!(weighted([(0.0, 10.0)].into_iter()), Some(0.0));
        assert_eq!(weighted([(10.0, 10.0), (0.0, 90.0)].into_iter()), Some(0.1));
    }

    #[test]
    fn runs_share_the_whole_and_the_end_is_not_said_before_it_is_there() {
        assert_eq!(of_all(None, (0, 1)), None);
        assert_eq!(of_all(None, (3, 4)), Some(0.75));
        assert_eq!(of_all(Some(0.5), (0, 1)), Some(0.5));
        assert_eq!(of_all(Some(0.5), (1, 4)), Some(0.375));
        assert_eq!(of_all(Some(1.0), (0, 1)), Some(ALMOST));
        assert_eq!(of_all(Some(7.0), (0, 1)), Some(ALMOST));
    }

    #[test]
    fn progress_never_goes_back() {
        let progress = Progress::default();
        assert_eq!(progress.fraction(), None);
        progress.lock().run = (1, 2);
        assert_eq!(progress.fraction(), Some(0.5));
        progress.lock().run = (0, 2);
        assert_eq!(progress.fraction(), Some(0.5));
        progress.close();
        assert_eq!(progress.fraction(), Some(0.5));
    }
}
