//! Row policies and column masks, as the plan of what their reader sees and as the check of what is written.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::{Column, DFSchema, TableReference};
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, LogicalPlanBuilder, TableSource, lit};
use datafusion::optimizer::OptimizerConfig;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, SelectItem, SetExpr, Statement,
    Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use godwit_auth::access::{Authority, Relation};
use godwit_planner::Tables;

use crate::deep::with_deep_stack;
use crate::{Error, Result};

/// What the table is called in the expressions' plans.
const TABLE: &str = "t";

/// What one caller sees of a table's rows and values.
#[derive(Debug, Hash)]
pub(crate) struct Rules {
    /// As messages call it.
    label: String,
    /// A row is seen when one of these conditions is true; `None` when all are.
    conditions: Option<Vec<ast::Expr>>,
    /// Columns, and what is seen in their place.
    masks: Vec<(String, ast::Expr)>,
}

/// The conditions that new rows must meet.
#[derive(Debug)]
pub(crate) struct RowCheck {
    condition: Arc<dyn PhysicalExpr>,
    label: String,
}

impl Rules {
    /// `None` when nothing is hidden from the caller.
    ///
    /// # Errors
    /// When a policy or mask is no expression.
    pub(crate) fn of(caller: &Authority, of: &Relation, label: &str) -> Result<Option<Self>> {
        let restriction = caller.restriction(of);
        if restriction.is_none() {
            return Ok(None);
        }
        let read = |text: &str| expression(text, caller, label);
        let conditions = restriction.policies.map(|policies| {
            let conditions = policies.iter().map(|policy| read(&policy.using));
            conditions.collect::<Result<Vec<_>>>()
        });
        let masks = restriction
            .masks
            .iter()
            .map(|mask| Ok((mask.column.clone(), read(&mask.using)?)));
        Ok(Some(Self {
            label: label.to_owned(),
            conditions: conditions.transpose()?,
            masks: masks.collect::<Result<_>>()?,
        }))
    }

    /// Whether some values are not seen.
    pub(crate) fn has_masks(&self) -> bool {
        !self.masks.is_empty()
    }

    /// Whether some rows are not seen.
    pub(crate) fn has_policies(&self) -> bool {
        self.conditions.is_some()
    }

    /// Whether every mask has its column. One that was renamed or replaced would come out from under its mask.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(crate) fn check_masks(&self, has: impl Fn(&str) -> bool) -> Result<()> {
        match self.masks.iter().find(|(column, _)| !has(column)) {
            Some((column, _)) => {
                let why = format!("there is a mask of the column '{column}', and no such column");
                Err(unusable(&self.label, &DataFusionError::Plan(why)))
            }
            None => Ok(()),
        }
    }

    /// What is seen of the rows of a plan, with all its columns.
    ///
    /// # Errors
    /// [`Error::InvalidInput`], which says nothing of the policies, when one of them does not fit the table.
    pub(crate) fn apply(&self, state: &SessionState, rows: LogicalPlan) -> Result<LogicalPlan> {
        let applied = with_deep_stack(|| self.applied(state, rows));
        applied.map_err(|error| unusable(&self.label, &error))
    }

    /// The check of rows that have all columns of the table; `None` when it has no policies.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(crate) fn row_check(
        &self,
        state: &SessionState,
        columns: &SchemaRef,
    ) -> Result<Option<RowCheck>> {
        let Some(conditions) = &self.conditions else {
            return Ok(None);
        };
        let checked = with_deep_stack(|| {
            let planned = planned(state, columns, conditions.clone())?;
            let columns = DFSchema::try_from_qualified_schema(TABLE, columns)?;
            state.create_physical_expr(any(planned), &columns)
        });
        Ok(Some(RowCheck {
            condition: checked.map_err(|error| unusable(&self.label, &error))?,
            label: self.label.clone(),
        }))
    }

    fn applied(&self, state: &SessionState, rows: LogicalPlan) -> EngineResult<LogicalPlan> {
        let columns = Arc::clone(rows.schema().inner());
        let mut plan = LogicalPlanBuilder::from(rows).alias(TABLE)?;
        if let Some(conditions) = &self.conditions {
            plan = plan.filter(any(planned(state, &columns, conditions.clone())?))?;
        }
        let masked = |name: &str| self.masks.iter().find(|(column, _)| column == name);
        let mut items = Vec::with_capacity(columns.fields().len());
        for field in columns.fields() {
            let item = match masked(field.name()) {
                None => Expr::Column(Column::new(Some(TABLE), field.name())),
                Some((_, mask)) => {
                    let mask = planned(state, &columns, vec![mask.clone()])?
                        .into_iter()
                        .next();
                    let mask = mask.ok_or_else(|| lost("a mask"))?;
                    Expr::Cast(Cast::new(Box::new(mask), field.data_type().clone()))
                }
            };
            items.push(item.alias(field.name()));
        }
        let plan = plan.project(items)?.build()?;
        let options = state.options();
        state
            .analyzer()
            .execute_and_check(plan, &options, |_, _| {})
    }
}

