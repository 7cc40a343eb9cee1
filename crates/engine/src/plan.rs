//! A syntax tree to an analysed plan: names resolved once, parameters typed, the schema of the result settled.

use std::ops::Deref;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::Result as EngineResult;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Tree;
use godwit_catalog::{Catalog, Seen};
use godwit_config::Config;
use godwit_lake::{Lake, SnapshotId};
use godwit_protocol::Shapes;
use tokio::sync::OnceCell;

use crate::check::Names;
use crate::copy::Places;
use crate::deep::{Deep, with_deep_stack};
use crate::names::{Lookup, Resolved, Table};
use crate::parse::{Limits, Parsed};
use crate::session::State;
use crate::{Result, show, total};

mod held;
mod lookup;
mod settled;
mod tiny;
mod work;

use settled::Settled;

pub(crate) use work::Work;

pub(crate) mod spelled;

/// What every statement of the server is planned with.
#[derive(Debug, Clone)]
pub(crate) struct Planner {
    pub(crate) catalog: Catalog,
    pub(crate) lake: Lake,
    pub(crate) places: Places,
    pub(crate) limits: Limits,
}

/// A query, ready to be optimized and run once its parameters have values. A clone is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    planned: Arc<Planned>,
    /// The snapshot of the lake that it reads, or that its transaction began with; none when the lake did not answer.
    pub(crate) lake: Option<SnapshotId>,
    /// The commit that it reads, when no transaction added to it.
    commit: Option<SnapshotId>,
}

/// What a plan is, whichever of the snapshots with the same contents it reads.
#[derive(Debug)]
pub(crate) struct Planned {
    /// Analysed, except for EXPLAIN, which shows its own analysis.
    pub(crate) logical: Deep<LogicalPlan>,
    /// What every batch of the result will have, to the nullability.
    pub(crate) schema: SchemaRef,
    /// One nullable field a parameter.
    pub(crate) parameters: SchemaRef,
    pub(crate) snapshot: u64,
    /// How many rows one run gives, where that is certain.
    pub(crate) rows: Option<u64>,
    /// The session's state that it was planned with, and is run with.
    pub(crate) state: Arc<State>,
    pub(crate) names: Names,
    pub(crate) resolved: Resolved,
    /// Whether it is over rows that its client uploads.
    reads_input: bool,
    /// What can be told of it before it has values.
    settled: Settled,
    /// What `compact` makes of the columns, once somebody has asked.
    pub(crate) shapes: OnceCell<Shapes>,
}

/// A query to be planned.
pub(crate) struct Request<'a> {
    pub(crate) state: &'a Arc<State>,
    pub(crate) seen: &'a Seen,
    pub(crate) tree: Tree,
    pub(crate) parameters: &'a [String],
    /// The parameters as they were advertised before, when it is planned again.
    pub(crate) given: Option<SchemaRef>,
    /// Queries over the same tables and parameters whose plans the shape takes parts of.
    pub(crate) also: Vec<Tree>,
    /// Tables beside those of the catalog.
    pub(crate) targets: Vec<(TableReference, Table)>,
    /// What the unqualified name `input` stands for, before all other tables.
    pub(crate) input: Option<Arc<dyn TableProvider>>,
    /// What is made of the plan, and of those planned with it, before it is analysed.
    pub(crate) shape: Option<&'a Shape<'a>>,
}

pub(crate) type Shape<'a> =
    dyn Fn(LogicalPlan, Vec<LogicalPlan>) -> EngineResult<LogicalPlan> + Send + Sync + 'a;

impl Planner {
    pub(crate) fn new(
        config: &Config,
        catalog: Catalog,
        lake: Lake,
        runtime: Arc<RuntimeEnv>,
    ) -> Self {
        Self {
            catalog,
            lake,
            places: Places::new(&config.copy, runtime),
            limits: Limits {
                max_bytes: config.query.max_sql_bytes,
                max_depth: config.query.max_sql_depth,
            },
        }
    }

    /// Plans a query. `given` are the parameters as they were advertised before, when it is planned again.
    ///
    /// # Errors
    /// Whatever is wrong with the statement or its names.
    pub(crate) async fn plan(
        &self,
        state: &Arc<State>,
        seen: &Seen,
        parsed: Parsed,
        given: Option<SchemaRef>,
    ) -> Result<Plan> {
        self.plan_over(state, seen, parsed, given, None).await
    }

    /// The same with what the unqualified name `input` stands for, before all other tables.
    pub(crate) async fn plan_over(
        &self,
        state: &Arc<State>,
        seen: &Seen,
        parsed: Parsed,
        given: Option<SchemaRef>,
        input: Option<Arc<dyn TableProvider>>,
    ) -> Result<Plan> {
        let Parsed {
            tree, parameters, ..
        } = parsed;
        self.plan_as(Request {
            state,
            seen,
            tree,
            parameters: &parameters,
            given,
            also: Vec::new(),
            targets: Vec::new(),
            input,
            shape: None,
        })
        .await
    }

