//! An INSERT that spells out its rows, planned once: what it does depends on no rows, only on the table's columns.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_lake::{Key, Table};

use super::{Change, Kind, Scope, Step, Target, Write};
use crate::Result;
use crate::plan::{Plan, Planner};

/// What is kept of it between its description and its run.
#[derive(Debug)]
pub(crate) struct Kept {
    name: ObjectName,
    /// As it was planned for.
    table: Arc<Table>,
    keys: Vec<Key>,
    plan: Arc<Plan>,
}

impl Kept {
    /// `None` for a change that has to be planned on what there is when it runs.
    pub(crate) fn of(name: Option<ObjectName>, step: &Step) -> Option<Arc<Self>> {
        let Step::Write(write) = step else {
            return None;
        };
        let (Target::Durable(target), Some(plan)) = (&write.target, &write.plan) else {
            return None;
        };
        let is_plain = write.kind == Kind::Insert && !write.reads_itself;
        let has_more = write.returns.is_some() || write.check.is_some();
        if !is_plain || has_more || !plan.is_spelled_out() {
            return None;
        }
        Some(Arc::new(Self {
            name: name?,
            table: Arc::clone(target.table()),
            keys: write.keys.clone(),
            plan: Arc::new(plan.without_tables()),
        }))
    }

    /// What it changes: a table of this name.
    pub(crate) fn name(&self) -> &ObjectName {
        &self.name
    }
}

/// The table that a change names.
pub(crate) fn target_of(change: &Change) -> Option<ObjectName> {
    change.target().map(|(_, name)| name.clone())
}

impl Planner {
    /// The change as it was planned; `None` when its name stands for another table now, or the caller may do other things.
    ///
    /// # Errors
    /// As [`Self::target`].
    pub(crate) async fn again(&self, scope: &Scope<'_>, kept: &Kept) -> Result<Option<Write>> {
        if !kept.plan.state.is_same_as(scope.state) {
            return Ok(None);
        }
        let target = self.target(scope, "INSERT", &kept.name).await?;
        let is_same = match &target {
            Target::Durable(table) => Arc::ptr_eq(table.table(), &kept.table),
            Target::Temporary { .. } => false,
        };
        Ok(is_same.then(|| Write {
            target,
            kind: Kind::Insert,
            assigned: Vec::new(),
            keys: kept.keys.clone(),
            returns: None,
            check: None,
            reads_itself: false,
            plan: Some(Arc::clone(&kept.plan)),
        }))
    }
}