impl RowCheck {
    /// Whether all rows meet the conditions.
    ///
    /// # Errors
    /// [`Error::Denied`] when one does not.
    pub(crate) fn check(&self, rows: &RecordBatch) -> Result<()> {
        let met = self
            .condition
            .evaluate(rows)
            .and_then(|met| met.into_array(rows.num_rows()))
            .map_err(|error| unusable(&self.label, &error))?;
        let met = met.as_boolean_opt();
        let all = met.is_some_and(|met| met.null_count() == 0 && met.true_count() == met.len());
        if all || rows.num_rows() == 0 {
            return Ok(());
        }
        Err(Error::Denied {
            message: format!(
                "new row violates the row policies of {}; nothing was changed",
                self.label
            ),
        })
    }
}

/// What is said when a policy or mask cannot be used. Its text and the values that it met are in the log.
pub(super) fn unusable(label: &str, error: &DataFusionError) -> Error {
    tracing::warn!(relation = label, %error, "a row policy or column mask cannot be used");
    Error::invalid(format!(
        "a row policy or column mask of {label} cannot be used; the server's log says why, and the owner can mend it"
    ))
}

fn any(conditions: Vec<Expr>) -> Expr {
    let any = conditions.into_iter().reduce(Expr::or);
    any.unwrap_or_else(|| lit(false))
}

/// The expressions over the columns of the table, which are qualified with [`TABLE`].
fn planned(
    state: &SessionState,
    columns: &SchemaRef,
    exprs: Vec<ast::Expr>,
) -> EngineResult<Vec<Expr>> {
    let count = exprs.len();
    let tables = Alone {
        source: provider_as_source(Arc::new(EmptyTable::new(Arc::clone(columns)))),
    };
    let mut query = crate::change::template(&format!("SELECT 1 FROM {TABLE}"))
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(lost("a query"));
    };
    let items = exprs.into_iter().enumerate();
    let items = items.map(|(at, expr)| SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', format!("__item{at}")),
    });
    select.projection = items.collect();
    let tree = Tree::Statement(Box::new(Statement::Query(query)));
    let plan = godwit_planner::plan(state, &tables, &tree, Vec::new())?;
    let LogicalPlan::Projection(projection) = plan else {
        return Err(DataFusionError::Plan(
            "it is no plain expression".to_owned(),
        ));
    };
    let is_plain = matches!(*projection.input, LogicalPlan::TableScan(_));
    if !is_plain || projection.expr.len() != count {
        return Err(DataFusionError::Plan(
            "it is no plain expression".to_owned(),
        ));
    }
    let exprs = projection.expr.into_iter().map(Expr::unalias);
    Ok(exprs.collect())
}

