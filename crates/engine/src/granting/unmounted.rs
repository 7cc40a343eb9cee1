//! What is still granted on files, or hides their rows, that the configuration mounts no more. It counts again for whatever is
//! mounted under the same name, so that an administrator can take it away before.

use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::access::{Access, ObjectKey, Relation, SchemaObject, Scope};
use godwit_catalog::{CATALOG, FILES};

use super::Asking;
use super::objects::{Kind, Object};
use crate::check::folded;
use crate::{Error, Result};

impl Asking<'_> {
    /// A table or view by its name, also a file that is mounted no more.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub(super) async fn object_or_unmounted(&self, name: &ObjectName) -> Result<Object> {
        match self.object(name).await {
            Err(missing @ Error::NotFound { .. }) => self.unmounted(name).ok_or(missing),
            found => found,
        }
    }

    /// A schema by its name, also one of files that are mounted no more.
    ///
    /// # Errors
    /// As [`Self::schema`].
    pub(super) fn schema_or_unmounted(&self, name: &ObjectName) -> Result<(String, SchemaObject)> {
        match self.schema(name) {
            Err(missing @ Error::NotFound { .. }) => self.unmounted_schema(name).ok_or(missing),
            found => found,
        }
    }

    fn unmounted(&self, name: &ObjectName) -> Option<Object> {
        let reference = object_name_to_table_reference(name.clone(), true).ok()?;
        if !self.authority.is_admin() || reference.catalog().is_some_and(|name| name != CATALOG) {
            return None;
        }
        let schema = reference.schema().unwrap_or(FILES).to_owned();
        let name = reference.table().to_owned();
        let key = ObjectKey::named(&format!("{schema}.{name}"));
        let access = self.inner.directory.current();
        let scope = Scope::Relation(key.clone());
        let is_known = access.grants_on(&scope).next().is_some()
            || access.policies_of(&key).next().is_some()
            || access.masks_of(&key).next().is_some();
        is_known.then(|| Object {
            relation: Relation {
                schema: fixed(&schema),
                key,
                owner: None,
            },
            columns: Some(granted_columns(&access, &scope)),
            kind: Kind::Mount,
            schema,
            name,
        })
    }

    fn unmounted_schema(&self, name: &ObjectName) -> Option<(String, SchemaObject)> {
        let schema = folded(name.0.last()?.as_ident()?);
        let object = fixed(&schema);
        let access = self.inner.directory.current();
        let is_known = access.grants().any(|grant| match &grant.scope {
            Scope::Schema(key) | Scope::Future { schema: key, .. } => *key == object.key,
            Scope::Catalog | Scope::Relation(_) => false,
        });
        (self.authority.is_admin() && is_known).then_some((schema, object))
    }
}

fn fixed(schema: &str) -> SchemaObject {
    SchemaObject {
        key: ObjectKey::named(schema),
        owner: None,
    }
}

/// The columns that something is granted on.
fn granted_columns(access: &Access, scope: &Scope) -> Vec<String> {
    let privileges = access.grants_on(scope).flat_map(|grant| &grant.privileges);
    let columns = privileges.filter_map(|(_, columns)| columns.as_ref());
    columns.flatten().cloned().collect()
}
