//! The memory of one query, as a pool of its own within that of the server.
//!
//! Half of the server's memory is divided evenly among the queries that may run, and certain to each; the other half is
//! taken by those that need more, as long as there is some. So a query that comes late finds what it needs to begin with,
//! and spills instead of failing. Within a query, operators that can spill take what they like up to half of what it may
//! have; above that, no more than an even part, so that one does not starve the next. They leave a third of it to those
//! that cannot, because these fail where they get nothing: a sort that has spilled merges with such memory, which it gives
//! back and takes again. One that fails all the same, before its first row, runs once more, and then each of its operators
//! has a part of its own. If that fails because others have what it needs, it waits until all that it may have can be
//! certain to it, and runs at last: one such query after the other, while those that began later take nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
use tokio::time::timeout;

use crate::admission::max_running;
use crate::{Error, Result};

mod channels;
mod common;
mod held;
mod parts;

use channels::is_channel;
use common::Common;
use held::{Held, spillable_part};
use parts::Parts;

/// How often it is looked whether memory was given back, and how often at most that of what was dropped.
const RELEASE_LOOK: Duration = Duration::from_millis(20);
const RELEASE_LOOKS: usize = 100;

/// Operators that can spill leave one part in so many of what all queries take from to others.
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
    /// How long one waits at most for all it may have, in milliseconds: `query.queue_timeout`.
    wait: AtomicU64,
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
    /// As which of all queries it began.
    number: u64,
    limit: usize,
    /// What is certain to it as to every other, in bytes.
    even: usize,
    wait: Duration,
    /// Whether it was refused what it may have, because others have it.
    is_starved: AtomicBool,
    common: Arc<Common>,
    server: Arc<dyn MemoryPool>,
    held: Mutex<Held>,
}

impl Shares {
    pub(crate) fn new(config: &Config, env: Arc<RuntimeEnv>) -> Self {
        let size = bytes(config.memory.limit) / 2;
        let shares = Self {
            env,
            common: Arc::new(Common::new(size)),
            limit: AtomicUsize::new(0),
            certain: AtomicUsize::new(0),
            wait: AtomicU64::new(0),
        };
        shares.set(config);
        shares
    }

    /// Takes new bounds, for queries that come from now on.
    pub(crate) fn set(&self, config: &Config) {
        let limit = config.memory.query_limit.map_or(self.common.size(), bytes);
        self.limit.store(limit, Ordering::Relaxed);
        let certain = self.common.size() / max_running(config).max(1);
        self.certain.store(certain.min(limit), Ordering::Relaxed);
        let wait = config.query.queue_timeout.as_millis();
        self.wait
            .store(wait.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The share of a query, from nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] when the engine does not take its parts back.
    pub(crate) fn begin(&self, query_id: &str) -> Result<Share> {
        let certain = self.certain.load(Ordering::Relaxed);
        let pool = Arc::new(QueryPool {
            query_id: query_id.to_owned(),
            number: self.common.begin(),
            limit: self.limit.load(Ordering::Relaxed),
            even: certain,
            wait: Duration::from_millis(self.wait.load(Ordering::Relaxed)),
            is_starved: AtomicBool::new(false),
            common: Arc::clone(&self.common),
            server: Arc::clone(&self.env.memory_pool),
            held: Mutex::new(Held::nothing(certain)),
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
        if self.pool.lock().parts.is_some() {
            return MERGE_RESERVE.0;
        }
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

    /// From now on each operator has a part of its own. What ran before has given back what it held.
    pub(crate) fn divide(&self) {
        self.pool.lock().parts = Some(Parts::default());
    }

    /// So many operators that can spill are to come. Partitions begin one after the other, and the first of them must not
    /// take what the last will need.
    pub(crate) fn expect(&self, spillers: usize) {
        if let Some(parts) = &mut self.pool.lock().parts {
            parts.expect(spillers);
        }
    }

    /// Whether it was refused what it may have, because others have it.
    pub(crate) fn is_starved(&self) -> bool {
        self.pool.is_starved.load(Ordering::Relaxed)
    }

    /// Waits until all that it may have can be certain to it, as long as a query may wait for its turn; whether it is.
    /// Those that have begun until then go on as they like, those that begin later have what is certain to them.
    pub(crate) async fn becomes_certain(&self) -> bool {
        let pool = &self.pool;
        let all = async {
            let _turn = pool.common.turn().await;
            while !pool.make_certain() {
                tokio::time::sleep(RELEASE_LOOK).await;
            }
        };
        timeout(pool.wait, all).await.is_ok()
    }

    /// Leaves to others what is certain to it and what it does not hold.
    pub(crate) fn leave(&self) {
        self.pool.leave();
    }
}

impl QueryPool {
    /// What it may have at this moment, when an operator asks that can spill, or one that cannot.
    fn quota(&self, held: &Held, can_spill: bool) -> usize {
        let unused = held.certain - held.within();
        let free = self.common.free_for(self.number);
        let more = if can_spill {
            let room = spillable_part(held.certain).saturating_sub(held.spillable);
            room.min(unused) + free.saturating_sub(self.common.size() / LEFT_COMMON)
        } else {
            unused + free
        };
        (held.all() + more).min(self.limit)
    }

    fn charge(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.above();
        held.take(reservation, bytes);
        self.common.take(held.above().saturating_sub(before));
    }

    fn refund(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.above();
        held.give(reservation, bytes);
        self.common.give(before.saturating_sub(held.above()));
    }

    /// Makes all that it may have certain to it, if that much is free.
    fn make_certain(&self) -> bool {
        let mut held = self.lock();
        let before = held.above();
        let is_free = self.common.try_take(self.limit - held.certain);
        if is_free {
            held.certain = self.limit;
            self.common.give(before.saturating_sub(held.above()));
        }
        is_free
    }

    /// Makes no more certain to it than what it holds, but what is to every other.
    fn leave(&self) {
        let mut held = self.lock();
        let before = held.above() + held.certain;
        held.certain = held.all().clamp(self.even, held.certain);
        self.common
            .give(before.saturating_sub(held.above() + held.certain));
    }

    /// Whether an operator may have so much more.
    fn allow(
        &self,
        held: &Held,
        reservation: &MemoryReservation,
        additional: usize,
    ) -> EngineResult<()> {
        let consumer = reservation.consumer();
        let quota = self.quota(held, consumer.can_spill());
        if held.may_grow(reservation, additional, quota) {
            return Ok(());
        }
        // One that can spill gives back what it holds and asks again; a channel does not even that.
        let goes_on = consumer.can_spill() && (reservation.size() > 0 || is_channel(consumer));
        if quota < self.limit && !goes_on {
            self.is_starved.store(true, Ordering::Relaxed);
        }
        Err(self.refused(held, reservation, additional, quota))
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
                size(self.common.size())
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

impl Drop for QueryPool {
    fn drop(&mut self) {
        self.leave();
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &'static str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.lock().register(consumer);
        self.server.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.lock().unregister(consumer);
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
        held.channels.asked();
        let outcome = match self.allow(&held, reservation, additional) {
            Ok(()) => self.server.try_grow(reservation, additional),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            let consumer = reservation.consumer();
            if !is_channel(consumer) || held.channels.may_spill(consumer) {
                return Err(error);
            }
            self.server.grow(reservation, additional);
        }
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
