use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Ident, Query};

use super::returning::Returning;
use super::target::Changed;
use super::{Kind, Scope, Write, request, shape, tree};
use crate::Result;
use crate::check::Conflict;
use crate::copy;
use crate::plan::{Planner, Request};

/// What an INSERT is made of.
pub(super) struct Inserting {
    pub(super) columns: Vec<Ident>,
    pub(super) source: Option<Box<Query>>,
    pub(super) conflict: Option<Conflict>,
}

impl Planner {
    pub(super) async fn insert(
        &self,
        scope: &Scope<'_>,
        changed: Changed,
        inserting: Inserting,
        returning: &Returning,
    ) -> Result<Write> {
        let Inserting {
            columns,
            source,
            conflict,
        } = inserting;
        let target = &changed.target;
        let all = target.schema().fields().len();
        let columns = if columns.is_empty() {
            (0..all).collect()
        } else {
            target.positions(&columns)?
        };
        let mut source = tree::rows(source, target, &columns)?;
        let fields = target.schema().fields();
        let names = columns.iter().filter_map(|at| fields.get(*at));
        let names: Vec<_> = names.map(|field| field.name().as_str()).collect();
        copy::ask_by_name(&mut source, &names);
        let others = (0..all).filter(|at| !columns.contains(at));
        let defaults = others.map(|at| tree::default(target, at));
        let defaults = defaults.collect::<Result<Vec<_>>>()?;
        let has_defaults = !defaults.is_empty();
        let mut also = Vec::new();
        if has_defaults {
            also.push(tree::select(None, defaults, Vec::new(), None)?);
        }
        let conflict = conflict
            .map(|conflict| super::conflict::Resolving::new(&changed, conflict))
            .transpose()?
            .flatten();
        let mut targets = vec![changed.numbered(scope.state.session())?];
        if let Some(conflict) = &conflict {
            also.extend(conflict.trees(&changed)?);
            targets.push(super::conflict::excluded(&changed));
        }
        also.extend(returning.tree(&changed)?);
        let shape = |plan: LogicalPlan, also: Vec<LogicalPlan>| {
            let mut also = also.into_iter();
            let mut defaults = Vec::new();
            if has_defaults && let Some(plan) = also.next() {
                defaults = shape::items(plan)?.0;
            }
            let mut plan = shape::insert(plan, target, &columns, defaults)?;
            if let Some(conflict) = &conflict {
                plan = conflict.resolved(plan, &changed, &mut also)?;
            }
            let stay = plan.schema().fields().len();
            shape::returning(plan, &changed, stay, also.next())
        };
        let request = Request {
            also,
            targets,
            shape: Some(&shape),
            ..request(scope, tree::of_query(source))
        };
        let plan = self.plan_as(request).await;
        let plan = plan.map_err(|error| changed.without_marks(error))?;
        let (kind, assigned) = match &conflict {
            Some(conflict) if conflict.updates() => (Kind::Merge, conflict.assigned()),
            _ => (Kind::Insert, Vec::new()),
        };
        let write = Write::new(&changed, kind, plan, returning).with_assigned(assigned, true);
        Ok(if conflict.is_some() {
            write.reading_itself()
        } else {
            write
        })
    }
}
