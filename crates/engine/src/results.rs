//! Results that outlive the call that asked for them: of queries that run in the background, and of those that are read
//! in parts. They lie on disk, each belongs to a user, and each ends: when it was read, cancelled, or forgotten.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arrow::datatypes::SchemaRef;
use datafusion::execution::disk_manager::DiskManager;
use godwit_auth::Permit;
use godwit_config::Config;
use godwit_protocol::StatementId;

use crate::engine::{check_authority, check_owner};
use crate::statement::Body;
use crate::{Engine, Error, QueryStream, Result, Session, Statement};

mod file;
mod keep;
mod read;
mod returned;
mod shared;

use file::Budget;
pub(crate) use read::Reading;
pub(crate) use returned::{Returned, Returning};
use shared::{Shared, gone};

/// How often the progress of a query is looked at by those who wait for it.
const LOOK: Duration = Duration::from_millis(50);

/// A result that the server keeps, or is about to have. A clone is cheap; holding one does not keep the rows.
#[derive(Clone)]
pub struct Kept {
    shared: Arc<Shared>,
    ttl: Duration,
}

/// How far a kept result has come.
#[derive(Debug, Clone)]
pub enum KeptState {
    /// Its query runs.
    Running,
    /// All of its rows are there.
    Finished {
        /// How many.
        rows: u64,
        /// What they take on disk, as Arrow IPC without the schema.
        bytes: u64,
    },
    /// There will be no rows.
    Failed(Error),
}

/// All kept results of a server.
#[derive(Debug)]
pub(crate) struct Results {
    disk: Arc<DiskManager>,
    budget: Arc<Budget>,
    ttl: Duration,
    max_per_user: usize,
    kept: Mutex<HashMap<StatementId, Arc<Shared>>>,
}

impl Engine {
    /// Runs a query in the background and keeps its rows, to be read in so many parts. The statement's timeout applies;
    /// what goes wrong shows in [`Kept::state`] and to those who read.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the statement is an effect; [`Error::ResourcesExhausted`] at `results.max_per_user`.
    pub fn keep(
        &self,
        session: &Session,
        permit: &Permit,
        statement: &Statement,
        parts: u32,
    ) -> Result<Kept> {
        self.admit(session, permit)?;
        check_owner(statement, permit)?;
        check_authority(statement, permit)?;
        let Body::Query(plan) = statement.body() else {
            return Err(Error::invalid(
                "the statement gives no rows; there is nothing to keep",
            ));
        };
        let results = &self.inner.results;
        let shared = Arc::new(Shared::new(statement, plan, parts.max(1)));
        results.insert(&shared)?;
        keep::start(&self.inner, &shared, statement, plan);
        Ok(results.handle(shared))
    }

    /// A kept result. To ask for it prolongs its life.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it was read, has expired, or never was; [`Error::Denied`] when it is another user's.
    pub fn kept(&self, permit: &Permit, id: StatementId) -> Result<Kept> {
        self.inner.running.check_open()?;
        let shared = self.inner.results.get(permit.user(), id)?;
        shared.touch();
        Ok(self.inner.results.handle(shared))
    }

    /// Reads one part of a kept result, counted from 0. Of a result whose order matters, the parts are its rows in
    /// sequence, and come when its query has ended; else a part comes as its rows are made. Dropping the stream ends the
    /// reading; when all readers have gone while the query runs and none comes back within five seconds, it is stopped.
    /// When all parts have been read to their end, the result is gone.
    ///
    /// # Errors
    /// As [`Self::kept`]; [`Error::InvalidInput`] when there is no such part. What went wrong with the query comes
    /// through the stream.
    pub fn read_kept(&self, permit: &Permit, id: StatementId, part: u32) -> Result<QueryStream> {
        self.inner.running.check_open()?;
        let shared = self.inner.results.get(permit.user(), id)?;
        if part >= shared.parts {
            return Err(Error::invalid(format!(
                "the result has {} parts, and part {part} was asked for",
                shared.parts
            )));
        }
        read::start(&self.inner, shared, part)
    }

