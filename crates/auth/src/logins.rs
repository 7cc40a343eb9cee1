use std::{sync::Arc, time::Instant};

use godwit_config::Auth;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{
    cache::Cache,
    credentials::Basic,
    error::{Error, Result},
    password::Check,
    users::Users,
};

/// How many passwords may wait for their check, for each that is being checked.
const WAITING_PER_SLOT: usize = 64;

/// Checks user names and passwords: few at a time, off the threads that serve calls, and at the same cost whether the
/// user exists or not.
pub(crate) struct Logins {
    check: Arc<dyn Check>,
    cache: Cache,
    queue: Semaphore,
    slots: Arc<Semaphore>,
}

impl Logins {
    pub(crate) fn new(auth: &Auth, check: Arc<dyn Check>) -> Self {
        let slots = auth.login_concurrency.max(1);
        Self {
            check,
            cache: Cache::new(auth.login_cache_ttl),
            queue: Semaphore::new(slots * (WAITING_PER_SLOT + 1)),
            slots: Arc::new(Semaphore::new(slots)),
        }
    }

    /// Returns when the password is the user's.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it is not; [`Error::Busy`] when too many wait.
    pub(crate) async fn verify(&self, users: &Users, basic: &Basic) -> Result<()> {
        let known = || {
            self.cache
                .knows(basic.user(), basic.password(), Instant::now())
        };
        if known() {
            return Ok(());
        }
        let _waiting = self.queue.try_acquire().map_err(|_| Error::Busy)?;
        let slot = Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        // A burst of equal logins is checked once.
        if known() {
            return Ok(());
        }
        let check = Arc::clone(&self.check);
        let hash = users.hash_or_dummy(basic.user());
        let password = Zeroizing::new(basic.password().to_owned());
        let work = tokio::task::spawn_blocking(move || (check.check(&hash, &password), slot));
        // The slot is given back after the cache knows; if the caller goes away before, when the work is done.
        let (right, _slot) = work.await.map_err(Error::internal)?;
        if !(right && users.exists(basic.user())) {
            // A name that is nobody's may be a password typed in the wrong place.
            let user = Some(basic.user()).filter(|user| users.exists(user));
            tracing::info!(user, "login refused");
            return Err(Error::Unauthenticated);
        }
        self.cache
            .put(basic.user(), basic.password(), Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
