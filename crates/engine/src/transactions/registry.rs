use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use godwit_audit::Auditor;
use godwit_config::Config;
use godwit_protocol::{SessionId, TransactionId};

use super::locks::Locks;
use super::open::{Ended, Kind, Open};
use crate::session::Session;
use crate::{Error, Result};

/// How many transactions that have ended are remembered, so that whoever uses one still is told what became of it.
const REMEMBERED: usize = 1024;

/// All open transactions of the server.
#[derive(Debug)]
pub(crate) struct Transactions {
    max: usize,
    max_savepoints: usize,
    idle_timeout: Duration,
    auditor: Auditor,
    locks: Arc<Locks>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: HashMap<TransactionId, Arc<Open>>,
    /// Oldest first.
    ended: VecDeque<Gone>,
}

/// A transaction that has ended.
#[derive(Debug, Clone)]
struct Gone {
    id: TransactionId,
    user: String,
    how: Ended,
}

/// What an id stands for.
#[derive(Debug)]
pub(crate) enum Found {
    Open(Arc<Open>),
    Ended(Ended),
}

impl Transactions {
    pub(crate) fn new(config: &Config, auditor: Auditor) -> Self {
        Self {
            max: config.lake.max_transactions,
            max_savepoints: config.lake.max_savepoints,
            idle_timeout: config.lake.transaction_idle_timeout,
            auditor,
            locks: Arc::default(),
            inner: Mutex::default(),
        }
    }

    /// Who changes what at this moment, and who waits for that.
    pub(crate) fn locks(&self) -> &Arc<Locks> {
        &self.locks
    }

    /// How long a transaction lives without a call.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.idle_timeout
    }

    /// Begins a transaction in a session. It takes nothing from the lake before its first statement.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `lake.max_transactions`.
    pub(crate) fn begin(&self, session: &Session, kind: Kind) -> Result<Arc<Open>> {
        let mut inner = self.lock();
        if inner.open.len() >= self.max {
            inner.make_room(self.idle_timeout);
        }
        let count = inner.open.len();
        if count >= self.max {
            return Err(Error::exhausted(format!(
                "the server has {count} open transactions, as many as it may (lake.max_transactions); commit or roll back \
                 some, or try again later"
            )));
        }
        let lake = &session.shared().lake;
        let open = Open::new(
            session.user(),
            session.id(),
            lake,
            kind,
            self.max_savepoints,
        );
        let open = Arc::new(open.noted_by(self.auditor.clone(), Arc::clone(&self.locks)));
        inner.open.insert(open.id(), Arc::clone(&open));
        Ok(open)
    }

    /// What a client means by an id: a transaction of its session, or of the one for calls without any, since a client
    /// that keeps cookies may have begun before it got one.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Denied`] when it is another user's.
    pub(crate) fn find(&self, session: &Session, id: TransactionId) -> Result<Found> {
        let inner = self.lock();
        let (user, found) = match inner.open.get(&id) {
            Some(open) if open.session() != session.id() && !open.is_shared() => {
                let user = open.user().to_owned();
                (user, Err(of_another_session(id)))
            }
            Some(open) => {
                let found = match open.ended() {
                    Some(how) => Found::Ended(how),
                    None => Found::Open(Arc::clone(open)),
                };
                (open.user().to_owned(), Ok(found))
            }
            None => match inner.ended.iter().rev().find(|gone| gone.id == id) {
                Some(gone) => (gone.user.clone(), Ok(Found::Ended(gone.how.clone()))),
                None => return Err(unknown(id)),
            },
        };
        if user != session.user() {
            return Err(Error::Denied {
                message: format!("transaction {id} belongs to another user"),
            });
        }
        found
    }

    /// Makes room for another, once a transaction has ended.
    pub(crate) fn forget(&self, open: &Open) {
        let Some(how) = open.ended() else {
            return;
        };
        let removed = self.lock().remove(open, how);
        drop(removed);
    }

    /// The open transactions of a session that its client names.
    pub(crate) fn named_of(&self, session: SessionId) -> Vec<Arc<Open>> {
        let mut open = self.of(session);
        open.retain(|open| open.is_named() && open.ended().is_none());
        open
    }

    /// Whether a session has any.
    pub(crate) fn has_any(&self, session: SessionId) -> bool {
        let inner = self.lock();
        inner.open.values().any(|open| open.session() == session)
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// How many a session has.
    pub(crate) fn count(&self, session: SessionId) -> usize {
        self.of(session).len()
    }

    /// Rolls back those of a session that has ended.
    pub(crate) fn end_of(&self, session: SessionId) {
        for open in self.of(session) {
            open.close(Ended::Closed);
            self.forget(&open);
        }
    }

    /// Rolls back those that nobody has used for too long. One that has done nothing yet holds nothing, and may wait for
    /// as long as its session.
    pub(crate) async fn sweep(&self, now: Instant) {
        let all: Vec<_> = self.lock().open.values().cloned().collect();
        for open in all {
            let is_idle = open.idle(now).is_some_and(|idle| idle > self.idle_timeout);
            let may_wait = open.is_blank() && !open.is_shared();
            if !is_idle || may_wait || open.is_changing() {
                continue;
            }
            tracing::info!(transaction = %open.id(), user = open.user(), "rolling back an idle transaction");
            // Its client may have ended it in this moment.
            let _ = open.rollback(Ended::Expired(self.idle_timeout)).await;
            self.forget(&open);
        }
    }

    /// Those of a user, or of all.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<Arc<Open>> {
        let inner = self.lock();
        let seen = inner
            .open
            .values()
            .filter(|open| open.ended().is_none() && user.is_none_or(|user| open.user() == user));
        seen.cloned().collect()
    }

    fn of(&self, session: SessionId) -> Vec<Arc<Open>> {
        let inner = self.lock();
        let of_session = inner.open.values().filter(|open| open.session() == session);
        of_session.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn remove(&mut self, open: &Open, how: Ended) -> Option<Arc<Open>> {
        let removed = self.open.remove(&open.id())?;
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(Gone {
            id: open.id(),
            user: open.user().to_owned(),
            how,
        });
        Some(removed)
    }

    /// Ends the one that has waited longest of those that have done nothing, if it has waited for so long.
    fn make_room(&mut self, idle_timeout: Duration) {
        let now = Instant::now();
        let waiting = self.open.values().filter_map(|open| {
            let idle = open.idle(now).filter(|idle| *idle > idle_timeout)?;
            open.is_blank().then(|| (idle, Arc::clone(open)))
        });
        if let Some((_, open)) = waiting.max_by_key(|(idle, _)| *idle) {
            let how = Ended::Expired(idle_timeout);
            open.close(how.clone());
            self.remove(&open, how);
        }
    }
}

fn of_another_session(id: TransactionId) -> Error {
    Error::not_found(format!(
        "transaction {id} is not of this session; begin another one"
    ))
}

fn unknown(id: TransactionId) -> Error {
    Error::not_found(format!(
        "transaction {id} does not exist: it never did, or it ended long ago; begin another one"
    ))
}
