//! What is known about a statement while it runs: its phases with their times, and what it has given so far.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::physical_plan::ExecutionPlan;

use super::Gauge;
use crate::Error;
use crate::deep::with_deep_stack;

/// What a statement does at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It waits for its turn.
    Queued,
    Planning,
    Executing,
    /// It waits until its rows are taken.
    Sending,
}

/// How long a statement was in each phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) queued: Duration,
    pub(crate) planning: Duration,
    pub(crate) executing: Duration,
    pub(crate) sending: Duration,
}

/// Who ended a statement that was not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Killer {
    pub(crate) by: Arc<str>,
    /// Whether that is whose statement it was.
    pub(crate) is_own: bool,
}

/// One run of a statement, as those see it who look on.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) started: Instant,
    /// When that was, in microseconds since 1970.
    pub(crate) time: i64,
    /// The snapshot of the lake that it reads.
    pub(crate) snapshot: Option<i64>,
    clock: Mutex<Clock>,
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Whether its end has been noted: it is told of as ended from then on, and not as running too.
    ended: AtomicBool,
    killed: OnceLock<Killer>,
    gauge: OnceLock<Arc<Gauge>>,
    /// How it runs. Let go of at the end, and with it of the memory that operators hold.
    plans: Mutex<Plans>,
}

#[derive(Debug)]
struct Clock {
    phase: Phase,
    since: Instant,
    times: Times,
}

#[derive(Debug, Default)]
struct Plans {
    now: Option<Arc<dyn ExecutionPlan>>,
    /// What the runs before this one have spilled, in bytes.
    spilled: u64,
}

impl Live {
    pub(crate) fn new(snapshot: Option<i64>) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            time: Utc::now().timestamp_micros(),
            snapshot,
            clock: Mutex::new(Clock {
                phase: Phase::Queued,
                since: now,
                times: Times::default(),
            }),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            killed: OnceLock::new(),
            gauge: OnceLock::new(),
            plans: Mutex::default(),
        }
    }

    /// Begins another phase.
    pub(crate) fn enter(&self, phase: Phase) {
        let mut clock = self.clock();
        let now = Instant::now();
        clock.settle(now);
        clock.phase = phase;
    }

    /// Adds planning that was done before.
    pub(crate) fn was_planned(&self, in_time: Duration) {
        self.clock().times.planning += in_time;
    }

    pub(crate) fn phase(&self) -> Phase {
        self.clock().phase
    }

    /// The times of all phases until now.
    pub(crate) fn times(&self) -> Times {
        let mut clock = self.clock();
        clock.settle(Instant::now());
        clock.times
    }

    /// How long it has run, or was running until it ended.
    pub(crate) fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn count(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// What the rows took in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Its end has been noted.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Notes who ends it; the first is right.
    pub(crate) fn kill(&self, killer: Killer) {
        let _ = self.killed.set(killer);
    }

    /// Why it ended before its time, in the words of who ended it.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match (error, self.killer()) {
            (Error::Cancelled, Some(killer)) => Error::Killed {
                message: killer.message().to_owned(),
            },
            (error, _) => error,
        }
    }

    pub(crate) fn killer(&self) -> Option<&Killer> {
        self.killed.get()
    }

    /// How it runs from now on.
    pub(crate) fn run(&self, plan: &Arc<dyn ExecutionPlan>) {
        let mut plans = self.plans();
        plans.close();
        plans.now = Some(Arc::clone(plan));
    }

    /// Lets go of the plan.
    pub(crate) fn close(&self) {
        self.plans().close();
    }

    /// How it runs at this moment.
    pub(crate) fn plan(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.plans().now.clone()
    }

    /// Where its memory is counted.
    pub(crate) fn gauge(&self) -> &Arc<Gauge> {
        self.gauge.get_or_init(Arc::default)
    }

    /// The most memory that it had reserved at a time, in bytes, where that is counted.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        self.gauge.get().map(|gauge| gauge.peak())
    }

    /// What its operators have written to disk for want of memory, in bytes.
    pub(crate) fn spilled(&self) -> u64 {
        let plans = self.plans();
        plans.spilled + plans.now.as_ref().map_or(0, spilled_by)
    }

    fn clock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    fn settle(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        let time = match self.phase {
            Phase::Queued => &mut self.times.queued,
            Phase::Planning => &mut self.times.planning,
            Phase::Executing => &mut self.times.executing,
            Phase::Sending => &mut self.times.sending,
        };
        *time += passed;
        self.since = now;
    }
}

impl Plans {
    fn close(&mut self) {
        if let Some(plan) = self.now.take() {
            self.spilled += spilled_by(&plan);
            with_deep_stack(|| drop(plan));
        }
    }
}

impl Killer {
    /// What the client of the statement is told.
    pub(crate) fn message(&self) -> &'static str {
        if self.is_own {
            "the query was killed by its own user (KILL)"
        } else {
            "the query was killed by an administrator (KILL)"
        }
    }
}

fn spilled_by(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let mut left = vec![plan];
    let mut spilled = 0;
    while let Some(plan) = left.pop() {
        let own = plan.metrics().and_then(|metrics| metrics.spilled_bytes());
        spilled += own.unwrap_or(0) as u64;
        left.extend(plan.children());
    }
    spilled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_belongs_to_one_phase() {
        let live = Live::new(None);
        assert_eq!(live.phase(), Phase::Queued);
        live.was_planned(Duration::from_secs(5));
        for phase in [Phase::Planning, Phase::Executing, Phase::Sending] {
            live.enter(phase);
            assert_eq!(live.phase(), phase);
        }
        let times = live.times();
        assert!(times.planning >= Duration::from_secs(5));
        let all = times.queued + times.planning + times.executing + times.sending;
        assert!(all - Duration::from_secs(5) <= live.started.elapsed());
        assert!(live.times().sending >= times.sending);
    }

    #[test]
    fn the_first_who_kills_is_told_of() {
        let live = Live::new(None);
        assert!(live.killer().is_none());
        assert!(matches!(live.explain(Error::Cancelled), Error::Cancelled));
        let killer = |by: &str, is_own| Killer {
            by: by.into(),
            is_own,
        };
        live.kill(killer("root", false));
        live.kill(killer("ada", true));
        assert_eq!(live.killer(), Some(&killer("root", false)));
        let told = live.explain(Error::Cancelled).to_string();
        assert!(told.contains("an administrator"), "{told}");
    }
}
