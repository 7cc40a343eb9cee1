//! What a caller has to be allowed for a change, and by which rules the change goes.

use std::sync::Arc;

use godwit_auth::access::{Privilege, Relation};

use super::{Scope, Target};
use crate::Result;
use crate::access::{Rules, Sight, denied};
use crate::check::{Action, Change, Instead, folded};

/// What a change does to its table.
struct Need<'a> {
    sight: Sight<'a>,
    schema: &'a str,
    name: &'a str,
}

/// Refuses a change that the caller may not make. The rules that it goes by: only rows that the caller sees are
/// changed, and none are made that the policies do not allow.
///
/// # Errors
/// [`crate::Error::Denied`], naming what is not allowed.
pub(super) fn allow(
    scope: &Scope<'_>,
    target: &Target,
    change: &Change,
) -> Result<Option<Arc<Rules>>> {
    let Target::Durable(table) = target else {
        return Ok(None);
    };
    let caller = scope.state.authority();
    let need = Need {
        sight: Sight::of(caller, scope.seen),
        schema: &table.table().schema,
        name: &table.table().name,
    };
    need.of(change)?;
    let relation: Option<Relation> = need.sight.relation(need.schema, need.name);
    let rules = match relation {
        Some(relation) => Rules::of(caller, &relation, &target.label())?,
        None => None,
    };
    let Some(rules) = rules else {
        return Ok(None);
    };
    let verb = change.target().map_or("change", |(verb, _)| verb);
    if rules.has_masks() && reads(change) {
        let what = format!(
            "{verb} {}, some columns of which are masked",
            target.label()
        );
        return Err(denied(caller, &what));
    }
    if rules.has_policies() && matches!(change, Change::Truncate { .. }) {
        let what = format!("{verb} {}, which has row policies", target.label());
        return Err(denied(caller, &what));
    }
    Ok(rules.has_policies().then(|| Arc::new(rules)))
}

impl Need<'_> {
    fn of(&self, change: &Change) -> Result<()> {
        match change {
            Change::Create { .. } | Change::Drop { .. } => return Ok(()),
            Change::Truncate { .. } | Change::Delete { .. } => self.whole(Privilege::Delete)?,
            Change::Insert {
                columns, conflict, ..
            } => {
                self.columns(Privilege::Insert, columns.iter().map(folded))?;
                match conflict.as_ref().map(|conflict| &conflict.instead) {
                    Some(Instead::Update { assignments, .. }) => {
                        let assigned = assignments.iter().map(|(column, _)| folded(column));
                        self.columns(Privilege::Update, assigned)?;
                    }
                    Some(Instead::Replace) => self.whole(Privilege::Update)?,
                    Some(Instead::Nothing) | None => {}
                }
            }
            Change::Update { assignments, .. } => {
                let assigned = assignments.iter().map(|(column, _)| folded(column));
                self.columns(Privilege::Update, assigned)?;
            }
            Change::Merge { clauses, .. } => {
                for clause in clauses {
                    self.of_clause(&clause.action)?;
                }
            }
        }
        if reads(change) {
            self.whole(Privilege::Select)?;
        }
        Ok(())
    }

    fn of_clause(&self, action: &Action) -> Result<()> {
        match action {
            Action::Delete => self.whole(Privilege::Delete),
            Action::Update(assignments) => {
                let assigned = assignments.iter().map(|(column, _)| folded(column));
                self.columns(Privilege::Update, assigned)
            }
            Action::Insert { columns, .. } => {
                self.columns(Privilege::Insert, columns.iter().map(folded))
            }
        }
    }

    fn whole(&self, privilege: Privilege) -> Result<()> {
        self.sight.require(privilege, self.schema, self.name)
    }

    fn columns(&self, privilege: Privilege, columns: impl Iterator<Item = String>) -> Result<()> {
        let columns: Vec<_> = columns.collect();
        let columns = columns.iter().map(String::as_str);
        let of = (self.schema, self.name);
        self.sight.require_columns(privilege, of, columns)
    }
}

/// Whether what a change does depends on the rows that are there, or tells of them.
fn reads(change: &Change) -> bool {
    match change {
        Change::Create { .. } | Change::Drop { .. } | Change::Truncate { .. } => false,
        Change::Update { .. } | Change::Merge { .. } => true,
        Change::Insert {
            conflict,
            returning,
            ..
        } => conflict.is_some() || !returning.is_empty(),
        Change::Delete {
            using,
            selection,
            returning,
            ..
        } => !using.is_empty() || selection.is_some() || !returning.is_empty(),
    }
}
