//! `MERGE` as one join: of the table with the source, by the condition, with what is done with each row.

use std::sync::Arc;

use datafusion::common::{Column, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, and, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, Join, JoinConstraint, JoinOperator, TableFactor, With,
};

use super::decide::{Choice, Does, decide};
use super::returning::Returning;
use super::target::Changed;
use super::{Kind, Scope, Write, request, shape, tree};
use crate::check::{Action, Clause, When};
use crate::plan::{Planner, Request};
use crate::{Error, Result};

/// A clause whose expressions stand in the list of one of the queries.
struct Planned {
    when: When,
    has_predicate: bool,
    does: Doing,
}

/// What it does, to the columns at these positions.
enum Doing {
    Insert(Vec<usize>),
    Update(Vec<usize>),
    Delete,
}

/// What a MERGE is made of.
pub(super) struct Merging<'a> {
    pub(super) with: Option<&'a With>,
    pub(super) source: TableFactor,
    pub(super) on: SqlExpr,
    pub(super) clauses: Vec<Clause>,
}

impl Planner {
    pub(super) async fn merge(
        &self,
        scope: &Scope<'_>,
        changed: Changed,
        merging: Merging<'_>,
        returning: &Returning,
    ) -> Result<Write> {
        let Merging {
            with,
            source,
            on,
            clauses,
        } = merging;
        let kinds = |when| clauses.iter().any(|clause| clause.when == when);
        let (new, left) = (kinds(When::NotMatched), kinds(When::NotMatchedBySource));
        let mut planned = Vec::new();
        // What the clauses of each kind list, over all that they see.
        let mut lists: [Vec<SqlExpr>; 3] = Default::default();
        for clause in clauses {
            let list = &mut lists[clause.when as usize];
            planned.push(listed(&changed, clause, list)?);
        }
        let [matched, not_matched, unsourced] = lists;
        let mut joined = tree::from(changed.factor());
        joined.joins.push(join(source.clone(), on, new, left));
        let query =
            |items: Vec<SqlExpr>, from| tree::select(with, or_one(items)?, vec![from], None);
        let main = query(matched, joined)?;
        let mut also = vec![
            query(not_matched, tree::from(source))?,
            query(unsourced, tree::from(changed.factor()))?,
        ];
        also.extend(returning.tree(&changed)?);
        let shape = |plan: LogicalPlan, also: Vec<LogicalPlan>| {
            let mut also = also.into_iter();
            let (matched, join) = shape::items(plan)?;
            let mut lists = [matched, Vec::new(), Vec::new()].map(Vec::into_iter);
            for (list, plan) in lists.iter_mut().skip(1).zip(also.by_ref().take(2)) {
                *list = shape::items(plan)?.0.into_iter();
            }
            let join = with_mark(join, &changed.sourced)?;
            let mut choices = Vec::new();
            for clause in &planned {
                choices.push(choice(&changed, clause, &mut lists[clause.when as usize])?);
            }
            let plan = decide(join, &changed, choices)?;
            let stay = plan.schema().fields().len();
            shape::returning(plan, &changed, stay, also.next())
        };
        let request = Request {
            also,
            targets: vec![changed.numbered(scope.state.session())?],
            shape: Some(&shape),
            ..request(scope, main)
        };
        let plan = self.plan_as(request).await;
        let plan = plan.map_err(|error| changed.without_marks(error))?;
        let mut assigned = Vec::new();
        let mut inserts = false;
        for clause in &planned {
            match &clause.does {
                Doing::Update(columns) => assigned.extend(columns),
                Doing::Insert(_) => inserts = true,
                Doing::Delete => {}
            }
        }
        Ok(Write::new(&changed, Kind::Merge, plan, returning).with_assigned(assigned, inserts))
    }
}

