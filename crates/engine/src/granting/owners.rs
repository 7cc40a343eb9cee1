//! `ALTER … OWNER TO`.

use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_lake::{Definition, Owned};

use super::grantees::user;
use super::objects::Kind;
use super::{Asking, Settled};
use crate::check::UserName;
use crate::inner::Inner;
use crate::{Error, Result};

impl Asking<'_> {
    /// Whose a schema, table or view is to be: its owner and `admin` may say so.
    pub(super) async fn owner(
        &self,
        is_schema: bool,
        name: &ObjectName,
        to: &UserName,
    ) -> Result<Settled> {
        let of = if is_schema {
            let (schema, object) = self.schema(name)?;
            if !self.authority.owns_schema(&object) {
                return Err(self.not_owner(&format!("schema '{schema}'")));
            }
            if !self.lake().schemas.contains_key(&schema) {
                return Err(Error::ReadOnly {
                    message: format!("schema '{schema}' shows files and belongs to nobody"),
                });
            }
            Owned::Schema(schema)
        } else {
            let object = self.object(name).await?;
            if !self.authority.owns_relation(&object.relation) {
                return Err(self.not_owner(&object.shown()));
            }
            match (object.kind, object.relation.key.id()) {
                (Kind::Table, Some(id)) => Owned::Table(godwit_lake::TableId(id)),
                (Kind::View, _) => Owned::View(object.schema, object.name),
                (Kind::Table | Kind::Mount, _) => {
                    return Err(Error::ReadOnly {
                        message: format!("{} is a file and belongs to nobody", object.shown()),
                    });
                }
            }
        };
        let to = user(&self.inner.directory.current(), &self.named(to))?;
        Ok(Settled::Owner(of, to))
    }

    fn not_owner(&self, what: &str) -> Error {
        self.denied(&format!(
            "give {what} away: only its owner and members of the role 'admin' may"
        ))
    }
}

impl Inner {
    /// Gives something to a user, in a commit of its own.
    pub(super) async fn set_owner(&self, of: Owned, owner: String) -> Result<()> {
        let mut left = self.commit_retries;
        loop {
            let transaction = self.lake.begin().await.map_err(translate)?;
            let (of, owner) = (of.clone(), owner.clone());
            let definition = Definition::SetOwner { of, owner };
            transaction.define(definition).map_err(translate)?;
            match transaction.commit().await.map_err(translate) {
                Err(Error::Aborted { .. }) if left > 0 => left -= 1,
                done => return done.map(|_| ()),
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn translate(error: godwit_lake::Error) -> Error {
    Error::from_lake(&error, "define")
}
