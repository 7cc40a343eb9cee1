//! What is noted about statements: that they began, how they ended, and what they changed about who may do what.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use godwit_audit::{Auditor, Ended, Event, Outcome, Statement};
use godwit_config::Config;
use godwit_protocol::{SessionId, StatementId};

use crate::figures::{Counted, KindFigures, Phases, Totals};
use crate::history::{Entry, History};
use crate::running::Live;
use crate::session::{Caller, Session};
use crate::shown::{Redaction, Shown, redact_log};
use crate::{Engine, Error, Result};
use slow::{log_slow, shown_plan};

mod slow;

/// Notes what statements do. A clone is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) auditor: Auditor,
    redaction: Redaction,
    totals: Arc<Totals>,
    history: History,
    slow: Slow,
}

/// Which statements leave more than others when they end.
#[derive(Debug, Clone, Copy)]
struct Slow {
    /// `history.plan_after`
    plan_after: Option<Duration>,
    /// `log.slow_query`
    log: Option<Duration>,
    /// `log.slow_query_plan`
    log_plan: bool,
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
    watch: Watch,
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
    /// Starts to keep what is noted.
    ///
    /// # Errors
    /// When the history of statements cannot be kept.
    pub(crate) fn start(auditor: Auditor, config: &Config) -> Result<Self> {
        let redaction = Redaction {
            literals: config.audit.redact_literals,
            max_bytes: usize::try_from(config.audit.max_sql_bytes).unwrap_or(usize::MAX),
        };
        if redaction.literals {
            redact_log();
        }
        Ok(Self {
            auditor,
            redaction,
            totals: Arc::default(),
            history: History::start(config)?,
            slow: Slow {
                plan_after: config.history.plan_after,
                log: config.log.slow_query,
                log_plan: config.log.slow_query_plan,
            },
        })
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

    /// The statements that have ended.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The text of a statement as others than its sender may see it.
    pub(crate) fn shown_sql(&self, sql: &Arc<str>) -> Arc<str> {
        self.redaction.show(sql).text
    }

    /// How a statement runs, with what each operator has done so far, as others than its sender may see it.
    pub(crate) fn shown_plan(&self, plan: &Arc<dyn ExecutionPlan>) -> String {
        shown_plan(plan, self.redaction.literals)
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
        let statement = Arc::clone(&self.watched(facts).quiet().statement);
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
            watch: self.clone(),
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
                let detail = format!("killed by user '{}'", killer.by);
                (Outcome::Killed, "killed", Some(detail))
            }
            (End::Cancelled, None) => (Outcome::Cancelled, "cancelled", None),
            (End::Failed { code, message }, _) => (Outcome::Failed, code, message),
        };
        let time = live.started.elapsed();
        let is_slow = |after: Option<Duration>| after.is_some_and(|after| time >= after);
        let slow = &self.watch.slow;
        let wants_plan = is_slow(slow.plan_after) || is_slow(slow.log) && slow.log_plan;
        let plan = live.plan().filter(|_| wants_plan);
        let plan = plan.map(|plan| self.watch.shown_plan(&plan));
        // What its operators have spilled is added up once, for all that ask below.
        live.close();
        self.watch.totals.add(&Counted {
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
        if is_slow(slow.log) {
            let plan = plan.as_deref().filter(|_| slow.log_plan);
            log_slow(&self.statement, live, &ended, plan);
        }
        let plan = plan.filter(|_| is_slow(slow.plan_after));
        let entry = Entry::ending(&self.statement, live, &ended, plan);
        // First: a statement may be missing for a moment, but is never there twice.
        live.end();
        self.watch.history.add(entry);
        let statement = Arc::clone(&self.statement);
        let event = Event::StatementEnded(statement, ended);
        self.watch.auditor.record(event);
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
