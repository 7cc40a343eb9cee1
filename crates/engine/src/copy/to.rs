//! `COPY … TO`.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as Tree;
use futures::StreamExt;

use super::write::Writing;
use crate::access::denied;
use crate::check::{CopyTo, copy_to};
use crate::conform::conform;
use crate::deep::with_deep_stack;
use crate::define::Job;
use crate::inner::Inner;
use crate::parse::{self, Parsed};
use crate::plan::Plan;
use crate::session::Session;
use crate::{Error, Result, run};

impl Inner {
    /// Checks a `COPY … TO`; nothing is written. What its parameters are.
    pub(crate) async fn check_copy(&self, session: &Session, parsed: &Parsed) -> Result<SchemaRef> {
        let copy = copy_in(parsed)?;
        allow(session)?;
        self.planner.places.to_write(&copy.path)?;
        let plan = self.plan_copy(session, &copy, parsed, None).await?;
        Ok(Arc::clone(&plan.parameters))
    }

    /// Writes the rows to a file that takes its name when it is whole. How many there were.
    pub(crate) async fn copy_now(&self, job: &Job) -> Result<u64> {
        let id = job.id.to_string();
        let failed = |error: &DataFusionError| Error::from_datafusion(error, &id);
        let parsed = parse::parse(&job.sql, self.planner.limits)?;
        let copy = copy_in(&parsed)?;
        allow(&job.session)?;
        let place = self.planner.places.to_write(&copy.path)?;
        let given = Some(Arc::clone(&job.parameters));
        let plan = self.plan_copy(&job.session, &copy, &parsed, given).await?;
        let values = match &job.bound {
            Some(bound) if bound.len() != 1 => {
                return Err(Error::invalid(format!(
                    "COPY runs once, and {} rows are bound",
                    bound.len()
                )));
            }
            Some(bound) => Some(bound.row(0).map_err(|error| failed(&error))?),
            None => None,
        };
        let mut writing = Writing::begin(place, &plan.schema, &copy.options).await?;
        let (caller, share) = (job.session.caller(), self.shares.begin(&id)?);
        let mut batches = run::start(&plan, &caller, (&share, &id), values, |_| None)
            .await
            .map_err(|error| failed(&error))?;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| failed(&error))?;
            let batch =
                conform(&batch, &plan.schema).map_err(|error| Error::from_arrow(&error, &id))?;
            writing.write(&batch).await?;
        }
        writing.finish().await
    }

    async fn plan_copy(
        &self,
        session: &Session,
        copy: &CopyTo,
        parsed: &Parsed,
        given: Option<SchemaRef>,
    ) -> Result<Plan> {
        // The text has the parameters by number; their names are those of the whole statement.
        let query = parse::parse(&copy.query, self.planner.limits)?;
        let query = Parsed {
            parameters: parsed.parameters.clone(),
            ..query
        };
        let (state, seen) = (session.state(), session.seen().await?);
        self.planner.plan(&state, &seen, query, given).await
    }
}

fn allow(session: &Session) -> Result<()> {
    let caller = session.authority();
    if caller.writes_files() {
        return Ok(());
    }
    let what = "write files of the server; the role write_server_files may";
    Err(denied(caller, what))
}

fn copy_in(parsed: &Parsed) -> Result<CopyTo> {
    let copy = match &parsed.tree {
        Tree::Statement(statement) => with_deep_stack(|| copy_to(statement))?,
        _ => None,
    };
    copy.ok_or_else(|| Error::unsupported("the statement copies nothing"))
}