    /// Plans a query, or what a change of a table is made of.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub(crate) async fn plan_as(&self, request: Request<'_>) -> Result<Plan> {
        let Request {
            state,
            seen,
            mut tree,
            parameters,
            given,
            mut also,
            targets,
            input,
            shape,
        } = request;
        let lookup = self.lookup(state, seen);
        let (mut names, mut resolved) = lookup.read(&mut tree).await?;
        for tree in &mut also {
            let (more, found) = lookup.read(tree).await?;
            names.add(more);
            resolved.add(found);
        }
        for (reference, table) in targets {
            resolved.insert(reference, table);
        }
        let reads_input = input.is_some();
        if let Some(input) = input {
            resolved.set_input(input);
        }
        show::qualify(&mut tree, &resolved);
        let work = Work {
            session: state.session(),
            resolved: &resolved,
            max_depth: self.limits.max_depth,
            also: &also,
            shape,
        };
        let (logical, schema, parameters) = with_deep_stack(|| work.plan(tree, parameters, given))?;
        let snapshot = with_deep_stack(|| resolved.snapshot_of(&logical));
        let rows = with_deep_stack(|| total::rows(&logical));
        let settled = with_deep_stack(|| Settled::of(&logical, &resolved));
        let planned = Planned {
            logical: Deep::new(logical),
            schema,
            parameters,
            snapshot,
            rows,
            state: Arc::clone(state),
            names,
            resolved,
            reads_input,
            settled,
            shapes: OnceCell::new(),
        };
        Ok(Plan {
            planned: Arc::new(planned),
            lake: lake_of(seen),
            commit: seen.commit(),
        })
    }

    /// Whether a plan still stands for what its text means in this session now.
    pub(crate) async fn is_current(&self, plan: &Plan, state: &Arc<State>, seen: &Seen) -> bool {
        plan.state.is_same_as(state)
            && self
                .lookup(state, seen)
                .resolve(&plan.names)
                .await
                .is_same_as(&plan.resolved)
    }

    /// Where names of tables are looked up whose rows are read.
    pub(crate) fn lookup<'a>(&'a self, state: &'a State, seen: &'a Seen) -> Lookup<'a> {
        Lookup {
            caller: state.authority(),
            reader: state.authority(),
            reads: true,
            present: None,
            catalog: &self.catalog,
            seen,
            state: state.session(),
            schema: state.schema(),
            lake: &self.lake,
            places: &self.places,
            limits: self.limits,
            trail: None,
            nested: 0,
        }
    }

    /// Where names are looked up of what is not read, but changed or shown: all that exists for the caller is found.
    pub(crate) fn finder<'a>(&'a self, state: &'a State, seen: &'a Seen) -> Lookup<'a> {
        Lookup {
            reads: false,
            ..self.lookup(state, seen)
        }
    }
}

fn lake_of(seen: &Seen) -> Option<SnapshotId> {
    seen.lake().ok().map(godwit_lake::Snapshot::id)
}

impl Deref for Plan {
    type Target = Planned;

    fn deref(&self) -> &Planned {
        &self.planned
    }
}

impl Plan {
    /// Whether it reads the commit that a statement sees, and neither of the two is in a transaction.
    pub(crate) fn is_of(&self, seen: &Seen) -> bool {
        self.commit.is_some() && self.commit == seen.commit()
    }

    /// The same over what a statement sees that begins now, when that has the same contents.
    pub(crate) fn at(&self, seen: &Seen) -> Self {
        Self {
            planned: Arc::clone(&self.planned),
            lake: lake_of(seen),
            commit: seen.commit(),
        }
    }

    /// The same for later, of a plan that reads no table: it holds on to none.
    pub(crate) fn without_tables(&self) -> Self {
        let resolved = Resolved::default();
        let planned = Planned {
            logical: self.logical.clone(),
            schema: Arc::clone(&self.schema),
            parameters: Arc::clone(&self.parameters),
            snapshot: self.snapshot,
            rows: self.rows,
            state: Arc::clone(&self.state),
            names: Names::default(),
            settled: Settled::of(&self.logical, &resolved),
            resolved,
            reads_input: false,
            shapes: OnceCell::new(),
        };
        Self {
            planned: Arc::new(planned),
            lake: None,
            commit: None,
        }
    }
}

impl Planned {
    /// Whether it only spells out rows, so that they are the same whatever there is.
    pub(crate) fn is_spelled_out(&self) -> bool {
        with_deep_stack(|| spelled::is_spelled_out(&self.logical))
    }

    /// What kind of statement it is to the audit log.
    pub(crate) fn kind(&self) -> &'static str {
        if self.reads_input {
            "exchange"
        } else {
            "query"
        }
    }

    /// Whether it reads nothing but what there is to be told about the server.
    pub(crate) fn is_about_server(&self) -> bool {
        with_deep_stack(|| self.resolved.is_about_server(&self.logical))
    }

    /// Whether it is over rows that its client uploads.
    pub(crate) fn reads_input(&self) -> bool {
        self.reads_input
    }

    /// Whether the order of the rows is part of the result.
    pub(crate) fn is_ordered(&self) -> bool {
        let mut node: &LogicalPlan = &self.logical;
        loop {
            node = match node {
                LogicalPlan::Sort(_) => return true,
                LogicalPlan::Projection(projection) => &projection.input,
                LogicalPlan::SubqueryAlias(alias) => &alias.input,
                LogicalPlan::Limit(limit) => &limit.input,
                LogicalPlan::Filter(filter) => &filter.input,
                _ => return false,
            };
        }
    }
}
