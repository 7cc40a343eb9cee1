//! The table that a statement changes.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, TableType};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, TableFactor};
use godwit_catalog::{ResolvedTable, TEMP, TableKind, TempTable};
use godwit_lake::{Key, LakeTable};

use super::{Scope, tree};
use crate::access::{Guarded, Rules};
use crate::check::{Names, bare_table, folded};
use crate::deep::Deep;
use crate::names::Table;
use crate::plan::Planner;
use crate::{Error, Result};

/// The catalog that the rows of the changed table are read from, numbered, and new rows from that meet them.
pub(super) const CHANGED: &str = "__changed";

/// A table whose rows can be changed, as one statement finds it.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Temporary { name: String, table: Arc<TempTable> },
    Durable(LakeTable),
}

impl Target {
    pub(crate) fn is_durable(&self) -> bool {
        matches!(self, Self::Durable(_))
    }

    pub(crate) fn schema_name(&self) -> &str {
        match self {
            Self::Temporary { .. } => TEMP,
            Self::Durable(table) => &table.table().schema,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Temporary { name, .. } => name,
            Self::Durable(table) => &table.table().name,
        }
    }

    /// As messages call it.
    pub(crate) fn label(&self) -> String {
        format!("{}.{}", self.schema_name(), self.name())
    }

    /// Its columns.
    pub(crate) fn schema(&self) -> &SchemaRef {
        match self {
            Self::Temporary { table, .. } => table.schema(),
            Self::Durable(table) => &table.table().arrow,
        }
    }

    /// What rows get in a column that they say nothing about, as it was written.
    pub(super) fn default_of(&self, column: &str) -> Option<&str> {
        match self {
            Self::Temporary { table, .. } => {
                table.default_of(column).map(|found| found.sql.as_str())
            }
            Self::Durable(table) => table.table().column(column)?.default.as_deref(),
        }
    }

    /// PRIMARY KEY and UNIQUE.
    pub(crate) fn keys(&self) -> &[Key] {
        match self {
            Self::Temporary { .. } => &[],
            Self::Durable(table) => &table.table().keys,
        }
    }

    /// The positions of a key's columns.
    pub(crate) fn key_columns(&self, key: &Key) -> Vec<usize> {
        let Self::Durable(table) = self else {
            return Vec::new();
        };
        let columns = &table.table().columns;
        let position = |id: &i64| columns.iter().position(|column| column.id.0 == *id);
        key.columns.iter().filter_map(position).collect()
    }

    /// The names of the columns at these positions.
    pub(crate) fn names(&self, columns: &[usize]) -> Vec<&str> {
        let fields = self.schema().fields();
        let name = |at: &usize| fields.get(*at).map(|field| field.name().as_str());
        columns.iter().filter_map(name).collect()
    }

    /// The positions of columns that are written.
    pub(super) fn positions(&self, columns: &[Ident]) -> Result<Vec<usize>> {
        let schema = self.schema();
        let mut found = Vec::with_capacity(columns.len());
        for column in columns {
            let name = folded(column);
            let at = schema.index_of(&name).map_err(|_| {
                let known: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                Error::invalid(format!(
                    "table '{}' has no column '{name}'; it has {}",
                    self.label(),
                    known.join(", ")
                ))
            })?;
            if found.contains(&at) {
                return Err(Error::invalid(format!("column '{name}' is written twice")));
            }
            found.push(at);
        }
        Ok(found)
    }
}

/// The changed table, as the queries that a change is planned as name it.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) target: Target,
    alias: Option<Ident>,
    /// Names that no column of the table has: of the number of a row, its id, what is done with it, and whether it is
    /// there in the source.
    pub(super) row: String,
    pub(super) row_id: String,
    pub(super) action: String,
    pub(super) sourced: String,
    /// The policies by which rows are seen, and so changed.
    rules: Option<Arc<Rules>>,
}

impl Changed {
    pub(super) fn new(target: Target, alias: Option<Ident>, rules: Option<Arc<Rules>>) -> Self {
        let free = |name: &str| free_name(target.schema(), name);
        Self {
            row: free("__row"),
            row_id: free("__row_id"),
            action: free("__action"),
            sourced: free("__sourced"),
            alias,
            target,
            rules,
        }
    }

    fn parts(&self) -> [&str; 3] {
        [CHANGED, self.target.schema_name(), self.target.name()]
    }

    /// The table where a query reads it.
    pub(super) fn factor(&self) -> TableFactor {
        let parts = self.parts().map(|part| Ident::with_quote('"', part));
        bare_table(ObjectName::from(parts.to_vec()), self.alias.clone())
    }

    /// Whether only some rows can be changed.
    pub(super) fn has_policies(&self) -> bool {
        self.rules.is_some()
    }

