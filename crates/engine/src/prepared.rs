use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::datatypes::{Schema, SchemaRef};
use godwit_protocol::StatementId;

use crate::bind::Bound;
use crate::statement::Body;
use crate::transactions::{Open, Place};
use crate::{Error, Result, StatementKind};

/// A prepared statement as a client may know it. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Names it in its session.
    pub id: StatementId,
    /// What running it does.
    pub kind: StatementKind,
    /// Schema of its rows; no fields for an effect that returns none.
    pub dataset_schema: SchemaRef,
    /// One nullable field a parameter, in the order of binding, named `$1`, `$2` … or as the statement names them.
    pub parameter_schema: SchemaRef,
    /// The text as the client sent it.
    pub sql: Arc<str>,
}

/// The prepared statements of one session.
#[derive(Debug)]
pub(crate) struct Store {
    limits: StoreLimits,
    entries: Mutex<HashMap<StatementId, Entry>>,
}

/// `statements.*` of the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreLimits {
    pub(crate) max: usize,
    pub(crate) idle_timeout: Duration,
}

/// A prepared statement with what is needed to run it.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) prepared: Prepared,
    pub(crate) body: Body,
    pub(crate) bound: Option<Arc<Bound>>,
    /// The transaction that it was prepared in, if its client named one.
    pub(crate) transaction: Option<Arc<Open>>,
    /// Whether the values were bound after the last description.
    fresh: bool,
    last_used: Instant,
}

impl Prepared {
    /// Whether it is an effect that returns rows (`RETURNING`); run it with
    /// [`crate::Engine::execute_prepared_returning`] to have them.
    pub fn returns_rows(&self) -> bool {
        self.kind == StatementKind::Effect && !self.dataset_schema.fields().is_empty()
    }

    pub(crate) fn new(id: StatementId, sql: Arc<str>, body: &Body) -> Self {
        let empty = || Arc::new(Schema::empty());
        let (kind, dataset_schema, parameter_schema) = match body {
            Body::Query(plan) => (
                StatementKind::Query,
                Arc::clone(&plan.schema),
                Arc::clone(&plan.parameters),
            ),
            Body::Effect(effect) => (
                StatementKind::Effect,
                effect.returns().cloned().unwrap_or_else(empty),
                effect.parameters(),
            ),
        };
        Self {
            id,
            kind,
            dataset_schema,
            parameter_schema,
            sql,
        }
    }
}

impl Entry {
    /// How long nobody has used it.
    pub(crate) fn idle(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.last_used)
    }
}

impl Store {
    pub(crate) fn new(limits: StoreLimits) -> Self {
        Self {
            limits,
            entries: Mutex::default(),
        }
    }

    /// Keeps a statement under a new random id, with the transaction that its client named for it.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `statements.max_per_session`.
    pub(crate) fn insert(&self, sql: Arc<str>, body: Body, place: &Place) -> Result<Prepared> {
        let prepared = Prepared::new(StatementId::random(), sql, &body);
        let mut entries = self.lock();
        if entries.len() >= self.limits.max {
            return Err(Error::exhausted(format!(
                "the session holds {} prepared statements, as many as it may; close some (statements.max_per_session)",
                entries.len()
            )));
        }
        let entry = Entry {
            prepared: prepared.clone(),
            body,
            bound: None,
            transaction: place.transaction().filter(|open| open.is_named()).cloned(),
            fresh: false,
            last_used: Instant::now(),
        };
        entries.insert(prepared.id, entry);
        Ok(prepared)
    }

    /// A statement, which counts as used now.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn get(&self, id: StatementId) -> Result<Entry> {
        self.update(id, |entry| entry.clone())
    }

    /// Replaces the rows that are bound.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn bind(&self, id: StatementId, bound: Option<Arc<Bound>>) -> Result<()> {
        self.update(id, |entry| {
            entry.bound = bound;
            entry.fresh = true;
        })
    }

    /// Whether the statement has values that no description has used; from now on it has none.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn use_fresh(&self, id: StatementId) -> Result<bool> {
        self.update(id, |entry| std::mem::take(&mut entry.fresh))
    }

    /// Replaces the plan.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn replan(&self, id: StatementId, body: Body) -> Result<()> {
        self.update(id, |entry| entry.body = body)
    }

    /// Forgets a statement.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub(crate) fn remove(&self, id: StatementId) -> Result<()> {
        let removed = self.lock().remove(&id);
        removed.map(drop).ok_or_else(|| missing(id))
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// Forgets what has been idle for too long.
    pub(crate) fn sweep(&self, now: Instant) {
        let mut entries = self.lock();
        let is_idle = |entry: &Entry| {
            now.saturating_duration_since(entry.last_used) > self.limits.idle_timeout
        };
        let idle: Vec<_> = entries.extract_if(|_, entry| is_idle(entry)).collect();
        drop(entries);
        drop(idle);
    }

    fn update<T>(&self, id: StatementId, change: impl FnOnce(&mut Entry) -> T) -> Result<T> {
        let mut entries = self.lock();
        let entry = entries.get_mut(&id).ok_or_else(|| missing(id))?;
        entry.last_used = Instant::now();
        Ok(change(entry))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StatementId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(id: StatementId) -> Error {
    Error::not_found(format!(
        "prepared statement {id} does not exist in this session: it was closed, was idle for too long \
         (statements.idle_timeout), or its session ended; prepare it again"
    ))
}
