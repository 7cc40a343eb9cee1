//! The memory of one query, as a pool of its own within that of the server.
//!
//! Half of the server's memory is divided evenly among the queries that may run, and certain to each; the other half is
//! taken by those that need more, as long as there is some. So a query that comes late finds what it needs to begin with,
//! and spills instead of failing. Within a query, operators that can spill take what they like up to half of what it may
//! have; above that, no more than an even part, so that one does not starve the next.

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
    /// What it may have at this moment.
    fn quota(&self, all: usize) -> usize {
        (self.certain.max(all) + self.common.free()).min(self.limit)
    }

    fn charge(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.all();
        *held.of(reservation) += bytes;
        self.common
            .take(held.all().saturating_sub(before.max(self.certain)));
    }

    fn refund(&self, held: &mut Held, reservation: &MemoryReservation, bytes: usize) {
        let before = held.all();
        let of = held.of(reservation);
        *of = of.saturating_sub(bytes);
        self.common
            .give(before.saturating_sub(held.all().max(self.certain)));
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

    /// Whether an operator may have so much more, where the query may have this quota.
    fn may_grow(&self, reservation: &MemoryReservation, bytes: usize, quota: usize) -> bool {
        let all = self.all() + bytes;
        if !reservation.consumer().can_spill() {
            return all <= quota;
        }
        let even = quota.saturating_sub(self.fixed) / self.spillers.max(1);
        all <= quota / 2 || reservation.size() + bytes <= even
    }
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
        let quota = self.quota(held.all());
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
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn shares(max_running: usize, query_limit: Option<u64>) -> Shares {
        let mut config = Config::default();
        config.memory.limit = 80 << 20;
        config.memory.query_limit = query_limit;
        config.query.max_running = Some(max_running);
        let server = datafusion::execution::memory_pool::GreedyMemoryPool::new(80 * MIB);
        let env = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(server));
        Shares::new(&config, env.build_arc().unwrap())
    }

    fn consumer(share: &Share, can_spill: bool) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::clone(&share.pool) as _;
        let consumer = MemoryConsumer::new("Operator[0]").with_can_spill(can_spill);
        consumer.register(&pool)
    }

    #[test]
    fn what_is_certain_stays_when_others_take_the_rest() {
        let shares = shares(4, None);
        let (greedy, late) = (shares.begin("a").unwrap(), shares.begin("b").unwrap());
        let all = consumer(&greedy, false);
        all.try_grow(40 * MIB).unwrap();
        assert!(all.try_grow(1).is_err(), "half of all is the limit of one");
        let second = shares.begin("c").unwrap();
        let rest = consumer(&second, false);
        rest.try_grow(20 * MIB).unwrap();
        assert!(
            rest.try_grow(1).is_err(),
            "10 are certain, and 10 were left"
        );
        let certain = consumer(&late, false);
        certain.try_grow(10 * MIB).unwrap();
        assert!(certain.try_grow(1).is_err());
        drop((all, rest));
        certain.try_grow(30 * MIB).unwrap();
        assert_eq!(late.pool.reserved(), 40 * MIB);
        drop(certain);
        assert_eq!(
            (late.pool.reserved(), shares.env.memory_pool.reserved()),
            (0, 0)
        );
        assert_eq!(shares.common.free(), 40 * MIB);
    }

    #[test]
    fn a_query_has_no_more_than_its_limit() {
        let shares = shares(1, Some(16 << 20));
        let share = shares.begin("0123456789abcdef0123456789abcdef").unwrap();
        let one = consumer(&share, false);
        one.try_grow(16 * MIB).unwrap();
        let text = one.try_grow(MIB).unwrap_err().to_string();
        for part in [
            "query 0123456789abcdef is",
            "Operator[0]",
            "16.0 MB at most (memory.query_limit)",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn one_that_can_spill_leaves_room_for_the_next() {
        let shares = shares(1, Some(16 << 20));
        let share = shares.begin("a").unwrap();
        let (first, second) = (consumer(&share, true), consumer(&share, true));
        first.try_grow(8 * MIB).unwrap();
        assert!(first.try_grow(MIB).is_err(), "its part is half");
        second.try_grow(8 * MIB).unwrap();
        assert!(second.try_grow(1).is_err());
        first.shrink(8 * MIB);
        drop(second);
        first.try_grow(16 * MIB).unwrap();
    }
}
