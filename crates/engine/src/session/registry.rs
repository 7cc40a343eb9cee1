use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use datafusion::execution::SessionState;
use godwit_audit::Auditor;
use godwit_auth::access::{Access, Authority};
use godwit_catalog::{Catalog, TempTables};
use godwit_config::Config;
use godwit_lake::Lake;
use godwit_protocol::SessionId;

use super::{Frozen, Session};
use crate::prepared::StoreLimits;
use crate::settings::{Bounds, Settings};
use crate::transactions::Transactions;
use crate::{Error, Result};

/// How many plans a session keeps over its temporary tables at most.
const MAX_KEPT_PLANS: usize = 16;

/// What a client's calls have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// The id in a bearer token.
    Token(SessionId),
    /// The id in a cookie.
    Cookie(SessionId),
    /// Neither: one session for all such calls of a user. Its settings cannot be changed.
    Stateless,
}

/// All sessions of the server.
pub struct Sessions {
    shared: Arc<Shared>,
    max: usize,
    max_per_user: usize,
    idle_timeout: Duration,
    open: Mutex<HashMap<(String, SessionKey), Arc<Session>>>,
}

/// What all sessions start from.
pub(crate) struct Shared {
    pub(crate) catalog: Catalog,
    pub(crate) lake: Lake,
    pub(crate) transactions: Transactions,
    pub(crate) base: SessionState,
    /// The state of all sessions that have changed nothing.
    pub(crate) unchanged: Arc<Frozen>,
    /// What sessions may do that serve no call.
    pub(crate) nothing_allowed: Arc<Authority>,
    pub(crate) bounds: Bounds,
    pub(crate) statements: StoreLimits,
    /// How many plans a session keeps over its temporary tables.
    pub(crate) kept_plans: usize,
    /// What the temporary tables of one session may take together, in bytes.
    temp_bytes: u64,
}

impl Shared {
    /// The temporary tables that a session starts with.
    pub(crate) fn no_tables(&self) -> TempTables {
        let pool = &self.base.runtime_env().memory_pool;
        TempTables::new(self.temp_bytes, Arc::clone(pool))
    }
}

impl Sessions {
    pub(crate) fn new(
        config: &Config,
        catalog: Catalog,
        lake: Lake,
        base: SessionState,
        bounds: Bounds,
        auditor: Auditor,
    ) -> Result<Self> {
        let statements = StoreLimits {
            max: config.statements.max_per_session,
            idle_timeout: config.statements.idle_timeout,
        };
        let unchanged = Arc::new(Frozen::new(&Settings::new(bounds.clone()), &base)?);
        let nobody = Arc::new(Access::configured(BTreeMap::new()));
        Ok(Self {
            shared: Arc::new(Shared {
                catalog,
                transactions: Transactions::new(config, auditor),
                lake,
                base,
                unchanged,
                nothing_allowed: Arc::new(nobody.authority("", &[])),
                bounds,
                statements,
                kept_plans: config.query.plan_cache.min(MAX_KEPT_PLANS),
                temp_bytes: config.sessions.temp_bytes,
            }),
            max: config.sessions.max,
            max_per_user: config.sessions.max_per_user,
            idle_timeout: config.sessions.idle_timeout,
            open: Mutex::default(),
        })
    }

    /// The session of this user under this key; made when there is none. At a bound, a session that nothing was set or
    /// prepared in makes room: its client will not notice, since a new one is the same.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `sessions.max` or `sessions.max_per_user`.
    pub fn open(&self, user: &str, key: SessionKey) -> Result<Arc<Session>> {
        let entry = (user.to_owned(), key);
        let mut open = self.lock();
        if let Some(session) = open.get(&entry) {
            session.touch();
            return Ok(Arc::clone(session));
        }
        let of_user = open.keys().filter(|(owner, _)| owner == user).count();
        if of_user >= self.max_per_user && !evict(&mut open, Some(user)) {
            return Err(Error::exhausted(format!(
                "user '{user}' has {of_user} sessions; close some or wait until idle ones end (sessions.max_per_user)"
            )));
        }
        if open.len() >= self.max && !evict(&mut open, None) {
            return Err(Error::exhausted(format!(
                "the server has {} sessions, as many as it may (sessions.max)",
                open.len()
            )));
        }
        let session = Arc::new(Session::new(
            user,
            key == SessionKey::Stateless,
            Arc::clone(&self.shared),
        ));
        open.insert(entry, Arc::clone(&session));
        Ok(session)
    }

    /// A session that is in no list and serves no call.
    pub(crate) fn of_nobody(&self) -> Session {
        Session::new("", true, Arc::clone(&self.shared))
    }

    /// Forgets the session with its prepared statements and temporary tables, and rolls its transactions back. Queries
    /// that run go on. Nothing happens when there is none.
    pub fn close(&self, user: &str, key: SessionKey) {
        let closed = self.lock().remove(&(user.to_owned(), key));
        if let Some(session) = closed {
            self.transactions().end_of(session.id());
        }
    }

    /// The same for a session of a user, or of all, by its id: whether there was one.
    pub(crate) fn end(&self, user: Option<&str>, id: &str) -> bool {
        let mut open = self.lock();
        let key = open.iter().find_map(|(key, session)| {
            let may = user.is_none_or(|user| key.0 == user);
            (may && session.id().to_string() == id).then(|| key.clone())
        });
        let ended = key.and_then(|key| open.remove(&key));
        drop(open);
        if let Some(session) = &ended {
            self.transactions().end_of(session.id());
        }
        ended.is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Ends what has been idle for too long: sessions, and prepared statements of those that live on.
    pub(crate) fn sweep(&self, now: Instant) {
        let is_idle = |session: &Session| {
            now.saturating_duration_since(session.last_used()) > self.idle_timeout
        };
        let mut open = self.lock();
        let idle: Vec<_> = open.extract_if(|_, session| is_idle(session)).collect();
        let alive: Vec<_> = open.values().cloned().collect();
        drop(open);
        for (_, session) in idle {
            self.transactions().end_of(session.id());
        }
        for session in alive {
            session.statements().sweep(now);
            session.recall().sweep(now);
        }
    }

    /// The transactions of all sessions.
    pub(crate) fn transactions(&self) -> &Transactions {
        &self.shared.transactions
    }

    /// The sessions of a user, or of all, with their keys.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<(SessionKey, Arc<Session>)> {
        let open = self.lock();
        open.iter()
            .filter(|((owner, _), _)| user.is_none_or(|user| owner == user))
            .map(|((_, key), session)| (*key, Arc::clone(session)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, SessionKey), Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the blank session that was not used for longest, of one user or of all; tells whether there was one.
fn evict(open: &mut HashMap<(String, SessionKey), Arc<Session>>, user: Option<&str>) -> bool {
    let victim = open
        .iter()
        .filter(|((owner, _), session)| user.is_none_or(|user| owner == user) && session.is_blank())
        .min_by_key(|(_, session)| session.last_used())
        .map(|(key, _)| key.clone());
    victim.is_some_and(|key| open.remove(&key).is_some())
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("open", &self.len())
            .finish_non_exhaustive()
    }
}
