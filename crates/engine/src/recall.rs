//! Plans by the texts that they were made of. Whoever finds one has to see that it still means what it meant.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::session::State;

/// How long a text may be that is kept, in bytes. Longer ones are seldom sent twice, and reading them is not what takes time.
const MAX_TEXT: usize = 16 << 10;

/// The plans of queries that were run last, in a bounded number.
#[derive(Debug)]
pub(crate) struct Recall {
    /// `query.plan_cache`
    capacity: usize,
    /// How long a plan stays that nobody uses.
    idle_timeout: Duration,
    kept: Mutex<HashMap<Key, Entry>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// What has to be the same for a plan to be looked at. The settings are compared as what they are frozen to, which the plan
/// holds: no other ones can be in the same place meanwhile.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    sql: Arc<str>,
    user: Arc<str>,
    settings: usize,
}

#[derive(Debug)]
struct Entry {
    plan: Arc<Plan>,
    used: Instant,
}

impl Key {
    fn new(sql: &Arc<str>, state: &State) -> Self {
        Self {
            sql: Arc::clone(sql),
            user: state.authority().user().into(),
            settings: state.settings_address(),
        }
    }
}

impl Recall {
    pub(crate) fn new(capacity: usize, idle_timeout: Duration) -> Self {
        Self {
            capacity,
            idle_timeout,
            kept: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// What this text was planned to last, by this user and with these settings.
    pub(crate) fn find(&self, sql: &Arc<str>, state: &State) -> Option<Arc<Plan>> {
        if self.capacity == 0 || sql.len() > MAX_TEXT {
            return None;
        }
        let key = Key::new(sql, state);
        let mut kept = self.lock();
        let entry = kept.get_mut(&key)?;
        entry.used = Instant::now();
        Some(Arc::clone(&entry.plan))
    }

    /// Keeps what a text was planned to, in place of what it was before, or of what was used least recently when there is no
    /// room.
    pub(crate) fn keep(&self, sql: &Arc<str>, plan: &Arc<Plan>) {
        if self.capacity == 0 || sql.len() > MAX_TEXT {
            return;
        }
        let key = Key::new(sql, &plan.state);
        let mut kept = self.lock();
        let entry = Entry {
            plan: Arc::clone(plan),
            used: Instant::now(),
        };
        let mut dropped = vec![kept.insert(key, entry)];
        if kept.len() > self.capacity {
            let oldest = kept.values().map(|entry| entry.used).min();
            let gone = kept.extract_if(|_, entry| Some(entry.used) == oldest);
            dropped.extend(gone.map(|(_, entry)| Some(entry)));
        }
        drop(kept);
        // Behind the lock: rows may go with it.
        drop(dropped);
    }

    /// Notes whether a plan was used again, or something had to be planned.
    pub(crate) fn count(&self, was_used: bool) {
        let count = if was_used { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// How often a plan was used again, and how often something had to be planned.
    pub(crate) fn lookups(&self) -> (u64, u64) {
        let [hits, misses] = [&self.hits, &self.misses].map(|count| count.load(Ordering::Relaxed));
        (hits, misses)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        self.forget_if(|_| true);
    }

    /// Forgets what nobody has used for long.
    pub(crate) fn sweep(&self, now: Instant) {
        self.forget_if(|entry| now.saturating_duration_since(entry.used) > self.idle_timeout);
    }

    fn forget_if(&self, is_gone: impl Fn(&Entry) -> bool) {
        let mut kept = self.lock();
        let gone: Vec<_> = kept.extract_if(|_, entry| is_gone(entry)).collect();
        drop(kept);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
