//! `ON CONFLICT`: new rows against those that have the same key.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, JoinType, TableReference, plan_err};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result as EngineResult;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, SubqueryAlias, and, lit,
};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Ident, ObjectName};
use godwit_catalog::{ResolvedTable, TableKind};
use godwit_lake::Key;

use super::decide::{Choice, Does, decide};
use super::target::{CHANGED, Changed, Target};
use super::{shape, tree};
use crate::check::{Conflict, ConflictTarget, Instead, bare_table, folded};
use crate::names::Table;
use crate::{Error, Result};

/// What the new rows are called.
const EXCLUDED: &str = "excluded";

/// The order in which the new rows come, and their number among those of one key.
const AT: &str = "__at";
const NTH: &str = "__nth";

/// An ON CONFLICT with the keys that it is about.
pub(super) struct Resolving {
    /// The columns of each key.
    keys: Vec<Vec<usize>>,
    update: Option<Updating>,
}

struct Updating {
    columns: Vec<usize>,
    values: Vec<SqlExpr>,
    selection: Option<SqlExpr>,
}

impl Resolving {
    /// `None` when no row can be in conflict.
    pub(super) fn new(changed: &Changed, conflict: Conflict) -> Result<Option<Self>> {
        let target = &changed.target;
        let Conflict {
            target: which,
            instead,
        } = conflict;
        let keys = keys(target, &which)?;
        let columns: Vec<_> = keys.iter().map(|key| target.key_columns(key)).collect();
        if matches!(instead, Instead::Nothing) {
            return Ok((!columns.is_empty()).then_some(Self {
                keys: columns,
                update: None,
            }));
        }
        let [key] = columns.as_slice() else {
            return Err(Error::invalid(format!(
                "ON CONFLICT … DO UPDATE: {}; name the columns of one",
                known_keys(target)
            )));
        };
        let update = match instead {
            Instead::Update {
                assignments,
                selection,
            } => {
                let (names, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
                let columns = target.positions(&names)?;
                let values = values.into_iter().zip(&columns);
                let values = values.map(|(value, at)| tree::or_default(value, target, *at));
                Updating {
                    values: values.collect::<Result<_>>()?,
                    columns,
                    selection: *selection,
                }
            }
            Instead::Nothing | Instead::Replace => {
                let all = 0..target.schema().fields().len();
                let columns: Vec<_> = all.filter(|at| !key.contains(at)).collect();
                let new = |name: &str| {
                    SqlExpr::CompoundIdentifier(vec![
                        Ident::new(EXCLUDED),
                        Ident::with_quote('"', name),
                    ])
                };
                Updating {
                    values: target.names(&columns).into_iter().map(new).collect(),
                    columns,
                    selection: None,
                }
            }
        };
        Ok(Some(Self {
            keys: columns,
            update: Some(update),
        }))
    }

    pub(super) fn updates(&self) -> bool {
        self.update.is_some()
    }

    /// The columns that rows which are there get new values in.
    pub(super) fn assigned(&self) -> Vec<usize> {
        let update = self.update.as_ref();
        update.map_or_else(Vec::new, |update| update.columns.clone())
    }

    /// The queries whose plans [`Self::resolved`] takes: the rows that are there, and what they get.
    pub(super) fn trees(&self, changed: &Changed) -> Result<Vec<Tree>> {
        let table = || tree::from(changed.factor());
        let rows = tree::select(
            None,
            vec![changed.column(&changed.row)],
            vec![table()],
            None,
        )?;
        let Some(update) = &self.update else {
            return Ok(vec![rows]);
        };
        let parts = [CHANGED, EXCLUDED, EXCLUDED].map(Ident::new);
        let name = ObjectName::from(parts.to_vec());
        let from = vec![table(), tree::from(bare_table(name, None))];
        let items = update.selection.iter().chain(&update.values);
        let mut items: Vec<_> = items.cloned().collect();
        if items.is_empty() {
            items.push(tree::expression("1")?);
        }
        Ok(vec![rows, tree::select(None, items, from, None)?])
    }

    /// The new rows with what becomes of them.
    pub(super) fn resolved(
        &self,
        new: LogicalPlan,
        changed: &Changed,
        also: &mut impl Iterator<Item = LogicalPlan>,
    ) -> EngineResult<LogicalPlan> {
        let mut next = || match also.next() {
            Some(plan) => shape::items(plan),
            None => plan_err!("ON CONFLICT has lost a query"),
        };
        let new = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(new), new_rows())?);
        let (_, there) = next()?;
        match &self.update {
            None => self.without_known(new, &there, changed),
            Some(update) => {
                let (items, _) = next()?;
                self.updated(new, there, changed, update, items)
            }
        }
    }

    /// The new rows whose keys are not there, of several with one key the first.
    fn without_known(
        &self,
        new: LogicalPlan,
        there: &LogicalPlan,
        changed: &Changed,
    ) -> EngineResult<LogicalPlan> {
        let mut rows = LogicalPlanBuilder::from(new);
        for key in &self.keys {
            let keys = self.columns(changed, key);
            rows = rows.join(there.clone(), JoinType::LeftAnti, keys, None)?;
        }
        rows = rows.window(vec![row_number().alias(AT)])?;
        let at = Expr::Column(Column::new_unqualified(AT));
        for (number, key) in self.keys.iter().enumerate() {
            let (columns, _) = self.columns(changed, key);
            let columns: Vec<_> = columns.into_iter().map(Expr::Column).collect();
            let nth = format!("{NTH}{number}");
            let counted = row_number()
                .partition_by(columns.clone())
                .order_by(vec![at.clone().sort(true, false)])
                .build()?;
            let first = Expr::Column(Column::new_unqualified(&nth)).eq(lit(1u64));
            // A null is no other null: such rows are in no conflict.
            let is_first = columns.into_iter().map(Expr::is_null).fold(first, Expr::or);
            rows = rows.window(vec![counted.alias(&nth)])?.filter(is_first)?;
        }
        let fields = changed.target.schema().fields().iter();
        let columns = fields.map(|field| of_new(field.name()).alias(field.name()));
        rows.project(columns.collect::<Vec<_>>())?.build()
    }

    fn updated(
        &self,
        new: LogicalPlan,
        there: LogicalPlan,
        changed: &Changed,
        update: &Updating,
        items: Vec<Expr>,
    ) -> EngineResult<LogicalPlan> {
        let Some(key) = self.keys.first() else {
            return plan_err!("ON CONFLICT has lost its key");
        };
        let keys = self.columns(changed, key);
        let join = LogicalPlanBuilder::from(new).join(there, JoinType::Left, keys, None)?;
        let mut items = items.into_iter();
        let is_there =
            Expr::Column(Column::new(Some(changed.qualifier()), &changed.row)).is_not_null();
        let mut is_updated = is_there.clone();
        if update.selection.is_some()
            && let Some(selection) = items.next()
        {
            is_updated = and(is_updated, selection);
        }
        let fields = changed.target.schema().fields().iter();
        let choices = vec![
            Choice {
                when: !is_there,
                does: Does::Insert(fields.map(|field| of_new(field.name())).collect()),
            },
            Choice {
                when: is_updated,
                does: Does::Update(update.columns.iter().copied().zip(items).collect()),
            },
        ];
        decide(join.build()?, changed, choices)
    }

    /// The columns of a key in the new rows and in those that are there.
    fn columns(&self, changed: &Changed, key: &[usize]) -> (Vec<Column>, Vec<Column>) {
        let names = changed.target.names(key);
        let of = |qualifier: TableReference| {
            let names = names.iter();
            names
                .map(|name| Column::new(Some(qualifier.clone()), *name))
                .collect()
        };
        (of(new_rows()), of(changed.qualifier()))
    }
}

