//! What is noted about statements: that they began, how they ended, and what they changed about who may do what.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use godwit_audit::{Auditor, Ended, Event, Outcome, Statement};
use godwit_config::Config;
use godwit_protocol::{SessionId, StatementId};

use crate::figures::{Counted, KindFigures, Phases, Totals};
use crate::running::Live;
use crate::session::{Caller, Session};
use crate::shown::{Redaction, Shown, redact_log};
use crate::{Engine, Error, Result};

/// Notes what statements do. A clone is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) auditor: Auditor,
    redaction: Redaction,
    totals: Arc<Totals>,
}

/// What is noted about every statement.
pub(crate) struct Facts<'a> {
    pub(crate) id: &'a str,
    pub(crate) user: &'a str,
    pub(crate) session: Option<SessionId>,
    pub(crate) kind: &'static str,
    pub(crate) sql: &'a Arc<str>,
    /// The snapshot of the lake that it reads.
    pub(crate) snapshot: Option<i64>,
}

impl<'a> Facts<'a> {
    /// Those of a statement of this session.
    pub(crate) fn of(
        id: &'a str,
        session: &'a Session,
        kind: &'static str,
        sql: &'a Arc<str>,
    ) -> Self {
        Self {
            id,
            user: session.user(),
            session: Some(session.id()),
            kind,
            sql,
            snapshot: None,
        }
    }
}

/// A statement that is being watched. Dropping it notes how it ended: until it says otherwise, it was cancelled.
#[derive(Debug)]
pub(crate) struct Watched {
    auditor: Auditor,
    totals: Arc<Totals>,
    pub(crate) statement: Arc<Statement>,
    shown: Shown,
    pub(crate) live: Arc<Live>,
    pub(crate) end: End,
    /// Whether its end is nothing to be noted.
    is_quiet: bool,
}

/// How a statement ended.
#[derive(Debug, Clone, Default)]
pub(crate) enum End {
    #[default]
    Cancelled,
    Finished,
    Failed {
        code: &'static str,
        /// Unless it may not be shown.
        message: Option<String>,
    },
}

impl Engine {
    /// Where events are noted.
    pub fn auditor(&self) -> &Auditor {
        &self.inner.running.watch().auditor
    }

    /// Notes a change of users, roles, grants, policies or masks: what a statement changed, in words.
    pub fn access_changed(&self, session: &Session, id: StatementId, sql: &str, what: String) {
        let (id, sql) = (id.to_string(), Arc::from(sql));
        let facts = Facts::of(&id, session, "access", &sql);
        self.inner.running.watch().access_changed(facts, what);
    }
}

/// Whose events a caller may see; `None` stands for everybody's.
pub(crate) fn visible_to(caller: &Caller) -> Option<String> {
    (!caller.authority.is_admin()).then(|| caller.user.clone())
}

impl Watch {
    pub(crate) fn new(auditor: Auditor, config: &Config) -> Self {
        let redaction = Redaction {
            literals: config.audit.redact_literals,
            max_bytes: usize::try_from(config.audit.max_sql_bytes).unwrap_or(usize::MAX),
        };
        if redaction.literals {
            redact_log();
        }
        Self {
            auditor,
            redaction,
            totals: Arc::default(),
        }
    }

    /// Whether anything may begin.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it could not be noted.
    pub(crate) fn check(&self) -> Result<()> {
        self.auditor.check().map_err(|error| Error::Unavailable {
            message: error.to_string(),
        })
    }

    /// The statements that have ended since the start.
    pub(crate) fn totals(&self) -> MutexGuard<'_, BTreeMap<&'static str, KindFigures>> {
        self.totals.lock()
    }

    /// How long they were in their phases.
    pub(crate) fn phases(&self) -> MutexGuard<'_, Phases> {
        self.totals.phases()
    }

    /// Notes that a statement begins to run.
    pub(crate) fn begin(&self, facts: Facts<'_>) -> Watched {
        let watched = self.watched(facts);
        let statement = Arc::clone(&watched.statement);
        self.auditor.record(Event::StatementStarted(statement));
        watched
    }

    /// Watches a statement that is being planned: it is noted when it comes to nothing.
    pub(crate) fn plan(&self, facts: Facts<'_>) -> Watched {
        self.watched(facts)
    }

    pub(crate) fn access_changed(&self, facts: Facts<'_>, what: String) {
        let statement = self.watched(facts).quiet().statement.clone();
        self.auditor
            .record(Event::AccessChanged { statement, what });
    }

    fn watched(&self, facts: Facts<'_>) -> Watched {
        let shown = self.redaction.show(facts.sql);
        let statement = Statement {
            query_id: facts.id.into(),
            user: facts.user.into(),
            session: facts.session.map(|id| id.to_string().into()),
            kind: facts.kind,
            sql: Arc::clone(&shown.text),
        };
        Watched {
            auditor: self.auditor.clone(),
            totals: Arc::clone(&self.totals),
            statement: Arc::new(statement),
            shown,
            live: Arc::new(Live::new(facts.snapshot)),
            end: End::default(),
            is_quiet: false,
        }
    }
}

impl Watched {
    /// Takes down how it went. An error comes back without what may be a password.
    ///
    /// # Errors
    /// The error that it is given.
    pub(crate) fn settle<T>(&mut self, outcome: Result<T>) -> Result<T> {
        match outcome {
            Ok(value) => {
                self.end = End::Finished;
                Ok(value)
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Its success is nothing to be noted.
    pub(crate) fn hush(&mut self) {
        self.is_quiet = true;
    }

    /// Takes down why it failed; the error comes back without what may be a password.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let error = self.shown.scrub(self.live.explain(error));
        self.end = match &error {
            Error::Cancelled | Error::Killed { .. } => End::Cancelled,
            other => End::Failed {
                code: other.code(),
                message: (!self.shown.hides).then(|| other.to_string()),
            },
        };
        error
    }

    /// Notes the end now, and not when it is dropped.
    pub(crate) fn tell(&mut self) {
        if std::mem::replace(&mut self.is_quiet, true) {
            return;
        }
        let live = &self.live;
        let (outcome, code, detail) = match (self.end.clone(), live.killer()) {
            (End::Finished, _) => (Outcome::Finished, "ok", None),
            (End::Cancelled, Some(killer)) => {
                (Outcome::Killed, "killed", Some(killer.message().to_owned()))
            }
            (End::Cancelled, None) => (Outcome::Cancelled, "cancelled", None),
            (End::Failed { code, message }, _) => (Outcome::Failed, code, message),
        };
        let time = live.started.elapsed();
        self.totals.add(&Counted {
            kind: self.statement.kind,
            outcome,
            rows: live.rows(),
            bytes: live.bytes(),
            spilled_bytes: live.spilled(),
            time,
            times: live.times(),
        });
        let ended = Ended {
            rows: live.rows(),
            bytes: live.bytes(),
            milliseconds: live.milliseconds(),
            outcome,
            code,
            detail,
        };
        let statement = Arc::clone(&self.statement);
        self.auditor.record(Event::StatementEnded(statement, ended));
    }

    fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tell();
    }
}
