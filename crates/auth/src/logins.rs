use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use godwit_config::Auth;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{
    cache::Cache,
    credentials::Basic,
    error::{Error, Result},
    password::Check,
    peer::Peer,
    throttle::{Throttle, Try},
    turns::Turns,
    users::{Candidates, Users},
};

/// How many logins may wait on account of failures from elsewhere.
const WAITING: usize = 1024;

/// Checks user names and passwords: few at a time, off the threads that serve calls, by turns, and at the same cost
/// whether the user exists or not.
pub(crate) struct Logins {
    checks: Arc<Checks>,
    throttle: Arc<Throttle>,
    turns: Turns,
    waiting: Semaphore,
}

struct Checks {
    check: Arc<dyn Check>,
    cache: Cache,
}

impl Logins {
    /// Passwords are checked when it is their turn.
    pub(crate) fn new(auth: &Auth, check: Arc<dyn Check>, turns: Turns) -> Self {
        let cache = Cache::new(auth.login_cache_ttl);
        Self {
            checks: Arc::new(Checks { check, cache }),
            throttle: Arc::new(Throttle::new(auth)),
            turns,
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Returns when the password is the user's.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is not; [`Error::Busy`] when too many wait; [`Error::Throttled`] after too
    /// many wrong ones.
    pub(crate) async fn verify(&self, users: &Users, basic: &Basic, peer: Peer) -> Result<()> {
        let known = || {
            let candidates = users.candidates(basic.user(), SystemTime::now());
            let known = self.checks.knows(basic, &candidates);
            if known {
                self.throttle.known(basic.user(), peer, Instant::now());
            }
            known
        };
        if known() {
            return Ok(());
        }
        let begin = || self.throttle.begin(basic.user(), peer, Instant::now());
        let wait = begin()?.wait;
        if !wait.is_zero() {
            let _waiting = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
            tokio::time::sleep(wait).await;
        }
        let turn = self.turns.take(peer).await?;
        // A burst of equal logins is checked once, and one of wrong ones is not checked to its end.
        if known() {
            return Ok(());
        }
        let tried = begin()?;
        let candidates = users.candidates(basic.user(), SystemTime::now());
        let (is_user, name) = (candidates.is_user, basic.user().to_owned());
        let password = Zeroizing::new(basic.password().to_owned());
        let (checks, throttle) = (Arc::clone(&self.checks), Arc::clone(&self.throttle));
        // What it comes to is noted there, so that nobody gets round it by going away.
        let work = tokio::task::spawn_blocking(move || {
            let right = checks.check(&name, &password, &candidates);
            note(&throttle, &tried, right);
            (right, turn)
        });
        let (right, _turn) = work.await.map_err(Error::internal)?;
        if right {
            return Ok(());
        }
        // A name that is nobody's may be a password typed in the wrong place.
        let user = is_user.then_some(basic.user());
        tracing::info!(user, "login refused");
        Err(Error::Unauthenticated)
    }
}

impl Checks {
    fn knows(&self, basic: &Basic, candidates: &Candidates) -> bool {
        let (user, password, now) = (basic.user(), basic.password(), Instant::now());
        let mut hashes = candidates.hashes.iter();
        candidates.is_user && hashes.any(|hash| self.cache.knows(user, password, hash, now))
    }

    fn check(&self, user: &str, password: &str, candidates: &Candidates) -> bool {
        let mut hashes = candidates.hashes.iter();
        let found = hashes.find(|hash| self.check.check(hash, password));
        let Some(hash) = found.filter(|_| candidates.is_user) else {
            return false;
        };
        self.cache.put(user, password, hash, Instant::now());
        true
    }
}

fn note(throttle: &Throttle, tried: &Try, right: bool) {
    if right {
        throttle.succeeded(tried, Instant::now());
    } else {
        throttle.failed(tried, Instant::now());
    }
}

#[cfg(test)]
mod tests;
