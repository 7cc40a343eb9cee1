use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use bytes::Bytes;
use godwit_protocol::{StatementId, TransactionId};

use crate::Result;
use crate::bind::Bound;
use crate::effect::Effect;
use crate::plan::Plan;
use crate::session::Caller;
use crate::transactions::Ended;

/// A statement that was parsed, checked and analysed, bound to the tables as they were then. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Names it in the plan cache.
    pub id: StatementId,
    /// The text as the client sent it.
    pub sql: Arc<str>,
    /// What running it does.
    pub kind: StatementKind,
    /// Schema of the stream of [`crate::Engine::query`], to the nullability. May hold views and dictionaries. For an
    /// effect: that of the rows that it returns, else one field `count`, Int64, not null.
    pub schema: SchemaRef,
    /// A hash over the contents that the statement's tables had when it was planned. Zero when it reads no table.
    pub snapshot: u64,
    /// Where it was planned, for [`crate::Engine::resume`].
    pub origin: Origin,
    inner: Arc<Inner>,
}

/// What running a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatementKind {
    /// It gives rows and changes nothing; run it with [`crate::Engine::query`], as often as needed.
    Query,
    /// It changes something; run it with [`crate::Engine::execute`], once.
    Effect,
}

/// The moment that a statement sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The snapshot of the lake; `None` for an effect.
    pub lake: Option<i64>,
    /// The transaction, whose own changes it sees too.
    pub transaction: Option<TransactionId>,
}

/// What an effect did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that it changed.
    pub rows: i64,
}

/// What there is to run.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Query(Arc<Plan>),
    Effect(Effect),
}

#[derive(Debug)]
struct Inner {
    caller: Arc<Caller>,
    body: Body,
    bound: Option<Arc<Bound>>,
    /// How long it took to plan.
    planning: Duration,
    ran: AtomicBool,
}

impl Statement {
    /// `promised` is the schema that the client knows already, if it knows one.
    pub(crate) fn new(
        id: StatementId,
        caller: Arc<Caller>,
        sql: Arc<str>,
        body: Body,
        bound: Option<Arc<Bound>>,
        promised: Option<SchemaRef>,
        planning: Duration,
    ) -> Self {
        let (kind, schema, snapshot) = match &body {
            Body::Query(plan) => (
                StatementKind::Query,
                Arc::clone(&plan.schema),
                plan.snapshot,
            ),
            Body::Effect(effect) => {
                let returned = effect.returns().cloned();
                let schema = returned.unwrap_or_else(count_schema);
                (StatementKind::Effect, schema, 0)
            }
        };
        let schema = match (kind, promised) {
            (StatementKind::Query, Some(promised)) => promised,
            _ => schema,
        };
        let origin = Origin {
            lake: match &body {
                Body::Query(plan) => plan.lake.map(|lake| lake.0),
                Body::Effect(_) => None,
            },
            transaction: caller.transaction.as_ref().map(|open| open.id()),
        };
        let inner = Inner {
            caller,
            body,
            bound,
            planning,
            ran: AtomicBool::new(false),
        };
        Self {
            id,
            sql,
            kind,
            schema,
            snapshot,
            origin,
            inner: Arc::new(inner),
        }
    }

    /// The bound rows as an Arrow IPC stream, for a ticket; `None` when nothing is bound.
    pub fn parameters_ipc(&self) -> Option<Bytes> {
        self.inner.bound.as_ref().map(|bound| bound.ipc())
    }

    /// How many rows the result will have, where that is known exactly.
    pub fn rows_hint(&self) -> Option<u64> {
        match (&self.inner.body, &self.inner.bound) {
            (Body::Query(plan), None) => plan.rows,
            (Body::Query(plan), Some(bound)) => plan.rows?.checked_mul(bound.len() as u64),
            (Body::Effect(effect), _) => effect.returns().is_none().then_some(1),
        }
    }

    /// Whether the order of the rows is part of the result.
    pub fn ordered(&self) -> bool {
        matches!(&self.inner.body, Body::Query(plan) if plan.is_ordered())
    }

    /// Whether it is an effect that returns rows (`RETURNING`); run it with [`crate::Engine::execute_returning`] to have
    /// them.
    pub fn returns_rows(&self) -> bool {
        matches!(&self.inner.body, Body::Effect(effect) if effect.returns().is_some())
    }

    /// Whether what it was planned on can still be read.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when its transaction was rolled back.
    pub(crate) fn check_transaction(&self) -> Result<()> {
        match &self.inner.caller.transaction {
            Some(open) => match open.ended() {
                // What it wrote is still there.
                None | Some(Ended::Committed) => Ok(()),
                Some(ended) => Err(ended.error(open)),
            },
            None => Ok(()),
        }
    }

    /// How long it took to plan.
    pub(crate) fn planning(&self) -> Duration {
        self.inner.planning
    }

    pub(crate) fn user(&self) -> &str {
        &self.inner.caller.user
    }

    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.inner.caller
    }

    pub(crate) fn body(&self) -> &Body {
        &self.inner.body
    }

    pub(crate) fn bound(&self) -> Option<&Arc<Bound>> {
        self.inner.bound.as_ref()
    }

    /// True for the first who asks, false for all others.
    pub(crate) fn claim(&self) -> bool {
        !self.inner.ran.swap(true, Ordering::SeqCst)
    }
}

fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(
        "count",
        DataType::Int64,
        false,
    )]))
}
