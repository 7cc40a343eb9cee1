//! A syntax tree to an analysed plan: names resolved once, parameters typed, the schema of the result settled.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{DFSchema, TableReference};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::OptimizerConfig;
use datafusion::sql::parser::Statement as Tree;
use godwit_catalog::{Catalog, Seen};
use godwit_config::Config;
use godwit_lake::{Lake, SnapshotId};
use godwit_protocol::Shapes;
use tokio::sync::OnceCell;

use crate::check::Names;
use crate::copy::Places;
use crate::deep::{Deep, with_deep_stack};
use crate::infer::Types;
use crate::names::{Lookup, Resolved, Table};
use crate::parse::{Limits, Parsed};
use crate::session::State;
use crate::{Error, Result, duplicates, show, size, total};

/// What every statement of the server is planned with.
#[derive(Debug, Clone)]
pub(crate) struct Planner {
    pub(crate) catalog: Catalog,
    pub(crate) lake: Lake,
    pub(crate) places: Places,
    pub(crate) limits: Limits,
}

/// A query, ready to be optimized and run once its parameters have values.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Analysed, except for EXPLAIN, which shows its own analysis.
    pub(crate) logical: Deep<LogicalPlan>,
    /// What every batch of the result will have, to the nullability.
    pub(crate) schema: SchemaRef,
    /// One nullable field a parameter.
    pub(crate) parameters: SchemaRef,
    pub(crate) snapshot: u64,
    /// The snapshot of the lake that it reads, or that its transaction began with; none when the lake did not answer.
    pub(crate) lake: Option<SnapshotId>,
    /// How many rows one run gives, where that is certain.
    pub(crate) rows: Option<u64>,
    /// The session's state that it was planned with, and is run with.
    pub(crate) state: Arc<State>,
    pub(crate) names: Names,
    pub(crate) resolved: Resolved,
    /// Whether it is over rows that its client uploads.
    reads_input: bool,
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
            state,
            resolved: &resolved,
            max_depth: self.limits.max_depth,
            also: &also,
            shape,
        };
        let (logical, schema, parameters) = with_deep_stack(|| work.plan(tree, parameters, given))?;
        let snapshot = with_deep_stack(|| resolved.snapshot_of(&logical));
        let rows = with_deep_stack(|| total::rows(&logical));
        Ok(Plan {
            logical: Deep::new(logical),
            schema,
            parameters,
            snapshot,
            lake: seen.lake().ok().map(godwit_lake::Snapshot::id),
            rows,
            state: Arc::clone(state),
            names,
            resolved,
            reads_input,
            shapes: OnceCell::new(),
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

/// The part of planning that only computes.
struct Work<'a> {
    state: &'a State,
    resolved: &'a Resolved,
    max_depth: usize,
    also: &'a [Tree],
    shape: Option<&'a Shape<'a>>,
}

impl Work<'_> {
    fn plan(
        &self,
        mut tree: Tree,
        parameters: &[String],
        given: Option<SchemaRef>,
    ) -> Result<(LogicalPlan, SchemaRef, SchemaRef)> {
        let mut planned = self.plan_with_types(&tree, parameters, given.clone());
        if let Err(error) = &planned
            && duplicates::are_the_cause(error)
            && duplicates::rename(&mut tree)
            && let Ok(again) = self.plan_with_types(&tree, parameters, given)
        {
            planned = Ok(again);
        }
        drop(tree);
        let (logical, parameters) = planned.map_err(translate)?;
        size::check(&logical, self.max_depth)?;
        let logical = self.analyse(logical).map_err(translate)?;
        let schema = Arc::new(duplicates::restore(&promise(logical.schema()), &logical));
        Ok((logical, schema, parameters))
    }

    /// Plans twice when there are parameters: first to see where they stand, then with their types.
    fn plan_with_types(
        &self,
        tree: &Tree,
        parameters: &[String],
        given: Option<SchemaRef>,
    ) -> EngineResult<(LogicalPlan, SchemaRef)> {
        if parameters.is_empty() {
            return Ok((self.to_plan(tree, Vec::new())?, Arc::new(Schema::empty())));
        }
        let schema = match given {
            Some(schema) => schema,
            None => self.infer(tree, parameters)?,
        };
        let fields = schema
            .fields()
            .iter()
            .map(|field| Some(FieldRef::clone(field)))
            .collect();
        Ok((self.to_plan(tree, fields)?, schema))
    }

    /// Looks at a plan whose parameters have no types. Some operators and functions do not take those, so a few types
    /// are tried in their place; what the context says overrules them.
    fn infer(&self, tree: &Tree, parameters: &[String]) -> EngineResult<SchemaRef> {
        let mut first_error = None;
        for probe in [
            None,
            Some(DataType::Int64),
            Some(DataType::Utf8),
            Some(DataType::Float64),
        ] {
            let mut types = Types::unknown(parameters.len(), probe);
            match self.to_plan(tree, types.probe_fields()) {
                Ok(plan) => {
                    types.learn(&plan)?;
                    return Ok(types.schema(parameters));
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| DataFusionError::Internal("no type was tried".to_owned())))
    }

    fn to_plan(&self, tree: &Tree, parameters: Vec<Option<FieldRef>>) -> EngineResult<LogicalPlan> {
        let plan = |tree| {
            let session = self.state.session();
            godwit_planner::plan(session, self.resolved, tree, parameters.clone())
        };
        let planned = plan(tree)?;
        match self.shape {
            Some(shape) => shape(
                planned,
                self.also.iter().map(plan).collect::<EngineResult<_>>()?,
            ),
            None => Ok(planned),
        }
    }

    fn analyse(&self, plan: LogicalPlan) -> EngineResult<LogicalPlan> {
        if matches!(plan, LogicalPlan::Explain(_)) {
            return Ok(plan);
        }
        let session = self.state.session();
        session
            .analyzer()
            .execute_and_check(plan, &session.options(), |_, _| {})
    }
}

/// The schema of a result: names, types and nullability of the columns. What a file says about itself stays there.
fn promise(schema: &DFSchema) -> Schema {
    Schema::new(schema.fields().clone())
}

fn translate(error: DataFusionError) -> Error {
    Error::from_datafusion(&error, "plan")
}

impl Plan {
    /// What kind of statement it is to the audit log.
    pub(crate) fn kind(&self) -> &'static str {
        if self.reads_input {
            "exchange"
        } else {
            "query"
        }
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
