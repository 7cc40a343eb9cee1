//! Stored queries as tables.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{self, Statement, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use godwit_catalog::{DEFAULT_SCHEMA, TableKind};
use godwit_lake::View;

use super::{Lookup, Resolved, Table};
use crate::access::Guarded;
use crate::check::{self, Class};
use crate::deep::{Deep, with_deep_stack};
use crate::parse::parse;
use crate::{Error, Result, size};

/// The dialect of views that this server stored.
pub(crate) const GODWIT: &str = "godwit";

/// The dialect of views that DuckDB stored.
const DUCKDB: &str = "duckdb";

/// How deep views may read views.
const MAX_VIEWS: usize = 32;

/// The views that are being looked into, the innermost first.
#[derive(Debug)]
pub(crate) struct Trail<'a> {
    schema: &'a str,
    name: &'a str,
    outer: Option<&'a Trail<'a>>,
}

impl Trail<'_> {
    fn depth(&self) -> usize {
        1 + self.outer.map_or(0, Self::depth)
    }

    fn holds(&self, view: &View) -> bool {
        (self.schema == view.schema && self.name == view.name)
            || self.outer.is_some_and(|outer| outer.holds(view))
    }
}

impl Lookup<'_> {
    /// What is scanned for a view: its query, over what its names stand for now.
    ///
    /// # Errors
    /// When the query does not plan, reads itself or a temporary table.
    pub(crate) async fn view(&self, view: &View) -> Result<Table> {
        let planned = Box::pin(self.plan_view(view)).await;
        planned.map_err(|error| {
            let reader = owner_of(view).unwrap_or(self.reader.user());
            if reader == self.caller.user() || self.caller.is_admin() {
                return within(view, error);
            }
            // What the view reads is its owner's to know.
            tracing::debug!(schema = view.schema, view = view.name, %error, "a view does not plan");
            within(
                view,
                Error::invalid("it cannot be read; its owner can mend it"),
            )
        })
    }

    /// All views that this statement sees, for those who list tables. One that does not plan is left out.
    pub(super) async fn all_views(&self) -> BTreeMap<(String, String), Arc<dyn TableProvider>> {
        let mut planned = BTreeMap::new();
        if self.trail.is_some() {
            return planned;
        }
        let lookup = Lookup {
            reads: true,
            ..*self
        };
        let sight = self.sight();
        let schemas = self.seen.lake().map(|lake| lake.state().schemas.values());
        for schema in schemas.into_iter().flatten() {
            for view in schema.views.values() {
                if !sight.sees(&schema.name, &view.name) {
                    continue;
                }
                let Ok(table) = lookup.view(view).await else {
                    continue;
                };
                let relation = sight.relation(&schema.name, &view.name);
                let is_own = relation.is_none_or(|view| self.caller.owns_relation(&view));
                let definition = if is_own { view.sql.as_str() } else { "" };
                let listed = Listed {
                    columns: table.source.schema(),
                    definition: definition.to_owned(),
                };
                let provider: Arc<dyn TableProvider> = Arc::new(listed);
                planned.insert((schema.name.clone(), view.name.clone()), provider);
            }
        }
        planned
    }

    async fn plan_view(&self, view: &View) -> Result<Table> {
        if let Some(trail) = self.trail {
            if trail.holds(view) {
                return Err(Error::invalid("it reads itself"));
            }
            if trail.depth() >= MAX_VIEWS {
                return Err(Error::invalid(format!(
                    "views that read views are followed for {MAX_VIEWS} levels"
                )));
            }
        }
        let trail = Trail {
            schema: &view.schema,
            name: &view.name,
            outer: self.trail,
        };
        let owner = owner_of(view).map(|owner| Arc::new(self.caller.of_owner(owner)));
        let reader = owner.as_ref().unwrap_or(self.reader);
        let inner = Lookup {
            schema: &view.schema,
            trail: Some(&trail),
            reader,
            reads: true,
            ..*self
        };
        let mut tree = self.query_of(view)?;
        let (_, resolved) = inner.read(&mut tree).await?;
        let plan = with_deep_stack(|| {
            let plan = godwit_planner::plan(self.state, &resolved, &tree, Vec::new())
                .and_then(|plan| named(plan, &view.aliases));
            drop(tree);
            plan
        });
        let plan = Deep::new(plan.map_err(|error| Error::from_datafusion(&error, "plan"))?);
        with_deep_stack(|| size::check(&plan, self.limits.max_depth))?;
        let columns = Arc::clone(plan.schema().inner());
        let mut names = HashSet::new();
        if let Some(twice) = columns.fields().iter().find(|f| !names.insert(f.name())) {
            return Err(Error::invalid(format!(
                "it has two columns '{}'; name them apart",
                twice.name()
            )));
        }
        let is_of_another = reader.user() != self.caller.user() && !self.caller.is_admin();
        let provider: Arc<dyn TableProvider> = if is_of_another {
            let label = format!("{}.{}", view.schema, view.name);
            Arc::new(Guarded::new(plan, &label, TableType::View))
        } else {
            Arc::new(StoredView::new(plan, Some(view.sql.clone())))
        };
        Ok(Table {
            schema: view.schema.clone(),
            name: view.name.clone(),
            kind: TableKind::View,
            source: provider_as_source(provider),
            snapshot: snapshot(view, &resolved, is_of_another),
            inner: Some(Arc::new(resolved)),
        })
    }

    fn query_of(&self, view: &View) -> Result<Tree> {
        if view.dialect != GODWIT && view.dialect != DUCKDB {
            return Err(Error::unsupported(format!(
                "it is written in the dialect '{}'",
                view.dialect
            )));
        }
        let parsed = parse(&view.sql, self.limits)?;
        let mut tree = parsed.tree;
        let is_query = matches!(&tree, Tree::Statement(statement) if matches!(statement.as_ref(), Statement::Query(_)));
        if !is_query || !matches!(check::classify(&tree)?, Class::Query) {
            return Err(Error::unsupported("it is no query"));
        }
        if !parsed.parameters.is_empty() {
            return Err(Error::invalid("it has a parameter"));
        }
        if view.dialect == DUCKDB
            && let Tree::Statement(statement) = &mut tree
        {
            with_deep_stack(|| {
                let _ = statement.visit(&mut FromDuckDb);
            });
        }
        Ok(tree)
    }
}

