//! What one statement at a time changes, and others wait for: a transaction of several statements, and the temporary tables
//! of a session. Nobody waits for rows of durable tables: there, the first to commit wins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use godwit_protocol::{SessionId, TransactionId};

use super::gate;
use crate::session::Session;

/// Who holds what, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<Claims>);

#[derive(Debug, Default)]
struct Claims {
    next: u64,
    all: BTreeMap<u64, Claim>,
}

/// What a statement wants to have for itself.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The transaction that is to be changed; without one, the temporary tables of the session.
    pub(crate) transaction: Option<TransactionId>,
    pub(crate) session: SessionId,
    pub(crate) user: String,
    /// The statement, unless it is the end of a transaction or a savepoint.
    pub(crate) query_id: Option<Arc<str>>,
    pub(crate) is_held: bool,
    /// When it was got, or has begun to wait.
    pub(crate) since: Instant,
}

/// Shows that something is held, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Lock {
    locks: Arc<Locks>,
    key: u64,
}

impl Locks {
    /// Takes a lock. Whoever asks sees that it is waited for, and then held.
    pub(crate) async fn take<T>(
        self: &Arc<Self>,
        (user, session): (&str, SessionId),
        transaction: Option<TransactionId>,
        lock: impl Future<Output = T>,
    ) -> (Lock, T) {
        let shown = self.wait(Claim {
            transaction,
            session,
            user: user.to_owned(),
            query_id: gate::query_id(),
            is_held: false,
            since: Instant::now(),
        });
        let taken = lock.await;
        if let Some(claim) = self.lock().all.get_mut(&shown.key) {
            claim.is_held = true;
            claim.since = Instant::now();
        }
        (shown, taken)
    }

    /// Those of a user, or of all, the longest there first.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<Claim> {
        let claims = self.lock();
        let seen = claims.all.values();
        seen.filter(|claim| user.is_none_or(|user| claim.user == user))
            .cloned()
            .collect()
    }

    fn wait(self: &Arc<Self>, claim: Claim) -> Lock {
        let mut claims = self.lock();
        let key = claims.next;
        claims.next += 1;
        claims.all.insert(key, claim);
        Lock {
            locks: Arc::clone(self),
            key,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Claims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.locks.lock().all.remove(&self.key);
    }
}

impl Session {
    /// Takes what one change of the session's temporary tables has for itself.
    pub(crate) async fn locked<T>(&self, lock: impl Future<Output = T>) -> (Lock, T) {
        let locks = self.shared().transactions.locks();
        locks.take((self.user(), self.id()), None, lock).await
    }
}