    /// What stands for the name: the rows that can be changed.
    pub(super) fn numbered(&self, state: &SessionState) -> Result<(TableReference, Table)> {
        let [catalog, schema, name] = self.parts();
        let mut resolved = match &self.target {
            Target::Temporary { table, .. } => table.numbered(&self.row),
            Target::Durable(table) => ResolvedTable {
                provider: table.numbered(&self.row, &self.row_id),
                kind: TableKind::Table,
                snapshot: table.version(),
            },
        };
        if let Some(rules) = &self.rules {
            let rows = LogicalPlanBuilder::scan(
                TableReference::bare(name),
                provider_as_source(resolved.provider),
                None,
            );
            let rows = rows.and_then(LogicalPlanBuilder::build);
            let rows = rows.map_err(|error| Error::from_datafusion(&error, "plan"))?;
            let seen = Deep::new(rules.apply(state, rows)?);
            let guarded = Guarded::new(seen, &self.target.label(), TableType::Base);
            resolved.provider = Arc::new(guarded);
        }
        let reference = TableReference::full(catalog, schema, name);
        Ok((reference, Table::of(schema, name, resolved)))
    }

    /// What its columns are qualified with.
    pub(super) fn qualifier(&self) -> TableReference {
        match &self.alias {
            Some(alias) => TableReference::bare(folded(alias)),
            None => {
                let [catalog, schema, name] = self.parts();
                TableReference::full(catalog, schema, name)
            }
        }
    }

    /// One of its columns, in SQL.
    pub(super) fn column(&self, name: &str) -> Expr {
        let mut parts = match &self.alias {
            Some(alias) => vec![alias.clone()],
            None => self
                .parts()
                .map(|part| Ident::with_quote('"', part))
                .to_vec(),
        };
        parts.push(Ident::with_quote('"', name));
        Expr::CompoundIdentifier(parts)
    }

    /// The number of a row and its id, in SQL. Only durable rows have one.
    pub(super) fn row_items(&self) -> Result<Vec<Expr>> {
        let row_id = if self.target.is_durable() {
            self.column(&self.row_id)
        } else {
            tree::expression("CAST(NULL AS BIGINT)")?
        };
        Ok(vec![self.column(&self.row), row_id])
    }

    /// Takes what only this module knows out of a message about columns.
    pub(super) fn without_marks(&self, error: Error) -> Error {
        let Error::InvalidInput { message } = error else {
            return error;
        };
        let message = message.replace(&format!("{CHANGED}."), "");
        let is_ours = |word: &&str| {
            let word = word.trim_end_matches([',', '.']);
            word.rsplit('.')
                .next()
                .is_some_and(|name| name == self.row || name == self.row_id)
        };
        let words: Vec<_> = message.split(' ').filter(|word| !is_ours(word)).collect();
        Error::invalid(words.join(" "))
    }
}

impl Planner {
    /// The table that a name stands for, to be changed.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] when it stands for a table that cannot be changed, [`Error::NotFound`] when for none.
    pub(crate) async fn target(
        &self,
        scope: &Scope<'_>,
        verb: &str,
        name: &ObjectName,
    ) -> Result<Target> {
        let reference = reference(name)?;
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let lookup = self.finder(scope.state, scope.seen);
        let resolved = lookup.resolve(&names).await;
        let found = resolved.get(&reference)?;
        let vanished = || Error::not_found(format!("table '{name}' has vanished"));
        if found.kind == TableKind::Temporary {
            return Ok(Target::Temporary {
                name: found.name.clone(),
                table: scope
                    .seen
                    .temporary()
                    .get(&found.name)
                    .ok_or_else(vanished)?,
            });
        }
        let durable = scope.seen.durable(&found.schema, &found.name).await;
        match durable.map_err(|error| Error::from_catalog(&error))? {
            Some(table) => Ok(Target::Durable(table)),
            None => Err(read_only(verb, found)),
        }
    }
}

/// Why a table that is neither temporary nor durable cannot be written to.
pub(crate) fn read_only(verb: &str, table: &Table) -> Error {
    let why = match table.kind {
        TableKind::SystemTable => "it shows the server's own state",
        TableKind::View => "it is a view; change the tables that it reads",
        TableKind::Table | TableKind::Temporary => {
            "mounted files are read-only; change the files, and the next query sees them"
        }
    };
    Error::ReadOnly {
        message: format!(
            "{verb}: table '{}.{}' cannot be changed: {why}",
            table.schema, table.name
        ),
    }
}

pub(super) fn reference(name: &ObjectName) -> Result<TableReference> {
    object_name_to_table_reference(name.clone(), true).map_err(|_| {
        Error::invalid(format!(
            "'{name}' is no table name; write table, schema.table or catalog.schema.table"
        ))
    })
}

fn free_name(schema: &Schema, name: &str) -> String {
    let mut name = name.to_owned();
    while schema.field_with_name(&name).is_ok() {
        name.push('_');
    }
    name
}