fn lost(what: &str) -> DataFusionError {
    DataFusionError::Internal(format!("{what} was lost"))
}

/// The one table that policies and masks are about.
struct Alone {
    source: Arc<dyn TableSource>,
}

impl Tables for Alone {
    fn table(&self, name: &TableReference) -> EngineResult<Arc<dyn TableSource>> {
        if *name == TableReference::bare(TABLE) {
            return Ok(Arc::clone(&self.source));
        }
        Err(DataFusionError::Plan("it names a table".to_owned()))
    }
}

/// The expression with who the caller is written into it.
pub(super) fn expression(text: &str, caller: &Authority, label: &str) -> Result<ast::Expr> {
    let parsed = with_deep_stack(|| {
        let mut tokens = Tokenizer::new(&GenericDialect {}, text).tokenize()?;
        tokens.retain(|token| !matches!(token, Token::Whitespace(_)));
        name_callers(&mut tokens);
        let mut parser = Parser::new(&GenericDialect {}).with_tokens(tokens);
        let expr = parser.parse_expr()?;
        parser.expect_token(&Token::EOF)?;
        Ok(expr)
    });
    let mut expr = parsed.map_err(|error| {
        let error = DataFusionError::SQL(Box::new(error), None);
        unusable(label, &error)
    })?;
    with_deep_stack(|| {
        let mut telling = Telling {
            caller,
            reads: false,
        };
        let _ = expr.visit(&mut telling);
        if telling.reads {
            let error = DataFusionError::Plan("it holds a subquery".to_owned());
            return Err(unusable(label, &error));
        }
        Ok(expr)
    })
}

/// Makes `current_user()` the call of a function: to the parser, the word alone is the whole call.
fn name_callers(tokens: &mut [Token]) {
    let mut written = tokens.iter_mut().peekable();
    while let Some(token) = written.next() {
        if let Token::Word(word) = token
            && word.quote_style.is_none()
            && matches!(
                word.keyword,
                Keyword::CURRENT_USER | Keyword::SESSION_USER | Keyword::USER
            )
            && matches!(written.peek(), Some(Token::LParen))
        {
            word.value = word.value.to_lowercase();
            word.quote_style = Some('"');
            word.keyword = Keyword::NoKeyword;
        }
    }
}

/// Writes the caller's name and roles in place of the functions that ask for them.
struct Telling<'a> {
    caller: &'a Authority,
    /// Whether there is a query in it, which could read past the policies of other tables.
    reads: bool,
}

impl VisitorMut for Telling<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut ast::Query) -> ControlFlow<()> {
        self.reads = true;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        let ast::Expr::Function(function) = &*expr else {
            return ControlFlow::Continue(());
        };
        let [name] = function.name.0.as_slice() else {
            return ControlFlow::Continue(());
        };
        let name = name.as_ident().map(|name| name.value.to_lowercase());
        let told = match (name.as_deref(), argument(&function.args)) {
            (Some("current_user" | "session_user" | "user"), Argument::None) => {
                Some(Value::SingleQuotedString(self.caller.user().to_owned()))
            }
            (Some("has_role"), Argument::Text(role)) => {
                Some(Value::Boolean(self.caller.is_member(role)))
            }
            _ => None,
        };
        if let Some(told) = told {
            *expr = ast::Expr::Value(told.into());
        }
        ControlFlow::Continue(())
    }
}

enum Argument<'a> {
    None,
    Text(&'a str),
    Other,
}

fn argument(args: &FunctionArguments) -> Argument<'_> {
    let list = match args {
        FunctionArguments::None => return Argument::None,
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(_) => return Argument::Other,
    };
    match list.args.as_slice() {
        [] => Argument::None,
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(ast::Expr::Value(value)))] => {
            match &value.value {
                Value::SingleQuotedString(text) => Argument::Text(text),
                _ => Argument::Other,
            }
        }
        _ => Argument::Other,
    }
}
