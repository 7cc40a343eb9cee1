//! The memory of one query, as a pool of its own within that of the server.
//!
//! Half of the server's memory is divided evenly among the queries that may run, and certain to each; the other half is
//! taken by those that need more, as long as there is some. So a query that comes late finds what it needs to begin with,
//! and spills instead of failing. Within a query, operators that can spill take what they like up to half of what it may
//! have; above that, no more than an even part, so that one does not starve the next. They leave a third of it to those
//! that cannot, because these fail where they get nothing: a sort that has spilled merges with such memory, which it gives
//! back and takes again.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datafusion::common::human_readable_size;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};
use godwit_config::Config;

use crate::admission::max_running;
use crate::{Error, Result};

/// How often it is looked whether what was dropped has given its memory back, and how often at most.
const RELEASE_LOOK: Duration = Duration::from_millis(20);
const RELEASE_LOOKS: usize = 100;

/// Operators that can spill leave one part in so many of what is certain, and of what a query may have, to others; and of
/// what all queries take from.
const LEFT: usize = 3;
const LEFT_COMMON: usize = 8;

/// The bounds of the largest and smallest reserve of a sort for its merge, in bytes.
const MERGE_RESERVE: (usize, usize) = (256 << 10, 10 << 20);

/// Divides the server's memory among its queries.
#[derive(Debug)]
pub(crate) struct Shares {
    env: Arc<RuntimeEnv>,
    common: Arc<Common>,
    /// What one query may have at most, in bytes: `memory.query_limit`.
    limit: AtomicUsize,
    /// What is certain to each, in bytes.
    certain: AtomicUsize,
}

/// The half that queries take from as they need.
#[derive(Debug)]
struct Common {
    size: usize,
    taken: AtomicUsize,
}

/// The memory of one query. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    env: Arc<RuntimeEnv>,
    pool: Arc<QueryPool>,
}

/// Accounts for one query, and passes everything on to the server's pool.
#[derive(Debug)]
struct QueryPool {
    query_id: String,
    limit: usize,
    certain: usize,
    common: Arc<Common>,
    server: Arc<dyn MemoryPool>,
    held: Mutex<Held>,
}

/// What operators hold, in bytes.
#[derive(Debug, Default)]
struct Held {
    /// By those that can spill.
    spillable: usize,
    /// By those that cannot.
    fixed: usize,
    spillers: usize,
}

impl Shares {
    pub(crate) fn new(config: &Config, env: Arc<RuntimeEnv>) -> Self {
        let size = bytes(config.memory.limit) / 2;
        let shares = Self {
            env,
            common: Arc::new(Common {
                size,
                taken: AtomicUsize::new(0),
            }),
            limit: AtomicUsize::new(0),
            certain: AtomicUsize::new(0),
        };
        shares.set(config);
        shares
    }

    /// Takes new bounds, for queries that come from now on.
    pub(crate) fn set(&self, config: &Config) {
        let limit = config.memory.query_limit.map_or(self.common.size, bytes);
        self.limit.store(limit, Ordering::Relaxed);
        let certain = self.common.size / max_running(config).max(1);
        self.certain.store(certain.min(limit), Ordering::Relaxed);
    }

    /// The share of a query, from nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not take its parts back.
    pub(crate) fn begin(&self, query_id: &str) -> Result<Share> {
        let pool = Arc::new(QueryPool {
            query_id: query_id.to_owned(),
            limit: self.limit.load(Ordering::Relaxed),
            certain: self.certain.load(Ordering::Relaxed),
            common: Arc::clone(&self.common),
            server: Arc::clone(&self.env.memory_pool),
            held: Mutex::default(),
        });
        let env = RuntimeEnvBuilder::from_runtime_env(&self.env)
            .with_memory_pool(Arc::clone(&pool) as _)
            .build_arc()
            .map_err(|error| Error::from_datafusion(&error, query_id))?;
        Ok(Share { env, pool })
    }
}

impl Share {
    /// What a plan of the session runs in, with this memory.
    pub(crate) fn context(&self, session: &SessionState) -> TaskContext {
        TaskContext::from(session).with_runtime(Arc::clone(&self.env))
    }

    /// The same without functions by their names: those of a physical plan are in it, and only tables of the server that
    /// list them ask for others. Whether an operator may merge what it spilled has to be said.
    pub(crate) fn bare_context(&self, session: &SessionState, merges: bool) -> TaskContext {
        let mut config = session.config().clone();
        if merges {
            let execution = &mut config.options_mut().execution;
            execution.sort_spill_reservation_bytes = self.merge_reserve();
        }
        TaskContext::new(
            None,
            session.session_id().to_owned(),
            config,
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::clone(&self.env),
        )
    }

