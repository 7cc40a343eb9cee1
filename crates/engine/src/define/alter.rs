//! `ALTER TABLE`.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::{Cast, Expr};
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{self, ColumnDef, DataType, Ident, ObjectName};
use godwit_lake::{Definition, NewColumn, Table, TableId};

use super::columns::durable_columns;
use super::places::Found;
use super::{Defining, Rest, folded, reference, translate};
use crate::access::{Named, Sight};
use crate::check::Alteration;
use crate::constants;
use crate::deep::with_deep_stack;
use crate::{Error, Result};

impl Defining<'_> {
    pub(super) async fn alter_table(
        &self,
        name: &ObjectName,
        if_exists: bool,
        alterations: &[Alteration],
    ) -> Result<Rest> {
        let mut rest = Rest::default();
        let table = match self.find(name).await? {
            Found::Nothing(Error::NotFound { .. }) if if_exists => return Ok(rest),
            _ => self.table("ALTER TABLE", name).await?.id,
        };
        if !self.parameters.is_empty() {
            return Err(Error::invalid("ALTER TABLE takes no parameters"));
        }
        for alteration in alterations {
            self.alter(table, alteration, &mut rest).await?;
        }
        Ok(rest)
    }

    async fn alter(&self, id: TableId, alteration: &Alteration, rest: &mut Rest) -> Result<()> {
        let table = self.table_of(id)?;
        let definition = match alteration {
            Alteration::AddColumn {
                column,
                if_not_exists,
            } => {
                if table.column(&folded(&column.name)).is_some() {
                    if *if_not_exists {
                        return Ok(());
                    }
                    return Err(Error::AlreadyExists {
                        message: format!(
                            "table '{}.{}' has a column '{}' already",
                            table.schema,
                            table.name,
                            folded(&column.name)
                        ),
                    });
                }
                Definition::AddColumn {
                    table: id,
                    column: self.new_column(column)?,
                }
            }
            Alteration::DropColumn { column, if_exists } => {
                if *if_exists && table.column(&folded(column)).is_none() {
                    return Ok(());
                }
                Definition::DropColumn {
                    table: id,
                    column: column_name(&table, column)?,
                }
            }
            Alteration::RenameColumn { column, to } => Definition::RenameColumn {
                table: id,
                column: column_name(&table, column)?,
                to: folded(to),
            },
            Alteration::Rename { to } => Definition::RenameTable {
                table: id,
                to: new_name(&table, to)?,
            },
            Alteration::SetDefault { column, value } => {
                let column = column_name(&table, column)?;
                let default = match value {
                    Some(value) => Some(self.default_text(&table, &column, value)?),
                    None => None,
                };
                Definition::SetDefault {
                    table: id,
                    column,
                    default,
                }
            }
            Alteration::SetNotNull { column, not_null } => {
                let column = column_name(&table, column)?;
                if *not_null {
                    self.look_for_nulls(&table, &column, rest).await?;
                }
                Definition::SetNotNull {
                    table: id,
                    column,
                    not_null: *not_null,
                }
            }
            Alteration::SetType { column, data_type } => Definition::SetType {
                table: id,
                column: column_name(&table, column)?,
                data_type: self.arrow_type(column, data_type)?,
            },
        };
        match &definition {
            Definition::DropColumn { column, .. } | Definition::RenameColumn { column, .. } => {
                self.need_unnamed(&table, column, true)?;
            }
            Definition::SetType { column, .. } => self.need_unnamed(&table, column, false)?,
            _ => {}
        }
        self.apply(definition)
    }

    /// Whether no policy and no mask names a column, and, where it goes or gets another name, no grant.
    fn need_unnamed(&self, table: &Table, column: &str, granted_too: bool) -> Result<()> {
        let caller = self.state.authority();
        let lake = self.lake();
        let relation = Sight::new(caller, &lake).relation(&table.schema, &table.name);
        let Some(relation) = relation else {
            return Ok(());
        };
        let label = format!("{}.{}", table.schema, table.name);
        let named = Named {
            of: &relation,
            label: &label,
            column,
        };
        named.by_no_rule(caller)?;
        if granted_too {
            named.by_no_grant(caller)?;
        }
        Ok(())
    }

    fn table_of(&self, id: TableId) -> Result<Arc<Table>> {
        let state = self.lake();
        let table = state.table_of(id).cloned();
        table.ok_or_else(|| Error::not_found("the table does not exist any more"))
    }

    /// A column to be added. Rows that are there get the default as it is now.
    fn new_column(&self, column: &ColumnDef) -> Result<NewColumn> {
        let (schema, mut defaults) = durable_columns(self.state, one_column(column.clone()))?;
        let field = schema.field(0).clone();
        let default = defaults.remove(field.name());
        let initial = match &default {
            Some(default) => {
                let value =
                    constants::evaluate(self.state.session(), &default.expr, field.data_type())?;
                Some(value).filter(|value| !value.is_null())
            }
            None => None,
        };
        if !field.is_nullable() && initial.is_none() {
            return Err(Error::invalid(format!(
                "column '{}' is NOT NULL, so rows that are there need a value: add a DEFAULT",
                field.name()
            )));
        }
        Ok(NewColumn {
            field,
            default: default.map(|default| default.sql),
            initial,
        })
    }

    /// The text of a default that gives a value of the column's type.
    fn default_text(&self, table: &Table, column: &str, value: &ast::Expr) -> Result<String> {
        let expr = constants::plan(self.state.session(), value)?;
        if let Some(column) = table.column(column) {
            let cast = Cast::new(Box::new(expr), column.field.data_type().clone());
            with_deep_stack(|| {
                self.state
                    .session()
                    .create_physical_expr(Expr::Cast(cast), &DFSchema::empty())
                    .map(drop)
            })
            .map_err(|error| Error::from_datafusion(&error, "plan"))?;
        }
        Ok(with_deep_stack(|| value.to_string()))
    }

    async fn look_for_nulls(&self, table: &Table, column: &str, rest: &mut Rest) -> Result<()> {
        let already = table
            .column(column)
            .is_some_and(|column| !column.field.is_nullable());
        if already {
            return Ok(());
        }
        let snapshot = self.transaction.snapshot();
        let found = snapshot.table(&table.schema, &table.name).await;
        if let Some(rows) = found.map_err(translate)? {
            rest.look(rows, column.to_owned());
        }
        Ok(())
    }

    fn arrow_type(
        &self,
        column: &Ident,
        data_type: &DataType,
    ) -> Result<arrow::datatypes::DataType> {
        let column = ColumnDef {
            name: column.clone(),
            data_type: data_type.clone(),
            options: Vec::new(),
        };
        let (schema, _) = durable_columns(self.state, one_column(column))?;
        Ok(schema.field(0).data_type().clone())
    }
}

/// The name of a column that the table has.
pub(super) fn column_name(table: &Table, column: &Ident) -> Result<String> {
    let name = folded(column);
    if table.column(&name).is_some() {
        return Ok(name);
    }
    let known: Vec<_> = table
        .columns
        .iter()
        .map(|column| column.field.name().as_str())
        .collect();
    Err(Error::not_found(format!(
        "table '{}.{}' has no column '{name}'; it has {}",
        table.schema,
        table.name,
        known.join(", ")
    )))
}

/// A table's new name, which is in its schema.
fn new_name(table: &Table, to: &ObjectName) -> Result<String> {
    let to = reference(to)?;
    match to.schema() {
        Some(schema) if schema != table.schema => Err(Error::unsupported(format!(
            "RENAME TO another schema ('{schema}'): a table stays in its schema, '{}'",
            table.schema
        ))),
        _ => Ok(to.table().to_owned()),
    }
}

fn one_column(column: ColumnDef) -> ast::CreateTable {
    let name = ObjectName::from(vec![Ident::new("t")]);
    CreateTableBuilder::new(name).columns(vec![column]).build()
}
