//! `CREATE VIEW` and `DROP VIEW`.

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement};
use godwit_auth::access::Privilege;
use godwit_lake::{Definition, View, ViewId};

use super::places::{Found, unchangeable};
use super::{Defining, Rest, folded};
use crate::check;
use crate::deep::with_deep_stack;
use crate::names::GODWIT;
use crate::parse::parse;
use crate::{Error, Result};

/// A view to be made.
pub(super) struct NewView<'a> {
    pub(super) or_replace: bool,
    pub(super) if_not_exists: bool,
    pub(super) columns: &'a [Ident],
    pub(super) query: &'a Query,
}

impl Defining<'_> {
    pub(super) async fn create_view(&self, name: &ObjectName, new: NewView<'_>) -> Result<Rest> {
        if !self.parameters.is_empty() {
            return Err(Error::invalid("a view takes no parameters"));
        }
        let (schema, name) = self.place(name)?;
        let state = self.lake();
        if state.table(&schema, &name).is_some() && !new.if_not_exists {
            return Err(Error::AlreadyExists {
                message: format!("'{schema}.{name}' exists already, and is a table"),
            });
        }
        let there = state.view(&schema, &name).is_some() || state.table(&schema, &name).is_some();
        if there && !new.or_replace && !new.if_not_exists {
            return Err(Error::AlreadyExists {
                message: format!("view '{schema}.{name}' exists already"),
            });
        }
        if there && new.or_replace {
            self.allowed(|sight| sight.require(Privilege::Drop, &schema, &name))?;
        }
        self.refuse_temporary(new.query)?;
        let view = View {
            id: ViewId(0),
            schema,
            name,
            sql: self.text_of(new.query)?,
            dialect: GODWIT.to_owned(),
            aliases: new.columns.iter().map(folded).collect(),
            comment: None,
            owner: None,
        };
        let seen = self.seen();
        self.planner.lookup(self.state, &seen).view(&view).await?;
        if there && new.if_not_exists {
            return Ok(Rest::default());
        }
        self.apply(Definition::CreateView {
            schema: view.schema,
            name: view.name,
            sql: view.sql,
            aliases: view.aliases,
            replace: new.or_replace,
        })?;
        Ok(Rest::default())
    }

    pub(super) async fn drop_views(&self, names: &[ObjectName], if_exists: bool) -> Result<Rest> {
        for name in names {
            let view = match self.find(name).await? {
                Found::View(view) => view,
                Found::Nothing(Error::NotFound { .. }) if if_exists => continue,
                Found::Nothing(error) => return Err(error),
                Found::Fixed { schema, name } => {
                    return Err(unchangeable("DROP VIEW", &schema, &name));
                }
                Found::Table(_) | Found::Temporary(_) => {
                    return Err(Error::invalid(format!(
                        "DROP VIEW: '{name}' is a table, not a view"
                    )));
                }
            };
            self.allowed(|sight| sight.require(Privilege::Drop, &view.schema, &view.name))?;
            self.apply(Definition::DropView {
                schema: view.schema.clone(),
                name: view.name.clone(),
            })?;
        }
        Ok(Rest::default())
    }

    /// A view means the same to every session, so it cannot read what only this one has.
    fn refuse_temporary(&self, query: &Query) -> Result<()> {
        let tree = Tree::Statement(Box::new(Statement::Query(Box::new(query.clone()))));
        let names = check::mentioned(&tree, self.planner.limits.max_tables())?;
        with_deep_stack(|| drop(tree));
        let is_temporary = |name: &datafusion::common::TableReference| match name.schema() {
            Some(schema) => schema == godwit_catalog::TEMP,
            None => {
                !names.defined.contains(name.table()) && self.temporary.get(name.table()).is_some()
            }
        };
        match names.tables.iter().find(|name| is_temporary(name)) {
            Some(name) => Err(Error::invalid(format!(
                "the view would read the temporary table '{name}', which only this session has"
            ))),
            None => Ok(()),
        }
    }

    /// The text that the view is kept as; it reads as what was written.
    fn text_of(&self, query: &Query) -> Result<String> {
        let text = with_deep_stack(|| query.to_string());
        let read = parse(&text, self.planner.limits)?;
        let same = with_deep_stack(|| {
            let same = matches!(&read.tree, Tree::Statement(statement)
                if matches!(statement.as_ref(), Statement::Query(again) if **again == *query));
            drop(read);
            same
        });
        if same {
            return Ok(text);
        }
        Err(Error::unsupported(
            "the query of the view reads differently once it is written out, so it cannot be kept",
        ))
    }
}
