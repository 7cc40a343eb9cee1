//! `UPDATE` and `DELETE`: SELECTs of the rows that match, under the same WHERE that any SELECT has.

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, Ident, TableWithJoins, With};

use super::returning::Returning;
use super::target::Changed;
use super::{Kind, Scope, Write, request, shape, tree};
use crate::Result;
use crate::plan::{Planner, Request};

/// The rows that a statement is about.
pub(super) struct Matching<'a> {
    pub(super) with: Option<&'a With>,
    /// What is joined with the table.
    pub(super) others: Vec<TableWithJoins>,
    pub(super) selection: Option<Expr>,
}

impl Planner {
    pub(super) async fn update(
        &self,
        scope: &Scope<'_>,
        changed: Changed,
        assignments: Vec<(Ident, Expr)>,
        matching: Matching<'_>,
        returning: &Returning,
    ) -> Result<Write> {
        let target = &changed.target;
        let (names, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
        let assigned = target.positions(&names)?;
        let mut items = changed.row_items()?;
        let columns = target.schema().fields().iter();
        items.extend(columns.map(|field| changed.column(field.name())));
        for (at, value) in assigned.iter().zip(values) {
            if let Some(item) = items.get_mut(2 + at) {
                *item = tree::or_default(value, target, *at)?;
            }
        }
        let marks = [changed.row.as_str(), changed.row_id.as_str()];
        let plan = self.matching(scope, &changed, (items, &marks), matching, returning);
        let write = Write::new(&changed, Kind::Update, plan.await?, returning);
        Ok(write.with_assigned(assigned, false))
    }

    pub(super) async fn delete(
        &self,
        scope: &Scope<'_>,
        changed: Changed,
        matching: Matching<'_>,
        returning: &Returning,
    ) -> Result<Write> {
        let nothing_said = matching.selection.is_none() && matching.others.is_empty();
        if nothing_said && !returning.is_there() && !changed.has_policies() {
            let kind = Kind::Clear { counted: true };
            return Ok(Write::without_plan(&changed, kind));
        }
        let mut items = vec![changed.column(&changed.row)];
        if returning.is_there() {
            let columns = changed.target.schema().fields().iter();
            items.extend(columns.map(|field| changed.column(field.name())));
        }
        let marks = [changed.row.as_str()];
        let plan = self.matching(scope, &changed, (items, &marks), matching, returning);
        Ok(Write::new(&changed, Kind::Delete, plan.await?, returning))
    }

    /// Plans the SELECT of the rows with their marks and columns.
    async fn matching(
        &self,
        scope: &Scope<'_>,
        changed: &Changed,
        (items, marks): (Vec<Expr>, &[&str]),
        matching: Matching<'_>,
        returning: &Returning,
    ) -> Result<crate::plan::Plan> {
        let mut from = vec![tree::from(changed.factor())];
        from.extend(matching.others);
        let tree = tree::select(matching.with, items, from, matching.selection)?;
        let deletes = marks.len() == 1;
        let shape = |plan: LogicalPlan, also: Vec<LogicalPlan>| {
            let plan = shape::marked(plan, marks, &changed.target)?;
            let width = plan.schema().fields().len();
            let stay = if deletes { 1 } else { width };
            shape::returning(plan, changed, stay, also.into_iter().next())
        };
        let request = Request {
            also: returning.tree(changed)?.into_iter().collect(),
            targets: vec![changed.numbered(scope.state.session())?],
            shape: Some(&shape),
            ..request(scope, tree)
        };
        let plan = self.plan_as(request).await;
        plan.map_err(|error| changed.without_marks(error))
    }
}
