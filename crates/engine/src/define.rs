//! Definitions: tables, schemas and views that are made, changed and dropped.
//!
//! A definition is checked by making it in a transaction that is dropped, and made by making it again in one that is kept.
//! So both say the same, and what it says is about the lake as the statement finds it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_catalog::{Seen, TempTables};
use godwit_lake::{State as LakeState, Transaction};
use godwit_protocol::StatementId;

use crate::access::Sight;
use crate::bind::{Bound, check_bound};
use crate::check::{Class, Define, classify, definition_of, folded};
use crate::deep::with_deep_stack;
use crate::inner::Inner;
use crate::parse::{self, Parsed};
use crate::plan::Planner;
use crate::session::{Session, State};
use crate::{Error, Outcome, Result};

mod alter;
mod columns;
mod comments;
mod maintain;
mod places;
mod rest;
mod schemas;
mod tables;
mod views;

use rest::Rest;

/// One run of a definition.
pub(crate) struct Job {
    pub(crate) id: StatementId,
    pub(crate) session: Arc<Session>,
    pub(crate) sql: Arc<str>,
    /// As they were advertised.
    pub(crate) parameters: SchemaRef,
    pub(crate) bound: Option<Arc<Bound>>,
}

/// A definition that is being made in a transaction.
struct Defining<'a> {
    planner: &'a Planner,
    state: &'a Arc<State>,
    temporary: &'a TempTables,
    transaction: &'a Transaction,
    parameters: &'a [String],
    /// The parameters as they were advertised before.
    given: Option<SchemaRef>,
}

impl Inner {
    /// Whether a statement drops temporary tables.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when it drops others too.
    pub(crate) fn drops_temporary(&self, session: &Session, parsed: &Parsed) -> Result<bool> {
        let Define::DropTables { names, .. } = definition_in(parsed)? else {
            return Ok(false);
        };
        let mut kinds = Vec::with_capacity(names.len());
        for name in &names {
            let reference = reference(name)?;
            let may_be = reference
                .schema()
                .is_none_or(|schema| schema == godwit_catalog::TEMP);
            kinds.push(may_be && session.temporary().get(reference.table()).is_some());
        }
        let some = kinds.contains(&true);
        if some && kinds.contains(&false) {
            return Err(Error::unsupported(
                "DROP TABLE of temporary and other tables at once: drop them by statements of their own",
            ));
        }
        Ok(some)
    }

    /// Checks a definition. Nothing is changed. What its parameters are.
    pub(crate) async fn check_definition(
        &self,
        session: &Session,
        parsed: &Parsed,
    ) -> Result<SchemaRef> {
        match classify(&parsed.tree)? {
            Class::Copy => return self.check_copy(session, parsed).await,
            Class::Call => {
                self.check_call(session, parsed).await?;
                return Ok(no_parameters());
            }
            _ => {}
        }
        let define = definition_in(parsed)?;
        let working = session.work().await?;
        let defining = Defining {
            planner: &self.planner,
            state: &session.state(),
            temporary: session.temporary(),
            transaction: working.transaction(),
            parameters: &parsed.parameters,
            given: None,
        };
        let rest = Box::pin(defining.make(&define)).await?;
        let parameters = rest.parameters();
        if parameters.fields().is_empty() && !parsed.parameters.is_empty() {
            return Err(Error::invalid("this statement takes no parameters"));
        }
        Ok(parameters)
    }

    /// Makes a definition, on the query runtime and for no longer than a statement may take. Dropping the future before
    /// its end leaves everything as it was.
    pub(crate) async fn define(self: &Arc<Self>, job: Job) -> Result<Outcome> {
        check_bound(&job.parameters, job.bound.as_deref())?;
        let (id, sql) = (job.id, Arc::clone(&job.sql));
        let session = Arc::clone(&job.session);
        let inner = Arc::clone(self);
        let work = Box::pin(async move {
            let parsed = parse::parse(&job.sql, inner.planner.limits)?;
            match classify(&parsed.tree)? {
                Class::Copy => inner.copy_now(&job).await,
                Class::Call => inner.call_now(&job).await,
                _ => inner.define_now(&job).await,
            }
        });
        self.run_effect(id, &session, ("definition", &sql), work)
            .await
    }