/// What the new rows' name stands for while the expressions are planned.
pub(super) fn excluded(changed: &Changed) -> (TableReference, Table) {
    let provider: Arc<dyn TableProvider> =
        Arc::new(EmptyTable::new(Arc::clone(changed.target.schema())));
    let resolved = ResolvedTable {
        provider,
        kind: TableKind::Table,
        snapshot: 0,
    };
    let table = Table::of("", EXCLUDED, resolved);
    (new_rows(), table)
}

/// What their columns are qualified with. Whoever writes `excluded.` means this.
fn new_rows() -> TableReference {
    TableReference::full(CHANGED, EXCLUDED, EXCLUDED)
}

fn of_new(name: &str) -> Expr {
    Expr::Column(Column::new(Some(new_rows()), name))
}

/// The keys that a conflict is about.
fn keys<'a>(target: &'a Target, which: &ConflictTarget) -> Result<Vec<&'a Key>> {
    let keys = target.keys().iter();
    let (found, wanted): (Vec<_>, _) = match which {
        ConflictTarget::Any => return Ok(keys.collect()),
        ConflictTarget::Named(name) => {
            let name = folded(name);
            let found = keys.filter(|key| key.name == name).collect();
            (found, format!("named '{name}'"))
        }
        ConflictTarget::Columns(columns) => {
            let mut wanted = target.positions(columns)?;
            let names = target.names(&wanted).join(", ");
            wanted.sort_unstable();
            let is_wanted = |key: &&Key| {
                let mut columns = target.key_columns(key);
                columns.sort_unstable();
                columns == wanted
            };
            let found = keys.filter(is_wanted).take(1).collect();
            (found, format!("of the columns {names}"))
        }
    };
    if found.is_empty() {
        return Err(Error::invalid(format!(
            "ON CONFLICT: there is no key {wanted}; {}",
            known_keys(target)
        )));
    }
    Ok(found)
}

fn known_keys(target: &Target) -> String {
    let keys = target.keys().iter();
    let keys = keys.map(|key| {
        let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
        let columns = target.names(&target.key_columns(key)).join(", ");
        format!("'{}' {kind} ({columns})", key.name)
    });
    let keys: Vec<_> = keys.collect();
    let label = target.label();
    if keys.is_empty() {
        format!("table '{label}' has no PRIMARY KEY and no UNIQUE")
    } else {
        format!("table '{label}' has {}", keys.join(" and "))
    }
}
