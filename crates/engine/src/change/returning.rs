//! What `RETURNING` lists.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::target::Changed;
use super::tree;
use crate::check::folded;
use crate::deep::with_deep_stack;
use crate::plan::Plan;
use crate::{Error, Result};

/// The list, written out.
#[derive(Debug, Default)]
pub(super) struct Returning {
    names: Vec<String>,
    items: Vec<Expr>,
}

impl Returning {
    /// Expands stars and finds names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a star of another table or with options.
    pub(super) fn new(changed: &Changed, listed: Vec<SelectItem>) -> Result<Self> {
        let mut returning = Self::default();
        for item in listed {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    returning.names.push(name_of(&expr));
                    returning.items.push(expr);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    returning.names.push(folded(&alias));
                    returning.items.push(expr);
                }
                SelectItem::Wildcard(options) if is_plain(&options) => returning.add_all(changed),
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) if is_plain(&options) && is_of(changed, &name) => returning.add_all(changed),
                other => {
                    return Err(Error::unsupported(format!(
                        "'{other}' in RETURNING is not supported; it takes *, and expressions over the columns of '{}'",
                        changed.target.label()
                    )));
                }
            }
        }
        Ok(returning)
    }

    /// Whether anything is listed.
    pub(super) fn is_there(&self) -> bool {
        !self.items.is_empty()
    }

    /// The query that gives the expressions over the changed table; `None` when nothing is listed.
    pub(super) fn tree(&self, changed: &Changed) -> Result<Option<Tree>> {
        if self.items.is_empty() {
            return Ok(None);
        }
        let from = vec![tree::from(changed.factor())];
        tree::select(None, self.items.clone(), from, None).map(Some)
    }

    /// The schema of what is returned: the last columns of the plan. `None` when nothing is listed.
    pub(super) fn schema(&self, plan: &Plan) -> Option<SchemaRef> {
        let fields = plan.schema.fields();
        let first = fields.len().checked_sub(self.names.len())?;
        let named = fields.iter().skip(first).zip(&self.names);
        let named = named.map(|(field, name)| Field::clone(field).with_name(name));
        let schema = Schema::new(named.collect::<Vec<_>>());
        (!self.names.is_empty()).then(|| Arc::new(schema))
    }

    fn add_all(&mut self, changed: &Changed) {
        for field in changed.target.schema().fields() {
            self.names.push(field.name().clone());
            self.items.push(changed.column(field.name()));
        }
    }
}

/// What a column of the result is called: as the column or function that it is, or by its text.
fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded).unwrap_or_default(),
        Expr::Nested(expr) => name_of(expr),
        expr => with_deep_stack(|| expr.to_string()),
    }
}

fn is_plain(options: &WildcardAdditionalOptions) -> bool {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none()
}

fn is_of(changed: &Changed, name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident()).map(folded);
    let qualifier = changed.qualifier();
    last.as_deref() == Some(qualifier.table())
}