    async fn define_now(&self, job: &Job) -> Result<u64> {
        // It costs no more than a look at the catalog each time.
        let mut left = self.commit_retries;
        loop {
            match self.define_once(job).await {
                Err((Error::Aborted { .. }, true)) if left > 0 => left -= 1,
                made => return made.map_err(|(error, _)| error),
            }
        }
    }

    /// Makes the definition. An error says whether it is worth another attempt.
    async fn define_once(&self, job: &Job) -> Result<u64, (Error, bool)> {
        let once = |error| (error, false);
        let parsed = parse::parse(&job.sql, self.planner.limits).map_err(once)?;
        let define = definition_in(&parsed).map_err(once)?;
        let working = job.session.work().await.map_err(once)?;
        let share = self.shares.begin(&job.id.to_string()).map_err(once)?;
        let state = job.session.state();
        let defining = Defining {
            planner: &self.planner,
            state: &state,
            temporary: job.session.temporary(),
            transaction: working.transaction(),
            parameters: &parsed.parameters,
            given: Some(Arc::clone(&job.parameters)),
        };
        let rest = defining.make(&define).await.map_err(once)?;
        let again = working.is_autocommit() && rest.is_cheap();
        let rows = rest
            .finish(job, &share, &state, working.transaction())
            .await
            .map_err(once)?;
        working.finish().await.map_err(|error| (error, again))?;
        Ok(rows)
    }
}

impl Defining<'_> {
    /// Makes the definition, and says what has to be done with rows.
    async fn make(&self, define: &Define) -> Result<Rest> {
        match define {
            Define::CreateTable(table) => self.create_table(table).await,
            Define::DropTables { names, if_exists } => self.drop_tables(names, *if_exists).await,
            Define::AlterTable {
                name,
                if_exists,
                alterations,
            } => self.alter_table(name, *if_exists, alterations).await,
            Define::CreateSchema {
                name,
                if_not_exists,
            } => self.create_schema(name, *if_not_exists),
            Define::DropSchemas {
                names,
                if_exists,
                cascade,
            } => self.drop_schemas(names, *if_exists, *cascade),
            Define::CreateView {
                name,
                or_replace,
                if_not_exists,
                columns,
                query,
            } => {
                let view = views::NewView {
                    or_replace: *or_replace,
                    if_not_exists: *if_not_exists,
                    columns,
                    query,
                };
                self.create_view(name, view).await
            }
            Define::DropViews { names, if_exists } => self.drop_views(names, *if_exists).await,
            Define::Comment {
                on,
                name,
                if_exists,
                text,
            } => self.comment(*on, name, *if_exists, text.clone()).await,
        }
    }

    /// What the statement sees, with what it has made so far.
    fn seen(&self) -> Seen {
        Seen::new(self.temporary.clone(), self.transaction.snapshot())
    }

    /// Whether what the caller may do suffices: `ask` asks for it.
    fn allowed(&self, ask: impl FnOnce(&Sight<'_>) -> Result<()>) -> Result<()> {
        let lake = self.lake();
        ask(&Sight::new(self.state.authority(), &lake))
    }

    fn lake(&self) -> Arc<LakeState> {
        Arc::clone(self.transaction.snapshot().state())
    }

    fn apply(&self, definition: godwit_lake::Definition) -> Result<()> {
        self.transaction.define(definition).map_err(translate)
    }
}

/// The definition that a statement is.
fn definition_in(parsed: &Parsed) -> Result<Define> {
    let define = match &parsed.tree {
        Tree::Statement(statement) => with_deep_stack(|| definition_of(statement))?,
        _ => None,
    };
    define.ok_or_else(|| Error::unsupported("the statement defines nothing"))
}

fn reference(name: &ObjectName) -> Result<TableReference> {
    object_name_to_table_reference(name.clone(), true).map_err(|_| {
        Error::invalid(format!(
            "'{name}' is no table name; write table, schema.table or catalog.schema.table"
        ))
    })
}

fn no_parameters() -> SchemaRef {
    Arc::new(Schema::empty())
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn translate(error: godwit_lake::Error) -> Error {
    Error::from_lake(&error, "define")
}
