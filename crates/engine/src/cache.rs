//! Plans between a query's description and its execution. What is not here any more is planned again.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use godwit_protocol::StatementId;

use crate::Statement;

/// A bounded number of statements, none older than a ticket can be.
#[derive(Debug)]
pub(crate) struct PlanCache {
    capacity: usize,
    ttl: Duration,
    plans: Mutex<Plans>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Plans {
    by_id: HashMap<StatementId, (Statement, Instant)>,
    /// Oldest first; may name statements that are gone.
    order: VecDeque<StatementId>,
}

impl PlanCache {
    pub(crate) fn new(capacity: usize, ttl: Duration) -> Self {
        Self {
            capacity,
            ttl,
            plans: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Keeps a statement, in place of the oldest when there is no room.
    pub(crate) fn insert(&self, statement: &Statement) {
        if self.capacity == 0 {
            return;
        }
        let mut dropped = Vec::new();
        let mut plans = self.lock();
        while plans.by_id.len() >= self.capacity
            && let Some(oldest) = plans.order.pop_front()
        {
            dropped.extend(plans.by_id.remove(&oldest));
        }
        if plans
            .by_id
            .insert(statement.id, (statement.clone(), Instant::now()))
            .is_none()
        {
            plans.order.push_back(statement.id);
        }
        drop(plans);
        drop(dropped);
    }

    pub(crate) fn get(&self, id: StatementId) -> Option<Statement> {
        let found = self.find(id);
        let count = if found.is_some() {
            &self.hits
        } else {
            &self.misses
        };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// How often a plan was there, and how often not.
    pub(crate) fn lookups(&self) -> (u64, u64) {
        let [hits, misses] = [&self.hits, &self.misses].map(|count| count.load(Ordering::Relaxed));
        (hits, misses)
    }

    fn find(&self, id: StatementId) -> Option<Statement> {
        let plans = self.lock();
        let (statement, since) = plans.by_id.get(&id)?;
        (since.elapsed() <= self.ttl).then(|| statement.clone())
    }

    /// Forgets what no ticket can name any more.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut plans = self.lock();
        let ttl = self.ttl;
        let old: Vec<_> = plans
            .by_id
            .extract_if(|_, (_, since)| now.saturating_duration_since(*since) > ttl)
            .collect();
        let Plans { by_id, order } = &mut *plans;
        order.retain(|id| by_id.contains_key(id));
        drop(plans);
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
