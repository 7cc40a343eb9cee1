//! The memory of one query: all of it is the pool's that all queries share, and it is counted on the way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;

/// What a query has reserved, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    peak: AtomicUsize,
}

/// What a query is run with, counted where that is asked for.
///
/// # Errors
/// As [`Gauge::count`].
pub(crate) fn counted(
    context: TaskContext,
    gauge: Option<&Arc<Gauge>>,
) -> Result<Arc<TaskContext>> {
    match gauge {
        Some(gauge) => gauge.count(context),
        None => Ok(Arc::new(context)),
    }
}

#[derive(Debug)]
struct Counted {
    pool: Arc<dyn MemoryPool>,
    gauge: Arc<Gauge>,
}

impl Gauge {
    /// The most that was reserved at a time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed) as u64
    }

    /// What a query is run with, so that its memory is counted here.
    ///
    /// # Errors
    /// When the engine does not take its own parts back.
    pub(crate) fn count(self: &Arc<Self>, context: TaskContext) -> Result<Arc<TaskContext>> {
        let env = context.runtime_env();
        let pool = Counted {
            pool: Arc::clone(&env.memory_pool),
            gauge: Arc::clone(self),
        };
        let env = RuntimeEnvBuilder::from_runtime_env(&env).with_memory_pool(Arc::new(pool));
        Ok(Arc::new(context.with_runtime(env.build_arc()?)))
    }

    fn grow(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    fn shrink(&self, bytes: usize) {
        self.now.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl MemoryPool for Counted {
    fn name(&self) -> &str {
        self.pool.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.pool.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.pool.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pool.grow(reservation, additional);
        self.gauge.grow(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pool.shrink(reservation, shrink);
        self.gauge.shrink(shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.pool.try_grow(reservation, additional)?;
        self.gauge.grow(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.pool.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.pool.memory_limit()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pool.fmt(f)
    }
}
