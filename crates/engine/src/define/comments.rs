//! `COMMENT ON`.

use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::access::Privilege;
use godwit_catalog::CATALOG;
use godwit_lake::{Commented, Definition};

use super::alter::column_name;
use super::places::{Found, fixed};
use super::{Defining, Rest};
use crate::check::CommentOn;
use crate::{Error, Result};

impl Defining<'_> {
    pub(super) async fn comment(
        &self,
        on: CommentOn,
        name: &ObjectName,
        if_exists: bool,
        text: Option<String>,
    ) -> Result<Rest> {
        match self.commented(on, name).await {
            Ok(on) => self.apply(Definition::Comment { on, text })?,
            Err(Error::NotFound { .. }) if if_exists => {}
            Err(error) => return Err(error),
        }
        Ok(Rest::default())
    }

    async fn commented(&self, on: CommentOn, name: &ObjectName) -> Result<Commented> {
        Ok(match on {
            CommentOn::Schema => {
                let name = self.schema_name(name)?;
                if self.sees_schema(&name) && self.is_fixed(&name) {
                    return Err(fixed(&name));
                }
                if !self.sees_schema(&name) || !self.lake().schemas.contains_key(&name) {
                    return Err(Error::not_found(format!(
                        "schema '{name}' does not exist in catalog {CATALOG}"
                    )));
                }
                self.allowed(|sight| sight.require_drop_schema(&name))?;
                Commented::Schema(name)
            }
            CommentOn::Table => Commented::Table(self.table("COMMENT ON TABLE", name).await?.id),
            CommentOn::View => match self.find(name).await? {
                Found::View(view) => {
                    self.allowed(|sight| sight.require(Privilege::Drop, &view.schema, &view.name))?;
                    Commented::View(view.schema.clone(), view.name.clone())
                }
                Found::Nothing(error) => return Err(error),
                Found::Table(_) | Found::Temporary(_) | Found::Fixed { .. } => {
                    return Err(Error::invalid(format!(
                        "COMMENT ON VIEW: '{name}' is a table, not a view"
                    )));
                }
            },
            CommentOn::Column => {
                let mut table = name.clone();
                let column = table.0.pop();
                let column = column.as_ref().and_then(|part| part.as_ident());
                let (Some(column), false) = (column, table.0.is_empty()) else {
                    return Err(Error::invalid(
                        "COMMENT ON COLUMN takes table.column or schema.table.column",
                    ));
                };
                let table = self.table("COMMENT ON COLUMN", &table).await?;
                let column = column_name(&table, column)?;
                Commented::Column(table.id, column)
            }
        })
    }
}
