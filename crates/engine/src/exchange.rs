//! Queries over rows that their client is still sending.
//!
//! Those rows are a table that can be read once, called `input`. Nothing of them is kept: they are taken from the client
//! no faster than the query wants them, and operators that need all rows before the first of theirs (sorts, aggregates)
//! hold them against the same memory limit, and spill as they do for every other table.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as EngineResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use futures::stream::BoxStream;
use godwit_auth::Permit;
use godwit_protocol::StatementId;

use crate::audit::Facts;
use crate::check::{self, Class};
use crate::inner::Inner;
use crate::names::INPUT;
use crate::session::Session;
use crate::statement::Body;
use crate::{Engine, Error, Result, Statement, parse};

mod compact;
mod table;

use table::{InputExec, InputTable};

/// The rows that a client uploads: their schema, and the batches as they arrive, each of that schema.
pub type Upload = (SchemaRef, BoxStream<'static, Result<RecordBatch>>);

impl Engine {
    /// A query in which the unqualified name `input` stands for what the client uploads. It is to be run once, with
    /// [`Engine::query`]; whatever it does not take of the upload is dropped with the query.
    ///
    /// `upload` is waited for only when the statement mentions `input`. It gives `None` when the client has ended its
    /// stream without a schema; then `input` is a name as any other.
    ///
    /// # Errors
    /// As [`Engine::describe`]; [`Error::InvalidInput`] when the statement is an effect; what `upload` gives. That the
    /// statement reads `input` twice shows when it is run, before its first row.
    pub async fn exchange(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        sql: &str,
        upload: impl Future<Output = Result<Option<Upload>>> + Send + 'static,
    ) -> Result<Statement> {
        let session = &self.admit(session, permit)?;
        let id = StatementId::random();
        let text: Arc<str> = sql.into();
        let sql = Arc::clone(&text);
        let (inner, timeout) = (&self.inner, session.state().timeout());
        let asking = session.pinned();
        let work = {
            let inner = Arc::clone(inner);
            Box::pin(async move { inner.exchange(&asking, id, &sql, upload).await })
        };
        let id = id.to_string();
        let facts = Facts::of(&id, session, "statement", &text);
        let record = inner.running.plan(facts);
        let planned = inner.plan_noted(&record, None, timeout, work).await;
        record.planned(planned)
    }
}

impl Inner {
    async fn exchange(
        &self,
        session: &Session,
        id: StatementId,
        sql: &str,
        upload: impl Future<Output = Result<Option<Upload>>>,
    ) -> Result<Statement> {
        let limits = self.planner.limits;
        let parsed = parse::parse(sql, limits)?;
        if !matches!(check::classify(&parsed.tree)?, Class::Query) {
            return Err(Error::invalid(
                "DoExchange is for statements that give rows and change nothing; run this one with GetFlightInfo, or \
                 with DoPut",
            ));
        }
        if !parsed.parameters.is_empty() {
            return Err(Error::invalid(
                "a statement of DoExchange takes no parameters: what the client uploads is the table input",
            ));
        }
        let names = check::mentioned(&parsed.tree, usize::MAX)?;
        let wanted = names.tables.contains(&TableReference::bare(INPUT));
        let upload = if wanted { upload.await? } else { None };
        // Not before: a client that sends nothing would keep the place.
        let _slot = self.admission.planning.enter(session.user()).await?;
        let missing = wanted && upload.is_none();
        let input = upload.map(|(schema, rows)| Arc::new(InputTable::new(schema, rows)) as _);
        let text = Arc::clone(&parsed.sql);
        let began = Instant::now();
        let state = Arc::new(session.state().undealt());
        let planned = self
            .planner
            .plan_over(&state, &session.seen().await?, parsed, None, input)
            .await;
        let plan = planned.map_err(|error| match error {
            Error::NotFound { message } if missing => Error::not_found(format!(
                "{message} (the client has uploaded nothing, not even a schema, so there is no table {INPUT} of its own)"
            )),
            other => other,
        })?;
        // Not through the cache of plans: this one holds the client's stream.
        let body = Body::Query(Arc::new(plan));
        let (caller, planning) = (session.caller(), began.elapsed());
        Ok(Statement::new(id, caller, text, body, None, None, planning))
    }
}

/// The plan with filters that pass on what they have when they stand above `input`: they gather rows for large batches
/// else, and the client may not send more before it has seen the answer to what it has sent.
///
/// # Errors
/// When the engine does not take an operator back with the children it had.
pub(crate) fn prompt(plan: Arc<dyn ExecutionPlan>) -> EngineResult<Arc<dyn ExecutionPlan>> {
    if !plan.exists(|node| Ok(node.is::<InputExec>()))? {
        return Ok(plan);
    }
    plan.transform_up(|node| {
        let prompt = match node.downcast_ref::<FilterExec>() {
            Some(filter) if node.exists(|node| Ok(node.is::<InputExec>()))? => {
                filter.with_batch_size(1)?
            }
            _ => return Ok(Transformed::no(node)),
        };
        Ok(Transformed::yes(Arc::new(prompt) as _))
    })
    .map(|transformed| transformed.data)
}
