use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use godwit_audit::Auditor;
use godwit_catalog::{TempJournal, TempTables};
use godwit_lake::{Lake, Snapshot, Transaction};
use godwit_protocol::{SessionId, TransactionId};
use tokio::sync::OwnedMutexGuard;

use super::locks::{Lock, Locks};
use crate::{Error, Result};

mod note;
mod savepoints;

use savepoints::Mark;
pub(crate) use savepoints::Which;

/// A transaction of several statements, until it ends and for as long as somebody knows it.
#[derive(Debug)]
pub(crate) struct Open {
    id: TransactionId,
    user: String,
    session: SessionId,
    /// Whether a client began it and names it, else SQL did.
    is_named: bool,
    /// Whether its session is that of clients which are not told apart.
    is_shared: bool,
    is_read_only: bool,
    max_savepoints: usize,
    lake: Lake,
    journal: Arc<TempJournal>,
    /// The temporary tables that were changed.
    temporary: OnceLock<TempTables>,
    /// Held by the statement that changes it.
    changing: Arc<tokio::sync::Mutex<()>>,
    /// Where it shows who that is.
    locks: Arc<Locks>,
    inner: Mutex<Inner>,
    /// Notes how it ends.
    auditor: Auditor,
    began: Instant,
}

/// What distinguishes one transaction from another when it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) is_named: bool,
    pub(crate) is_shared: bool,
    pub(crate) is_read_only: bool,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    savepoints: Vec<Mark>,
    marks: u64,
    last_used: Instant,
    /// How many statements and readers are at it.
    using: usize,
}

#[derive(Debug)]
enum Stage {
    /// No statement has come yet. What the first one sees is what all see.
    Blank,
    Begun(Begun),
    Ended(Ended),
}

/// A transaction of the lake, and the lake as its last whole statement left it.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) transaction: Transaction,
    pub(crate) seen: Snapshot,
}

/// How a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Committed,
    RolledBack,
    /// Its commit failed, for this reason.
    Failed(String),
    /// Nobody used it for so long.
    Expired(Duration),
    /// With its session.
    Closed,
}

/// Keeps a transaction from being taken for idle.
#[derive(Debug)]
pub(crate) struct Using(Arc<Open>);

impl Open {
    pub(crate) fn new(
        user: &str,
        session: SessionId,
        lake: &Lake,
        kind: Kind,
        max_savepoints: usize,
    ) -> Self {
        Self {
            id: TransactionId::random(),
            user: user.to_owned(),
            session,
            is_named: kind.is_named,
            is_shared: kind.is_shared,
            is_read_only: kind.is_read_only,
            max_savepoints,
            lake: lake.clone(),
            journal: Arc::default(),
            temporary: OnceLock::new(),
            changing: Arc::default(),
            locks: Arc::default(),
            inner: Mutex::new(Inner {
                stage: Stage::Blank,
                savepoints: Vec::new(),
                marks: 0,
                last_used: Instant::now(),
                using: 0,
            }),
            auditor: Auditor::off(),
            began: Instant::now(),
        }
    }

    /// The same with its end noted, and with who changes it shown.
    pub(crate) fn noted_by(self, auditor: Auditor, locks: Arc<Locks>) -> Self {
        Self {
            auditor,
            locks,
            ..self
        }
    }

