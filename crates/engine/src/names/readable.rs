//! What of a table its reader sees.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use godwit_auth::access::{Columns, Privilege};
use godwit_catalog::{CATALOG, TableKind};
use godwit_lake::TableId;

use super::resolved::Found;
use super::views::StoredView;
use super::{Lookup, Resolved, Table};
use crate::access::{Guarded, Rules};
use crate::deep::Deep;
use crate::{Error, Result};

/// A column of the table as it is read, and what policies, masks and grants call it now.
struct Named {
    then: String,
    now: String,
}

impl Lookup<'_> {
    /// Whether a table or view of that name exists for who reads, if there is one. What is gone from the lake is history,
    /// which only `admin` reads.
    pub(super) fn exists(&self, schema: &str, name: &str) -> bool {
        let sight = self.sight();
        let Some(relation) = sight.relation(schema, name) else {
            return true;
        };
        let is_there = match (self.present, self.number(schema, name)) {
            (Some(present), Some(id)) => {
                present.table_of(TableId(id)).is_some()
                    || present
                        .schemas
                        .values()
                        .any(|schema| schema.views.values().any(|view| view.id.0 == id))
            }
            _ => true,
        };
        self.reader.sees(&relation) && (is_there || self.reader.owns_relation(&relation))
    }

    /// The number in the lake of the table or view of that name that this statement sees, which is not always the one
    /// that grants know it by.
    fn number(&self, schema: &str, name: &str) -> Option<i64> {
        let state = self.seen.lake().ok()?.state();
        let table = state.table(schema, name).map(|table| table.id.0);
        table.or_else(|| state.view(schema, name).map(|view| view.id.0))
    }

    /// Refuses to read what may not be read at all.
    pub(super) fn require_select(&self, schema: &str, name: &str) -> Result<()> {
        let sight = self.sight();
        if self.reads && sight.columns(Privilege::Select, schema, name).is_none() {
            return sight.require(Privilege::Select, schema, name);
        }
        Ok(())
    }

    /// The table as its reader sees it: the columns that may be read, the rows of the caller's policies, and the values
    /// under the caller's masks.
    ///
    /// # Errors
    /// [`Error::Denied`] when it may not be read; when a policy or mask cannot be used.
    pub(super) fn readable(&self, table: Table) -> Result<Table> {
        let name = table.name.clone();
        self.readable_of(table, &name, 0)
    }

    /// The same for rows of a table of that name, which have so many columns before those of the table.
    ///
    /// # Errors
    /// As [`Self::readable`].
    pub(super) fn readable_of(&self, table: Table, name: &str, extra: usize) -> Result<Table> {
        let sight = self.sight();
        let Some(relation) = sight.relation(&table.schema, name) else {
            return Ok(table);
        };
        if !self.reads {
            return Ok(table);
        }
        self.require_select(&table.schema, name)?;
        let columns = sight.columns(Privilege::Select, &table.schema, name);
        let label = format!("{}.{name}", table.schema);
        let rules = Rules::of(self.caller, &relation, &label)?;
        if rules.is_none() && columns == Columns::All {
            return Ok(table);
        }
        let named = self.named(&table, name, extra);
        let translate = |error| Error::from_datafusion(&error, "plan");
        let rows = scan(&table, &named).map_err(translate)?;
        let is_guarded = rules.is_some();
        let mut hasher = DefaultHasher::new();
        (table.snapshot, &rules).hash(&mut hasher);
        if let Some(rules) = &rules {
            let durable = self.number(&table.schema, name).map(TableId);
            let now = durable.and_then(|id| self.present?.table_of(id));
            rules.check_masks(|column| match now {
                Some(now) => now.column(column).is_some(),
                None => named.iter().any(|named| named.now == column),
            })?;
        }
        let rows = match rules {
            Some(rules) => rules.apply(self.state, rows)?,
            None => rows,
        };
        let kept = named.iter().enumerate();
        let kept = kept.filter(|(at, column)| *at < extra || columns.has(&column.now));
        let items = kept.map(|(at, column)| {
            Expr::Column(Column::from(rows.schema().qualified_field(at))).alias(&column.then)
        });
        let items: Vec<_> = items.collect();
        items.hash(&mut hasher);
        let plan = LogicalPlanBuilder::from(rows)
            .project(items)
            .and_then(LogicalPlanBuilder::build);
        Ok(narrowed(
            table,
            hasher.finish(),
            Deep::new(plan.map_err(translate)?),
            is_guarded.then_some(&label),
        ))
    }

    /// The columns that are left of a table: of the past those that it still has, by what they are called now.
    fn named(&self, table: &Table, name: &str, extra: usize) -> Vec<Named> {
        let own = |name: &str| Named {
            then: name.to_owned(),
            now: name.to_owned(),
        };
        let schema = table.source.schema();
        let then = self.seen.lake().ok();
        let then = then.and_then(|lake| lake.state().table(&table.schema, name));
        let now = then.and_then(|then| Some((then, self.present?.table_of(then.id)?)));
        let fields = schema.fields().iter();
        let Some((then, now)) = now else {
            return fields.map(|field| own(field.name())).collect();
        };
        let named = fields.enumerate().filter_map(|(at, field)| {
            if at < extra {
                return Some(own(field.name()));
            }
            let id = then.column(field.name())?.id;
            let now = now.columns.iter().find(|column| column.id == id)?;
            Some(Named {
                then: field.name().clone(),
                now: now.field.name().clone(),
            })
        });
        named.collect()
    }
}

/// The columns of a table under the names that they have now.
fn scan(table: &Table, named: &[Named]) -> EngineResult<LogicalPlan> {
    let reference = TableReference::bare(table.name.as_str());
    let plan = LogicalPlanBuilder::scan(reference.clone(), Arc::clone(&table.source), None)?;
    let items = named.iter().map(|column| {
        Expr::Column(Column::new(Some(reference.clone()), &column.then)).alias(&column.now)
    });
    plan.project(items.collect::<Vec<_>>())?.build()
}

/// The table with a plan in its place; behind a guard when it is called so. What of it is seen is content too, so that it has
/// another number.
fn narrowed(
    table: Table,
    snapshot: u64,
    plan: Deep<LogicalPlan>,
    guarded: Option<&String>,
) -> Table {
    let kind =
        source_as_provider(&table.source).map_or(TableType::Base, |table| table.table_type());
    let provider: Arc<dyn TableProvider> = match guarded {
        Some(label) => Arc::new(Guarded::new(plan, label, kind)),
        None => {
            let sql = (table.kind == TableKind::View).then(String::new);
            Arc::new(StoredView::new(plan, sql))
        }
    };
    let mut within = Resolved::default();
    let full = TableReference::full(CATALOG, table.schema.as_str(), table.name.as_str());
    within.found.insert(full, Found::Table(table.clone()));
    Table {
        source: provider_as_source(provider),
        snapshot,
        inner: Some(Arc::new(within)),
        ..table
    }
}
