//! What the engine does and has done since its start, in numbers, for whoever watches over it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datafusion::execution::memory_pool::MemoryLimit;
use godwit_audit::Outcome;

use crate::running::Times;
use crate::{Engine, Load};

mod phases;

pub use phases::PhaseFigures;
pub(crate) use phases::Phases;

/// Upper bounds of the classes that [`KindFigures::classes`] sorts statements into by how long they took, in seconds.
pub const CLASSES: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0,
];

/// What the engine does at a moment, and what it has done since its start. Making one is cheap and waits for nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Who has a place, who waits for one, and who was refused.
    pub admission: Load,
    /// Statements that wait for their turn.
    pub queued: u64,
    /// Statements that are being planned.
    pub planning: u64,
    /// Statements that run, those included whose client does not take its rows.
    pub executing: u64,
    /// Statements that have ended, by their kind: `query`, `change`, `definition`, `ingest`, … Those that could not be
    /// planned are of the kind `statement`.
    pub ended: BTreeMap<&'static str, KindFigures>,
    /// How long statements were in each phase: `queued`, `planning`, `executing`, `sending`.
    pub phases: BTreeMap<&'static str, PhaseFigures>,
    /// Sessions that are open.
    pub sessions: u64,
    /// Prepared statements of all sessions.
    pub statements: u64,
    /// Transactions that are open.
    pub transactions: u64,
    /// Kept results, those included that are being made.
    pub results: u64,
    /// What queries have reserved of the memory that they share, in bytes.
    pub memory_reserved: u64,
    /// `memory.limit`, in bytes.
    pub memory_limit: u64,
    /// What lies in the spill directory: what queries could not hold in memory, and kept results; in bytes.
    pub spill_used: u64,
    /// `memory.spill_limit`, in bytes.
    pub spill_limit: u64,
    /// How often the plan of a ticket was still there.
    pub plan_hits: u64,
    /// How often it was not, and was made again.
    pub plan_misses: u64,
    /// How often a query of a text or a prepared statement needed no planning, since it was planned before.
    pub text_hits: u64,
    /// How often a text was planned.
    pub text_misses: u64,
    /// What durable tables went through.
    pub lake: godwit_lake::Figures,
    /// Events of the audit log that are not written yet.
    pub audit_waiting: u64,
    /// Events that the audit log has lost.
    pub audit_lost: u64,
}

/// How the statements of one kind have ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KindFigures {
    /// Came to their end.
    pub finished: u64,
    /// Failed.
    pub failed: u64,
    /// Were stopped by their client, or nobody wanted them any more.
    pub cancelled: u64,
    /// Were stopped by KILL.
    pub killed: u64,
    /// Rows that they gave or changed.
    pub rows: u64,
    /// What these took in memory, in bytes.
    pub bytes: u64,
    /// What they wrote to disk for want of memory, in bytes.
    pub spilled_bytes: u64,
    /// How long they took together.
    pub time: Duration,
    /// How many of them took no longer than the bound of [`CLASSES`] at the same place, and longer than the one before
    /// it. Those that took longer than all bounds are in none.
    pub classes: [u64; CLASSES.len()],
}

/// What is counted at the end of a statement.
pub(crate) struct Counted {
    pub(crate) kind: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) spilled_bytes: u64,
    pub(crate) time: Duration,
    pub(crate) times: Times,
}

/// The statements that have ended since the start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    kinds: Mutex<BTreeMap<&'static str, KindFigures>>,
    phases: Mutex<Phases>,
}

impl Engine {
    /// What the engine does and has done.
    pub fn figures(&self) -> Figures {
        let inner = &self.inner;
        let env = inner.base.runtime_env();
        let sessions = inner.sessions.of_user(None);
        let statements = sessions
            .iter()
            .map(|(_, session)| session.statements().len());
        let [queued, planning, executing] = inner.running.phases();
        let limit = match env.memory_pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes,
            MemoryLimit::Infinite | MemoryLimit::Unknown => 0,
        };
        let (plan_hits, plan_misses) = inner.plans.lookups();
        let (text_hits, text_misses) = inner.recall.lookups();
        Figures {
            admission: inner.admission.load(),
            queued,
            planning,
            executing,
            ended: inner.running.watch().totals().clone(),
            statements: statements.sum::<usize>() as u64,
            sessions: sessions.len() as u64,
            transactions: inner.sessions.transactions().len() as u64,
            results: inner.results.len() as u64,
            memory_reserved: env.memory_pool.reserved() as u64,
            memory_limit: limit as u64,
            spill_used: env.disk_manager.used_disk_space(),
            spill_limit: env.disk_manager.max_temp_directory_size(),
            phases: inner.running.watch().phases().clone(),
            plan_hits,
            plan_misses,
            text_hits,
            text_misses,
            lake: inner.lake.figures(),
            audit_waiting: self.auditor().waiting(),
            audit_lost: self.auditor().lost(),
        }
    }
}

impl Totals {
    pub(crate) fn add(&self, ended: &Counted) {
        phases::add(&mut self.phases(), &ended.times);
        let mut kinds = self.lock();
        let of_kind = kinds.entry(ended.kind).or_default();
        match ended.outcome {
            Outcome::Finished => of_kind.finished += 1,
            Outcome::Cancelled | Outcome::RolledBack => of_kind.cancelled += 1,
            Outcome::Killed => of_kind.killed += 1,
            Outcome::Failed => of_kind.failed += 1,
        }
        of_kind.rows = of_kind.rows.saturating_add(ended.rows);
        of_kind.bytes = of_kind.bytes.saturating_add(ended.bytes);
        of_kind.spilled_bytes = of_kind.spilled_bytes.saturating_add(ended.spilled_bytes);
        of_kind.time = of_kind.time.saturating_add(ended.time);
        classify(&mut of_kind.classes, ended.time);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, KindFigures>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phases(&self) -> MutexGuard<'_, Phases> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a time in its class, if it is in any.
fn classify(classes: &mut [u64; CLASSES.len()], time: Duration) {
    let seconds = time.as_secs_f64();
    let class = CLASSES.iter().position(|bound| seconds <= *bound);
    if let Some(class) = class.and_then(|at| classes.get_mut(at)) {
        *class += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_counted_by_kind_and_time() {
        let totals = Totals::default();
        for (outcome, millis) in [
            (Outcome::Finished, 1),
            (Outcome::Failed, 2),
            (Outcome::Cancelled, 70_000),
            (Outcome::Killed, 9_000_000),
        ] {
            totals.add(&Counted {
                kind: "query",
                outcome,
                rows: 2,
                bytes: 16,
                spilled_bytes: 1,
                time: Duration::from_millis(millis),
                times: Times::default(),
            });
        }
        let kinds = totals.lock();
        let queries = &kinds["query"];
        let ends = [
            queries.finished,
            queries.failed,
            queries.cancelled,
            queries.killed,
        ];
        assert_eq!(ends, [1; 4]);
        assert_eq!((queries.rows, queries.bytes), (8, 64));
        assert_eq!(queries.spilled_bytes, 4);
        assert_eq!(queries.classes, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    }
}
