use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use godwit_config::Auth;

use crate::{
    error::{Error, Result},
    peer::Peer,
};

/// How many users, addresses and pairs of them are remembered. Each takes some 40 bytes.
const REMEMBERED: usize = 65_536;
/// The longest that a login waits for its check on account of failures from elsewhere.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Slows those who try passwords: by user and address together, by address, and by user. Failures are forgotten at a
/// steady rate: as many as are free, in one window.
#[derive(Debug)]
pub(crate) struct Throttle {
    pair: Limit,
    address: Limit,
    user: Limit,
    known: Mutex<HashMap<u64, Known>>,
    hasher: RandomState,
}

/// How many failures are free, and what comes after.
#[derive(Debug, Clone, Copy)]
struct Limit {
    free: f64,
    first: Duration,
    longest: Duration,
    window: Duration,
}

/// Failures of a user, an address or a pair of them.
#[derive(Debug, Clone, Copy)]
struct Known {
    limit: Limit,
    failures: f64,
    last: Instant,
    /// Whether the user has logged in from the address.
    succeeded: bool,
}

/// A try that may be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Try {
    pair: u64,
    address: u64,
    user: u64,
    /// How long to wait before.
    pub(crate) wait: Duration,
}

impl Throttle {
    pub(crate) fn new(auth: &Auth) -> Self {
        let limit = |free: u32| Limit {
            free: f64::from(free),
            first: auth.failed_login_delay,
            longest: auth.failed_login_max_delay.max(auth.failed_login_delay),
            window: auth.failed_login_window,
        };
        Self {
            pair: limit(auth.failed_logins),
            address: limit(auth.failed_logins_per_address),
            user: limit(auth.failed_logins_per_user),
            known: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Whether a password may be tried now. What it turned out to be is to be told.
    ///
    /// # Errors
    /// [`Error::Throttled`]. A refused try does not count.
    pub(crate) fn begin(&self, user: &str, peer: Peer, now: Instant) -> Result<Try> {
        let mut tried = self.tried(user, peer);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |key| {
            known
                .get(key)
                .map_or(Duration::ZERO, |k: &Known| k.left(now))
        };
        let mut refused = left(&tried.pair);
        if !known.get(&tried.pair).is_some_and(|pair| pair.succeeded) {
            refused = refused.max(left(&tried.address));
            tried.wait = left(&tried.user).min(LONGEST_WAIT);
        }
        if refused.is_zero() {
            Ok(tried)
        } else {
            Err(Error::Throttled {
                retry_after: refused,
            })
        }
    }

    /// The password was wrong, or nobody's.
    pub(crate) fn failed(&self, tried: &Try, now: Instant) {
        if self.pair.first.is_zero() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut known, now);
        for (key, limit) in [
            (tried.pair, self.pair),
            (tried.address, self.address),
            (tried.user, self.user),
        ] {
            let entry = known.entry(key).or_insert(Known::new(limit, now));
            entry.fail(now);
        }
    }

    /// The password is known to be right, without a try.
    pub(crate) fn known(&self, user: &str, peer: Peer, now: Instant) {
        self.succeeded(&self.tried(user, peer), now);
    }

    fn tried(&self, user: &str, peer: Peer) -> Try {
        Try {
            pair: self.hasher.hash_one((user, peer)),
            address: self.hasher.hash_one(peer),
            user: self.hasher.hash_one(user),
            wait: Duration::ZERO,
        }
    }

    /// The password was right: failures of this user from this address are forgotten.
    pub(crate) fn succeeded(&self, tried: &Try, now: Instant) {
        if self.pair.first.is_zero() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut known, now);
        let fresh = Known {
            succeeded: true,
            ..Known::new(self.pair, now)
        };
        known.insert(tried.pair, fresh);
    }
}

impl Known {
    fn new(limit: Limit, now: Instant) -> Self {
        Self {
            limit,
            failures: 0.0,
            last: now,
            succeeded: false,
        }
    }

    fn failures_at(&self, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(self.last).as_secs_f64();
        let forgotten = self.limit.free * elapsed / self.limit.window.as_secs_f64();
        (self.failures - forgotten).max(0.0)
    }

    /// How long until the next try.
    fn left(&self, now: Instant) -> Duration {
        let delay = self.limit.delay(self.failures_at(now));
        delay.saturating_sub(now.saturating_duration_since(self.last))
    }

    fn fail(&mut self, now: Instant) {
        self.failures = (self.failures_at(now) + 1.0).min(self.limit.most());
        self.last = now;
    }

    /// Whether it says nothing any more.
    fn is_over(&self, now: Instant) -> bool {
        !self.succeeded && self.failures_at(now) <= 0.0
    }
}

impl Limit {
    /// The delay before the next try, after so many failures.
    fn delay(&self, failures: f64) -> Duration {
        // What was forgotten since the last one is no whole failure.
        let beyond = (failures - self.free).round();
        if beyond < 0.0 {
            return Duration::ZERO;
        }
        let delay = self.first.as_secs_f64() * beyond.exp2();
        Duration::try_from_secs_f64(delay).map_or(self.longest, |delay| delay.min(self.longest))
    }

    /// More failures make the delay no longer, and would only be remembered for longer.
    fn most(&self) -> f64 {
        let doublings = self.longest.as_secs_f64() / self.first.as_secs_f64();
        self.free + doublings.max(1.0).log2().ceil()
    }
}

/// What says least goes first: what is over, then, if that is not enough, half of all; those who have logged in last.
fn make_room(known: &mut HashMap<u64, Known>, now: Instant) {
    if known.len() + 3 <= REMEMBERED {
        return;
    }
    known.retain(|_, entry| !entry.is_over(now));
    if known.len() + 3 <= REMEMBERED {
        return;
    }
    let mut order: Vec<_> = known.iter().map(|(key, entry)| (*key, *entry)).collect();
    order.sort_by(|(_, a), (_, b)| {
        let by_success = a.succeeded.cmp(&b.succeeded);
        let by_failures = a.failures_at(now).total_cmp(&b.failures_at(now));
        by_success.then(by_failures).then(a.last.cmp(&b.last))
    });
    for (key, _) in order.into_iter().take(REMEMBERED / 2) {
        known.remove(&key);
    }
}

#[cfg(test)]
mod tests;
