//! `DELETE`, `UPDATE` and `TRUNCATE`.

use datafusion::sql::sqlparser::ast::{
    Delete, FromTable, TableFactor, TableWithJoins, Truncate, Update, UpdateTableFromKind, With,
};

use super::{Change, assigned, names_of, plain_table, refuse, returned, unsupported};
use crate::Result;

pub(super) fn truncate(truncate: &Truncate) -> Result<Change> {
    let Truncate {
        table_names,
        partitions,
        table: _,
        if_exists,
        identity,
        cascade,
        on_cluster,
    } = truncate;
    let [table] = table_names.as_slice() else {
        return Err(unsupported("TRUNCATE of several tables"));
    };
    refuse(
        partitions.is_some()
            || *if_exists
            || identity.is_some()
            || cascade.is_some()
            || on_cluster.is_some()
            || table.only
            || table.has_asterisk,
        "TRUNCATE with more than a table",
    )?;
    Ok(Change::Truncate {
        table: table.name.clone(),
    })
}

pub(super) fn delete(with: Option<&With>, delete: &Delete) -> Result<Change> {
    let Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from,
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
    } = delete;
    refuse(
        !tables.is_empty(),
        "DELETE with tables before FROM (write DELETE FROM … USING)",
    )?;
    refuse(
        !order_by.is_empty() || limit.is_some(),
        "DELETE with ORDER BY or LIMIT",
    )?;
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
    let [table] = from.as_slice() else {
        return Err(unsupported("DELETE from several tables"));
    };
    Ok(Change::Delete {
        with: with.cloned(),
        table: changed(table, "DELETE", "USING")?,
        using: using.clone().unwrap_or_default(),
        selection: selection.clone(),
        returning: returned(returning.as_ref(), output.as_ref())?,
    })
}

pub(super) fn update(with: Option<&With>, update: &Update) -> Result<Change> {
    let Update {
        update_token: _,
        optimizer_hints: _,
        table,
        assignments,
        from,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
    } = update;
    refuse(
        or.is_some() || !order_by.is_empty() || limit.is_some(),
        "UPDATE with OR, ORDER BY or LIMIT",
    )?;
    let table = changed(table, "UPDATE", "FROM")?;
    let (name, alias) = names_of(&table)?;
    let assignments = assigned(name, alias, assignments)?;
    Ok(Change::Update {
        with: with.cloned(),
        assignments,
        table,
        from: match from {
            None => Vec::new(),
            Some(
                UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables),
            ) => tables.clone(),
        },
        selection: selection.clone(),
        returning: returned(returning.as_ref(), output.as_ref())?,
    })
}

fn changed(table: &TableWithJoins, verb: &str, clause: &str) -> Result<TableFactor> {
    refuse(
        !table.joins.is_empty(),
        &format!("{verb} of a join (write {verb} … {clause})"),
    )?;
    plain_table(&table.relation, verb)
}