    pub(crate) fn id(&self) -> TransactionId {
        self.id
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn is_named(&self) -> bool {
        self.is_named
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Whether the client itself committed it or rolled it back.
    pub(crate) fn was_ended_by_client(&self) -> bool {
        let ended = self.ended();
        matches!(ended, Some(Ended::Committed | Ended::RolledBack))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        match &self.lock().stage {
            Stage::Ended(ended) => Some(ended.clone()),
            Stage::Blank | Stage::Begun(_) => None,
        }
    }

    /// Whether no statement has come yet.
    pub(crate) fn is_blank(&self) -> bool {
        matches!(self.lock().stage, Stage::Blank)
    }

    /// The snapshot of the lake that it sees, once a statement has come.
    pub(crate) fn snapshot(&self) -> Option<i64> {
        match &self.lock().stage {
            Stage::Begun(begun) => Some(begun.seen.id().0),
            Stage::Blank | Stage::Ended(_) => None,
        }
    }

    /// How long ago it began.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }

    /// How long nobody has used it; nothing while somebody does.
    pub(crate) fn idle(&self, now: Instant) -> Option<Duration> {
        let inner = self.lock();
        (inner.using == 0).then(|| now.saturating_duration_since(inner.last_used))
    }

    /// Its part of the lake, which begins with the first statement.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has ended; when the lake does not answer.
    pub(crate) async fn begun(&self) -> Result<Begun> {
        if let Some(begun) = self.lock().touched(self)? {
            return Ok(begun);
        }
        let transaction = self.lake.begin().await;
        let transaction = transaction.map_err(|error| Error::from_lake(&error, "begin"))?;
        let transaction = transaction.owned_by(&self.user);
        let mut inner = self.lock();
        // Another statement may have come first.
        if let Some(begun) = inner.touched(self)? {
            return Ok(begun);
        }
        let begun = Begun {
            seen: transaction.snapshot(),
            transaction,
        };
        inner.stage = Stage::Begun(begun.clone());
        Ok(begun)
    }

    /// Shows what a whole statement has done to those that follow.
    pub(super) fn advance(&self, transaction: &Transaction) -> Result<()> {
        let seen = transaction.snapshot();
        let mut inner = self.lock();
        inner.touched(self)?;
        if let Stage::Begun(begun) = &mut inner.stage {
            begun.seen = seen;
        }
        Ok(())
    }

    /// Nobody else changes it for as long as the answer lives.
    pub(super) async fn changing(&self) -> (Lock, OwnedMutexGuard<()>) {
        let own = (self.user.as_str(), self.session);
        let guard = Arc::clone(&self.changing).lock_owned();
        self.locks.take(own, Some(self.id), guard).await
    }

    /// The temporary tables, whose changes are remembered.
    pub(crate) fn journaled(&self, tables: &TempTables) -> TempTables {
        let tables = self.temporary.get_or_init(|| tables.clone());
        tables.journaled(&self.journal)
    }

    /// For as long as the answer lives, the transaction is not idle.
    pub(crate) fn using(self: &Arc<Self>) -> Using {
        self.lock().using += 1;
        Using(Arc::clone(self))
    }

    /// Makes all changes durable. Whatever comes of it, the transaction has ended. It is not to be dropped half-way.
    ///
    /// # Errors
    /// [`Error::Aborted`] when another transaction committed first; when the lake does not answer; [`Error::NotFound`]
    /// when it had ended already.
    pub(crate) async fn commit(&self) -> Result<()> {
        let _changing = self.changing().await;
        let Some(begun) = self.lock().end(self, Ended::Committed)? else {
            self.journal.clear();
            self.note(&Ended::Committed, None);
            return Ok(());
        };
        let Err(error) = commit(begun.transaction).await else {
            self.journal.clear();
            self.note(&Ended::Committed, None);
            return Ok(());
        };
        let failed = Ended::Failed(error.to_string());
        self.note(&failed, Some(error.code()));
        self.lock().stage = Stage::Ended(failed);
        self.undo_all().await;
        Err(error)
    }

    /// Takes all changes back.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it had ended already.
    pub(crate) async fn rollback(&self, how: Ended) -> Result<()> {
        let _changing = self.changing().await;
        let begun = self.lock().end(self, how.clone())?;
        self.note(&how, None);
        if let Some(begun) = begun {
            begun.transaction.rollback().await;
        }
        self.undo_all().await;
        Ok(())
    }

    /// Ends it without waiting for anybody: what it changed in the lake is forgotten when the last statement lets go.
    pub(crate) fn close(&self, how: Ended) {
        // That it had ended already is as well.
        if self.lock().end(self, how.clone()).is_ok() {
            self.note(&how, None);
        }
    }

    /// Whether a statement changes it at this moment.
    pub(crate) fn is_changing(&self) -> bool {
        self.changing.try_lock().is_err()
    }

    async fn undo_all(&self) {
        if let Some(tables) = self.temporary.get() {
            tables.undo_all(&self.journal).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Counts as used now.
    fn touched(&mut self, open: &Open) -> Result<Option<Begun>> {
        self.last_used = Instant::now();
        match &self.stage {
            Stage::Blank => Ok(None),
            Stage::Begun(begun) => Ok(Some(begun.clone())),
            Stage::Ended(ended) => Err(ended.error(open)),
        }
    }

    fn end(&mut self, open: &Open, how: Ended) -> Result<Option<Begun>> {
        let begun = self.touched(open)?;
        self.stage = Stage::Ended(how);
        self.savepoints.clear();
        Ok(begun)
    }
}

impl Ended {
    /// What is said to whoever uses the transaction still.
    pub(crate) fn error(&self, open: &Open) -> Error {
        let ended = self.told(open.id);
        Error::not_found(if open.is_named {
            format!("{ended}; begin another one")
        } else if self.is_client() {
            format!("{ended}; run the statement again")
        } else {
            format!("{ended}; ROLLBACK ends it for the session too")
        })
    }

    pub(crate) fn told(&self, id: TransactionId) -> String {
        match self {
            Self::Committed => format!("transaction {id} has ended: it was committed"),
            Self::RolledBack => format!("transaction {id} has ended: it was rolled back"),
            Self::Failed(why) => {
                format!("transaction {id} has ended, nothing of it was kept: {why}")
            }
            Self::Expired(timeout) => format!(
                "transaction {id} was rolled back, since nobody used it for {} s (lake.transaction_idle_timeout)",
                timeout.as_secs_f64()
            ),
            Self::Closed => {
                format!("transaction {id} was rolled back, since its session has ended")
            }
        }
    }

    /// Whether the client knows, since it ended the transaction itself.
    pub(crate) fn is_client(&self) -> bool {
        matches!(self, Self::Committed | Self::RolledBack)
    }
}

impl Drop for Using {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.using = inner.using.saturating_sub(1);
        inner.last_used = Instant::now();
    }
}

/// Commits to the end even when nobody waits for it any more.
///
/// # Errors
/// [`Error::Aborted`] when another transaction committed first; when the lake does not answer.
pub(crate) async fn commit(transaction: Transaction) -> Result<()> {
    let committed = transaction.commit().await;
    committed
        .map(drop)
        .map_err(|error| Error::from_lake(&error, "commit"))
}
