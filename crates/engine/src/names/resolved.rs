//! What the names of a statement stand for, once they are looked up.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use godwit_catalog::{SYSTEM, TEMP, TableKind};

use super::{INFORMATION_SCHEMA, INPUT, Table};
use crate::{Error, Result};

/// The names of a statement with what was found for them.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub(super) found: HashMap<TableReference, Found>,
}

/// What one name stands for.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Table(Table),
    /// Why there is none. Reported only if the planner asks for it: the name may be a common table expression's.
    Not(Error),
}

impl Resolved {
    /// Makes the unqualified name [`INPUT`] stand for this, whatever it stood for.
    pub(crate) fn set_input(&mut self, provider: Arc<dyn TableProvider>) {
        let table = Table {
            schema: TEMP.to_owned(),
            name: INPUT.to_owned(),
            kind: TableKind::Temporary,
            source: provider_as_source(provider),
            snapshot: 0,
            inner: None,
        };
        self.found
            .insert(TableReference::bare(INPUT), Found::Table(table));
    }

    /// What the planner scans for a name.
    pub(crate) fn get(&self, reference: &TableReference) -> Result<&Table> {
        match self.found.get(reference) {
            Some(Found::Table(table)) => Ok(table),
            Some(Found::Not(error)) => Err(error.clone()),
            None => Err(Error::not_found(format!(
                "table '{reference}' does not exist"
            ))),
        }
    }

    /// Adds what the names of another part of the same statement stand for.
    pub(crate) fn add(&mut self, other: Self) {
        for (reference, found) in other.found {
            self.found.entry(reference).or_insert(found);
        }
    }

    /// Adds a table that no catalog has.
    pub(crate) fn insert(&mut self, reference: TableReference, table: Table) {
        self.found.insert(reference, Found::Table(table));
    }

    /// Whether some name stands for a temporary table, or for what reads one.
    pub(crate) fn is_temporary(&self) -> bool {
        self.tables().any(|table| {
            let inner = table.inner.as_ref();
            table.kind == TableKind::Temporary || inner.is_some_and(|inner| inner.is_temporary())
        })
    }

    /// Whether all that the names stand for, and what is read beneath it, has a number that changes with it. What the server
    /// tells about itself has none.
    pub(crate) fn is_versioned(&self) -> bool {
        self.tables().all(|table| {
            let is_versioned = match table.kind {
                TableKind::Table | TableKind::Temporary | TableKind::View => table.snapshot != 0,
                TableKind::SystemTable => false,
            };
            is_versioned
                && table
                    .inner
                    .as_ref()
                    .is_none_or(|inner| inner.is_versioned())
        })
    }

    /// Whether all names stand for tables as they are, and not for what one caller sees of them.
    pub(crate) fn is_plain(&self) -> bool {
        self.tables()
            .all(|table| table.inner.is_none() && table.kind != TableKind::SystemTable)
    }

    /// Whether a plan scans nothing but what the names stand for.
    pub(crate) fn has_all_of(&self, plan: &LogicalPlan) -> bool {
        let mut sources = HashMap::new();
        self.add_sources(&mut sources);
        let mut has_all = true;
        let walked = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                has_all &= sources.contains_key(&address(&scan.source));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        walked.is_ok() && has_all
    }

    /// One number for the contents of all tables that a plan scans.
    pub(crate) fn snapshot_of(&self, plan: &LogicalPlan) -> u64 {
        let scanned = self.scanned(plan);
        if scanned.is_empty() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        scanned.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether what is scanned is a table itself, whose first rows come at little cost: not a view or a table behind
    /// policies, whose rows a query has to find, nor one of the server's own.
    pub(crate) fn has_first_rows(&self, source: &Arc<dyn TableSource>) -> bool {
        let mut sources = HashMap::new();
        self.add_sources(&mut sources);
        sources.get(&address(source)).is_some_and(|table| {
            let is_table = matches!(table.kind, TableKind::Table | TableKind::Temporary);
            is_table && table.inner.is_none()
        })
    }

    /// Whether a plan scans this table.
    pub(crate) fn reads(&self, plan: &LogicalPlan, schema: &str, name: &str) -> bool {
        let mut scanned = self.scanned(plan).into_iter();
        scanned.any(|(of, table, _)| of == schema && table == name)
    }

    /// Whether a plan scans tables, and only such that tell about the server and what is in it.
    pub(crate) fn is_about_server(&self, plan: &LogicalPlan) -> bool {
        let mut sources = HashMap::new();
        self.add_sources(&mut sources);
        let (mut scans, mut others) = (0, 0);
        let walked = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                let schema = sources
                    .get(&address(&scan.source))
                    .map(|table| table.schema.as_str());
                match schema {
                    Some(SYSTEM | INFORMATION_SCHEMA) => scans += 1,
                    _ => others += 1,
                }
            }
            Ok(TreeNodeRecursion::Continue)
        });
        walked.is_ok() && scans > 0 && others == 0
    }

    /// Schema, name and snapshot of all tables that a plan scans; none when it cannot be walked.
    fn scanned(&self, plan: &LogicalPlan) -> BTreeSet<(&str, &str, u64)> {
        let mut sources = HashMap::new();
        self.add_sources(&mut sources);
        let mut scanned = BTreeSet::new();
        let walked = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some(table) = sources.get(&address(&scan.source))
            {
                table.add_scanned(&mut scanned);
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if walked.is_err() {
            scanned.clear();
        }
        scanned
    }

    /// The tables, by what is scanned for them: a name means something else within a view.
    fn add_sources<'a>(&'a self, sources: &mut HashMap<*const (), &'a Table>) {
        for table in self.tables() {
            sources.insert(address(&table.source), table);
            if let Some(inner) = &table.inner {
                inner.add_sources(sources);
            }
        }
    }

    /// What the names stand for.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.found.values().filter_map(|found| match found {
            Found::Table(table) => Some(table),
            Found::Not(_) => None,
        })
    }

    /// Whether every name stands for the same content as it did in `before`.
    pub(crate) fn is_same_as(&self, before: &Self) -> bool {
        let content = |found: &Found| match found {
            Found::Table(table) => Some((table.schema.clone(), table.name.clone(), table.snapshot)),
            Found::Not(_) => None,
        };
        self.found.len() == before.found.len()
            && self
                .found
                .iter()
                .all(|(name, found)| before.found.get(name).map(content) == Some(content(found)))
    }
}

impl Table {
    /// The table, and what is read behind it where no plan shows.
    fn add_scanned<'a>(&'a self, scanned: &mut BTreeSet<(&'a str, &'a str, u64)>) {
        scanned.insert((self.schema.as_str(), self.name.as_str(), self.snapshot));
        let inner = self.inner.iter().flat_map(|inner| inner.tables());
        inner.for_each(|table| table.add_scanned(scanned));
    }
}

fn address(source: &Arc<dyn TableSource>) -> *const () {
    Arc::as_ptr(source).cast()
}
