//! `ALTER TABLE` of a durable table.

use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, DataType, DropBehavior, Expr,
    Ident, ObjectName, RenameTableNameKind,
};

use super::table::column_and_keys;
use super::{Define, refuse, unsupported};
use crate::check::has_query;
use crate::{Error, Result};

/// One change of a table.
#[derive(Debug)]
pub(crate) enum Alteration {
    /// Name, type, NULL or NOT NULL, DEFAULT.
    AddColumn {
        column: Box<ColumnDef>,
        if_not_exists: bool,
    },
    DropColumn {
        column: Ident,
        if_exists: bool,
    },
    RenameColumn {
        column: Ident,
        to: Ident,
    },
    Rename {
        to: ObjectName,
    },
    SetDefault {
        column: Ident,
        /// `None` drops it.
        value: Option<Box<Expr>>,
    },
    SetNotNull {
        column: Ident,
        not_null: bool,
    },
    SetType {
        column: Ident,
        data_type: DataType,
    },
}

pub(super) fn take(alter: &AlterTable) -> Result<Define> {
    let AlterTable {
        name,
        if_exists,
        only,
        operations,
        location,
        on_cluster,
        table_type,
        end_token: _,
    } = alter;
    refuse(
        *only || location.is_some() || on_cluster.is_some() || table_type.is_some(),
        "ALTER TABLE with ONLY, LOCATION, ON CLUSTER or a kind of table",
    )?;
    let mut alterations = Vec::new();
    for operation in operations {
        take_operation(operation, &mut alterations)?;
    }
    Ok(Define::AlterTable {
        name: name.clone(),
        if_exists: *if_exists,
        alterations,
    })
}

fn take_operation(operation: &AlterTableOperation, into: &mut Vec<Alteration>) -> Result<()> {
    match operation {
        AlterTableOperation::AddColumn {
            column_keyword: _,
            if_not_exists,
            column_def,
            column_position,
        } => {
            refuse(column_position.is_some(), "ADD COLUMN with FIRST or AFTER")?;
            let (column, keys) = column_and_keys(column_def)?;
            refuse(!keys.is_empty(), "ADD COLUMN with PRIMARY KEY or UNIQUE")?;
            into.push(Alteration::AddColumn {
                column: Box::new(column),
                if_not_exists: *if_not_exists,
            });
        }
        AlterTableOperation::DropColumn {
            has_column_keyword: _,
            column_names,
            if_exists,
            drop_behavior,
        } => {
            refuse(
                *drop_behavior == Some(DropBehavior::Cascade),
                "DROP COLUMN … CASCADE",
            )?;
            into.extend(column_names.iter().map(|column| Alteration::DropColumn {
                column: column.clone(),
                if_exists: *if_exists,
            }));
        }
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => into.push(Alteration::RenameColumn {
            column: old_column_name.clone(),
            to: new_column_name.clone(),
        }),
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::To(to) | RenameTableNameKind::As(to)) = table_name;
            into.push(Alteration::Rename { to: to.clone() });
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            into.push(alter_column(column_name, op)?);
        }
        AlterTableOperation::AddConstraint { .. } => {
            return Err(unsupported(
                "ALTER TABLE … ADD a constraint (keys are declared by CREATE TABLE)",
            ));
        }
        other => return Err(unsupported(&format!("ALTER TABLE … {other}"))),
    }
    Ok(())
}

fn alter_column(column: &Ident, operation: &AlterColumnOperation) -> Result<Alteration> {
    let column = column.clone();
    Ok(match operation {
        AlterColumnOperation::SetNotNull => Alteration::SetNotNull {
            column,
            not_null: true,
        },
        AlterColumnOperation::DropNotNull => Alteration::SetNotNull {
            column,
            not_null: false,
        },
        AlterColumnOperation::SetDefault { value } => {
            refuse(has_query(value), "a query in a DEFAULT")?;
            Alteration::SetDefault {
                column,
                value: Some(Box::new(value.clone())),
            }
        }
        AlterColumnOperation::DropDefault => Alteration::SetDefault {
            column,
            value: None,
        },
        AlterColumnOperation::SetDataType {
            data_type,
            using,
            had_set: _,
        } => {
            if using.is_some() {
                return Err(Error::unsupported(
                    "ALTER COLUMN … TYPE … USING is not supported; a type becomes a wider one that keeps every value, and \
                     other conversions are an UPDATE of a new column",
                ));
            }
            Alteration::SetType {
                column,
                data_type: data_type.clone(),
            }
        }
        AlterColumnOperation::AddGenerated { .. } => {
            return Err(unsupported("ALTER COLUMN … ADD GENERATED"));
        }
    })
}