    /// What a sort keeps back for merging what it spilled, in bytes.
    pub(crate) fn merge_reserve(&self) -> usize {
        (self.pool.limit / 64).clamp(MERGE_RESERVE.0, MERGE_RESERVE.1)
    }

    /// Waits until operators that were dropped have given their memory back; their tasks end a little later. What is not
    /// back after two seconds is not waited for.
    pub(crate) async fn released(&self) {
        for _ in 0..RELEASE_LOOKS {
            if self.pool.reserved() == 0 {
                return;
            }
            tokio::time::sleep(RELEASE_LOOK).await;
        }
    }
}

impl QueryPool {
    /// What it may have at this moment, when an operator asks that can spill, or one that cannot.
    fn quota(&self, held: &Held, can_spill: bool) -> usize {
        let (unused, free) = (self.certain - held.within(self.certain), self.common.free());
        let more = if can_spill {
            let room = spillable_part(self.certain).saturating_sub(held.spillable);
            room.min(unused) + free.saturating_sub(self.common.size / LEFT_COMMON)
        } else {
            unused + free
        };
        (held.all() + more).min(self.limit)
    }

    fn charge(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.above(self.certain);
        *held.of(reservation) += bytes;
        let taken = held.above(self.certain).saturating_sub(before);
        self.common.take(taken);
    }

    fn refund(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.above(self.certain);
        let of = held.of(reservation);
        *of = of.saturating_sub(bytes);
        let given = before.saturating_sub(held.above(self.certain));
        self.common.give(given);
    }

    fn refused(
        &self,
        held: &Held,
        reservation: &MemoryReservation,
        bytes: usize,
        quota: usize,
    ) -> DataFusionError {
        let size = human_readable_size;
        let others = if quota < self.limit {
            format!(
                "; the other {} go to whichever query needs them (half of memory.limit)",
                size(self.common.size)
            )
        } else {
            String::new()
        };
        DataFusionError::ResourcesExhausted(format!(
            "query {} is out of memory: {} needs {} more, the query holds {} and may have {} now, and {} at most \
             (memory.query_limit){others}",
            self.query_id.get(..16).unwrap_or(&self.query_id),
            reservation.consumer().name(),
            size(bytes),
            size(held.all()),
            size(quota),
            size(self.limit),
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn all(&self) -> usize {
        self.spillable + self.fixed
    }

    fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
        if reservation.consumer().can_spill() {
            &mut self.spillable
        } else {
            &mut self.fixed
        }
    }

    /// How much of this is within what is certain; a part of that is never taken by those that can spill.
    fn within(&self, certain: usize) -> usize {
        let spillable = self.spillable.min(spillable_part(certain));
        spillable + self.fixed.min(certain - spillable)
    }

    /// How much of it is taken from what is common.
    fn above(&self, certain: usize) -> usize {
        self.all() - self.within(certain)
    }

    /// Whether an operator may have so much more, where the query may have this quota.
    fn may_grow(&self, reservation: &MemoryReservation, bytes: usize, quota: usize) -> bool {
        let all = self.all() + bytes;
        if !reservation.consumer().can_spill() {
            return all <= quota;
        }
        let even = spillable_part(quota).min(quota.saturating_sub(self.fixed));
        all <= quota / 2 || reservation.size() + bytes <= even / self.spillers.max(1)
    }
}

/// What operators that can spill may have of so much.
fn spillable_part(bytes: usize) -> usize {
    bytes - bytes / LEFT
}

impl Common {
    fn free(&self) -> usize {
        self.size.saturating_sub(self.taken.load(Ordering::Relaxed))
    }

    fn take(&self, bytes: usize) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &'static str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.lock().spillers += 1;
        }
        self.server.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            let mut held = self.lock();
            held.spillers = held.spillers.saturating_sub(1);
        }
        self.server.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.charge(&mut self.lock(), reservation, additional);
        self.server.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.refund(&mut self.lock(), reservation, shrink);
        self.server.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> EngineResult<()> {
        let mut held = self.lock();
        let quota = self.quota(&held, reservation.consumer().can_spill());
        if !held.may_grow(reservation, additional, quota) {
            return Err(self.refused(&held, reservation, additional, quota));
        }
        self.server.try_grow(reservation, additional)?;
        self.charge(&mut held, reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.lock().all()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for QueryPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query(used: {}, limit: {})", self.reserved(), self.limit)
    }
}

fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