/// Who made a view: the tables that it reads are read with this user's rights.
fn owner_of(view: &View) -> Option<&str> {
    view.owner.as_deref()
}

/// The plan with its columns called so.
fn named(plan: LogicalPlan, aliases: &[String]) -> EngineResult<LogicalPlan> {
    if aliases.is_empty() {
        return Ok(plan);
    }
    let width = plan.schema().fields().len();
    if width != aliases.len() {
        return Err(DataFusionError::Plan(format!(
            "it names {} columns, and its query has {width}",
            aliases.len()
        )));
    }
    let columns = aliases.iter().enumerate().map(|(at, alias)| {
        Expr::Column(Column::from(plan.schema().qualified_field(at))).alias(alias)
    });
    let columns: Vec<_> = columns.collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// One number for the view and the contents that it reads.
fn snapshot(view: &View, resolved: &Resolved, is_of_another: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (view.id, &view.sql, &view.aliases).hash(&mut hasher);
    (&view.owner, is_of_another).hash(&mut hasher);
    let mut read: Vec<_> = resolved
        .tables()
        .map(|table| (&table.schema, &table.name, table.snapshot))
        .collect();
    read.sort();
    read.dedup();
    read.hash(&mut hasher);
    hasher.finish()
}

/// Says which view an error is about.
fn within(view: &View, error: Error) -> Error {
    error.about(format_args!("view '{}.{}'", view.schema, view.name))
}

/// What DuckDB writes otherwise than this server reads it.
struct FromDuckDb;

impl VisitorMut for FromDuckDb {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        let ast::Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        let is_qualified = matches!(function.name.0.as_slice(), [schema, _]
            if schema.as_ident().is_some_and(|schema| schema.value == DEFAULT_SCHEMA));
        if is_qualified {
            function.name.0.remove(0);
        }
        match function.name.to_string().to_lowercase().as_str() {
            "list_value" => {
                function.name = ast::ObjectName::from(vec![ast::Ident::new("make_array")]);
            }
            "count_star" => {
                let counted = Parser::new(&GenericDialect {})
                    .try_with_sql("count(*)")
                    .and_then(|mut parser| parser.parse_expr());
                if let Ok(ast::Expr::Function(counted)) = counted {
                    function.name = counted.name;
                    function.args = counted.args;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The plan of a view. The planner puts it where the view's name stands.
#[derive(Debug)]
pub(super) struct StoredView {
    plan: Deep<LogicalPlan>,
    columns: SchemaRef,
    /// What it is a view by; `None` makes it a table.
    sql: Option<String>,
}

impl StoredView {
    pub(super) fn new(plan: Deep<LogicalPlan>, sql: Option<String>) -> Self {
        let columns = Arc::clone(plan.schema().inner());
        Self { plan, columns, sql }
    }
}

#[async_trait]
impl TableProvider for StoredView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns)
    }

    fn table_type(&self) -> TableType {
        match self.sql {
            Some(_) => TableType::View,
            None => TableType::Base,
        }
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.sql.as_deref()
    }

    fn get_logical_plan(&'_ self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Err(DataFusionError::Internal(
            "a view was scanned as if it had rows of its own".to_owned(),
        ))
    }
}

/// What metadata shows of a view. It is looked at and not read.
#[derive(Debug)]
struct Listed {
    columns: SchemaRef,
    /// The text; nothing for those who may read the view and are not to know what it reads.
    definition: String,
}

#[async_trait]
impl TableProvider for Listed {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_table_definition(&self) -> Option<&str> {
        Some(&self.definition)
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> EngineResult<Arc<dyn ExecutionPlan>> {
        Err(DataFusionError::Internal(
            "what metadata shows of a view was read as its rows".to_owned(),
        ))
    }
}
