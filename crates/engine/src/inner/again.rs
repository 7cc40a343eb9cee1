//! Texts and prepared statements that come again: planned once, and looked at each time.

use std::sync::Arc;
use std::time::Instant;

use godwit_protocol::StatementId;

use super::Inner;
use crate::plan::Plan;
use crate::session::Session;
use crate::statement::Body;
use crate::transactions::Place;
use crate::{Result, Statement};

impl Inner {
    /// The plan of a text, if it was planned before and means the same now.
    ///
    /// # Errors
    /// When the session's transaction has ended.
    pub(super) async fn planned_before(
        &self,
        session: &Session,
        sql: &Arc<str>,
    ) -> Result<Option<Arc<Plan>>> {
        let state = session.state();
        let found = match session.recall().find(sql, &state) {
            Some(found) => Some(found),
            None => self.recall.find(sql, &state),
        };
        let Some(plan) = found else {
            return Ok(None);
        };
        let seen = session.seen().await?;
        if !self.planner.is_current(&plan, &state, &seen).await {
            return Ok(None);
        }
        self.recall.count(true);
        let now = Arc::new(plan.at(&seen));
        if !plan.is_of(&seen) {
            self.put(session, sql, &now);
        }
        Ok(Some(now))
    }

    /// Keeps a plan for the next time that the text comes.
    pub(super) fn remember(&self, session: &Session, sql: &Arc<str>, body: &Body) {
        if let Body::Query(plan) = body {
            self.recall.count(false);
            if plan.may_last() {
                self.put(session, sql, plan);
            }
        }
    }

    fn put(&self, session: &Session, sql: &Arc<str>, plan: &Arc<Plan>) {
        match plan.resolved.is_temporary() {
            true => session.recall().keep(sql, plan),
            false => self.recall.keep(sql, plan),
        }
    }

    /// The statement of a text, if it was planned before and a glance shows that it means the same: no more is done than may
    /// be done where calls are served.
    pub(crate) async fn at_a_glance(
        &self,
        session: &Arc<Session>,
        id: StatementId,
        sql: &Arc<str>,
    ) -> Option<Statement> {
        let began = Instant::now();
        let state = session.state();
        let found = session.recall().find(sql, &state);
        let plan = found.or_else(|| self.recall.find(sql, &state))?;
        if !self.is_as_before(session, &plan).await {
            return None;
        }
        self.recall.count(true);
        let text = Arc::clone(sql);
        let named = (id, began);
        self.ready(session, named, text, Body::Query(plan), None, None)
            .ok()
    }

    /// The same of a prepared statement with its bound rows.
    pub(crate) async fn prepared_at_a_glance(
        &self,
        session: &Arc<Session>,
        id: StatementId,
    ) -> Option<Statement> {
        let began = Instant::now();
        let entry = session.statements().get(id).ok()?;
        let Body::Query(plan) = &entry.body else {
            return None;
        };
        let session = &session.placed_for(entry.transaction.as_ref()).pinned();
        if !plan.may_last() || !self.is_as_before(session, plan).await {
            return None;
        }
        self.recall.count(true);
        let promised = Arc::clone(&entry.prepared.dataset_schema);
        let named = (StatementId::random(), began);
        let (text, body) = (entry.prepared.sql, entry.body.clone());
        self.ready(session, named, text, body, entry.bound, Some(promised))
            .ok()
    }

    /// Whether a plan is of the snapshot that a statement outside a transaction sees now, and its other tables have not
    /// changed. False says nothing.
    async fn is_as_before(&self, session: &Session, plan: &Plan) -> bool {
        let may = matches!(session.place(), Place::Alone) && plan.resolved.is_plain();
        if !may || !plan.state.is_same_as(&session.state()) {
            return false;
        }
        let Ok(seen) = session.seen().await else {
            return false;
        };
        let (catalog, current) = (&self.planner.catalog, plan.state.schema());
        plan.is_of(&seen) && plan.resolved.is_as_before(&seen, catalog, current)
    }
}