    /// Stops the query of a kept result, and drops its rows. `false` when there is nothing to stop or drop.
    ///
    /// # Errors
    /// [`Error::Denied`] when it is another user's.
    pub fn cancel_kept(&self, permit: &Permit, id: StatementId) -> Result<bool> {
        match self.inner.results.get(permit.user(), id) {
            Ok(shared) => Ok(shared.cancel()),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Kept {
    /// Names it: the id of its statement.
    pub fn id(&self) -> StatementId {
        self.shared.id
    }

    /// Schema of its rows, as [`Statement::schema`].
    pub fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    /// Whether the order of its rows is part of the result.
    pub fn is_ordered(&self) -> bool {
        self.shared.ordered
    }

    /// In how many parts it is read.
    pub fn parts(&self) -> u32 {
        self.shared.parts
    }

    /// How far it has come.
    pub fn state(&self) -> KeptState {
        self.shared.state()
    }

    /// What part of the work is done, from 0 to 1, which is only reached at the end. `None` when that is not known.
    pub fn progress(&self) -> Option<f64> {
        self.shared.progress()
    }

    /// When it is forgotten, if nobody asks for it until then.
    pub fn expires_at(&self) -> SystemTime {
        let left = self.shared.expires(self.ttl);
        SystemTime::now() + left.saturating_duration_since(Instant::now())
    }

    /// Waits until the query has ended, but no longer than this.
    pub async fn ended(&self, longest: Duration) {
        // That it has not ended in this time is no error.
        let _ = tokio::time::timeout(longest, self.shared.ended()).await;
    }

    /// Waits until the query has ended or its progress has grown by so much, but no longer than this.
    pub async fn advanced(&self, by: f64, longest: Duration) {
        let enough = self.progress().unwrap_or_default() + by;
        let grown = async {
            let mut ticks = tokio::time::interval(LOOK);
            while self.progress().is_none_or(|progress| progress < enough) {
                ticks.tick().await;
            }
        };
        tokio::select! {
            () = self.ended(longest) => {}
            () = grown => {}
        }
    }
}

impl Results {
    pub(crate) fn new(config: &Config, disk: Arc<DiskManager>) -> Self {
        Self {
            disk,
            budget: Arc::new(Budget::new(config.results.max_bytes)),
            ttl: config.results.ttl,
            max_per_user: config.results.max_per_user,
            kept: Mutex::default(),
        }
    }

    /// Forgets what nobody has asked for in a while.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut kept = self.lock();
        let old: Vec<_> = kept
            .extract_if(|_, shared| now > shared.expires(self.ttl))
            .collect();
        drop(kept);
        for (_, shared) in old {
            shared.cancel();
        }
    }

    /// Stops the queries that nobody reads from: after this, nobody will.
    pub(crate) fn close(&self) {
        let unread: Vec<_> = self.lock().values().cloned().collect();
        for shared in unread.iter().filter(|shared| !shared.is_read()) {
            shared.cancel();
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        let all = std::mem::take(&mut *self.lock());
        for shared in all.values() {
            shared.cancel();
        }
    }

    /// What was read to its end by all.
    fn remove(&self, id: StatementId) {
        let removed = self.lock().remove(&id);
        if let Some(removed) = removed {
            removed.discard();
        }
    }

    fn insert(&self, shared: &Arc<Shared>) -> Result<()> {
        let now = Instant::now();
        self.sweep(now);
        let mut kept = self.lock();
        let of_user = || {
            let all = kept.values();
            all.filter(|other| other.user == shared.user)
        };
        let alive = of_user().filter(|other| !other.has_failed()).count();
        if alive >= self.max_per_user {
            return Err(Error::exhausted(format!(
                "user '{}' has {alive} kept results; read or cancel some, or wait until they expire \
                 (results.max_per_user)",
                shared.user
            )));
        }
        // What failed takes no disk and is kept for its error only, so that it gives way.
        let mut failed: Vec<_> = of_user().filter(|other| other.has_failed()).collect();
        failed.sort_by_key(|other| other.expires(self.ttl));
        let surplus = (failed.len() + 1).saturating_sub(self.max_per_user);
        let surplus: Vec<_> = failed[..surplus].iter().map(|other| other.id).collect();
        let dropped: Vec<_> = surplus.iter().map(|id| kept.remove(id)).collect();
        kept.insert(shared.id, Arc::clone(shared));
        drop(kept);
        drop(dropped);
        Ok(())
    }

    fn get(&self, user: &str, id: StatementId) -> Result<Arc<Shared>> {
        let found = self.lock().get(&id).cloned();
        match found {
            Some(shared) if shared.user != user => Err(Error::Denied {
                message: "the result belongs to another user".to_owned(),
            }),
            Some(shared) if Instant::now() <= shared.expires(self.ttl) => Ok(shared),
            _ => Err(gone()),
        }
    }

    fn handle(&self, shared: Arc<Shared>) -> Kept {
        Kept {
            shared,
            ttl: self.ttl,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StatementId, Arc<Shared>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("id", &self.shared.id)
            .finish_non_exhaustive()
    }
}