/// Puts the expressions of a clause into a list.
fn listed(changed: &Changed, clause: Clause, list: &mut Vec<SqlExpr>) -> Result<Planned> {
    let Clause {
        when,
        predicate,
        action,
    } = clause;
    let has_predicate = predicate.is_some();
    list.extend(predicate);
    let target = &changed.target;
    let does = match action {
        Action::Delete => Doing::Delete,
        Action::Update(assignments) => {
            let (columns, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
            let columns = target.positions(&columns)?;
            for (value, at) in values.into_iter().zip(&columns) {
                list.push(tree::or_default(value, target, *at)?);
            }
            Doing::Update(columns)
        }
        Action::Insert { columns, values } => {
            let all = target.schema().fields().len();
            let given = if columns.is_empty() {
                (0..all).collect()
            } else {
                target.positions(&columns)?
            };
            let names = target.names(&given);
            let values = values.unwrap_or_else(|| {
                let own = |name: &&str| SqlExpr::Identifier(Ident::with_quote('"', *name));
                names.iter().map(own).collect()
            });
            if values.len() != given.len() {
                return Err(Error::invalid(format!(
                    "INSERT takes {} values a row ({}), {} are given",
                    given.len(),
                    names.join(", "),
                    values.len()
                )));
            }
            for (value, at) in values.into_iter().zip(&given) {
                list.push(tree::or_default(value, target, *at)?);
            }
            let others: Vec<_> = (0..all).filter(|at| !given.contains(at)).collect();
            for at in &others {
                list.push(tree::default(target, *at)?);
            }
            Doing::Insert(given.into_iter().chain(others).collect())
        }
    };
    Ok(Planned {
        when,
        has_predicate,
        does,
    })
}

/// The clause with its expressions, planned, from the list.
fn choice(
    changed: &Changed,
    clause: &Planned,
    list: &mut impl Iterator<Item = Expr>,
) -> EngineResult<Choice> {
    let is_there = Expr::Column(Column::new(Some(changed.qualifier()), &changed.row)).is_not_null();
    let sourced = Expr::Column(Column::new_unqualified(&changed.sourced)).is_not_null();
    let mut when = match clause.when {
        When::Matched => and(is_there, sourced),
        When::NotMatched => !is_there,
        When::NotMatchedBySource => !sourced,
    };
    let mut next = || match list.next() {
        Some(expr) => Ok(expr),
        None => plan_err!("a clause of MERGE has lost an expression"),
    };
    if clause.has_predicate {
        when = and(when, next()?);
    }
    let mut pairs = |columns: &[usize]| {
        let pairs = columns.iter().map(|at| Ok((*at, next()?)));
        pairs.collect::<EngineResult<Vec<_>>>()
    };
    let does = match &clause.does {
        Doing::Delete => Does::Delete,
        Doing::Update(columns) => Does::Update(pairs(columns)?),
        Doing::Insert(columns) => {
            let mut values = pairs(columns)?;
            values.sort_by_key(|(at, _)| *at);
            Does::Insert(values.into_iter().map(|(_, value)| value).collect())
        }
    };
    Ok(Choice { when, does })
}

/// Only the rows that some clause is about are joined.
fn join(source: TableFactor, on: SqlExpr, new: bool, left: bool) -> Join {
    let on = JoinConstraint::On(on);
    Join {
        relation: source,
        global: false,
        join_operator: match (new, left) {
            (false, false) => JoinOperator::Inner(on),
            (true, false) => JoinOperator::RightOuter(on),
            (false, true) => JoinOperator::LeftOuter(on),
            (true, true) => JoinOperator::FullOuter(on),
        },
    }
}

/// The join with a column more, which is null for rows of the table that no row of the source matches.
fn with_mark(join: LogicalPlan, mark: &str) -> EngineResult<LogicalPlan> {
    let LogicalPlan::Join(mut join) = join else {
        return plan_err!("the condition of a MERGE cannot be planned as a join");
    };
    let source = join.right.schema().iter();
    let mut columns: Vec<_> = source
        .map(|field| Expr::Column(Column::from(field)))
        .collect();
    columns.push(lit(true).alias(mark));
    join.right = Arc::new(LogicalPlan::Projection(Projection::try_new(
        columns, join.right,
    )?));
    LogicalPlan::Join(join).recompute_schema()
}

/// A query lists something.
fn or_one(items: Vec<SqlExpr>) -> Result<Vec<SqlExpr>> {
    if items.is_empty() {
        return Ok(vec![tree::expression("1")?]);
    }
    Ok(items)
}
