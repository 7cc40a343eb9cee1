//! What exists for the caller of a statement, and what the caller may do with it.
//!
//! What a caller may not see is not there: it is found by no name, listed nowhere, and offered by no message. What is seen
//! and not allowed is refused by name.

use std::collections::BTreeSet;

use godwit_auth::access::{Authority, Columns, ObjectKey, Privilege, Relation, SchemaObject};
use godwit_catalog::{SYSTEM, Seen, Shown, TEMP};
use godwit_lake::{Schema, State as LakeState};

use crate::names::INFORMATION_SCHEMA;
use crate::{Error, Result};

mod guarded;
mod naming;
mod policies;

pub(crate) use guarded::Guarded;
pub(crate) use naming::Named;
pub(crate) use policies::{RowCheck, Rules};

/// What one caller may do with what one statement sees.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    authority: &'a Authority,
    /// `None` while the lake does not answer: nothing of it is found then.
    lake: Option<&'a LakeState>,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(authority: &'a Authority, lake: &'a LakeState) -> Self {
        Self {
            authority,
            lake: Some(lake),
        }
    }

    /// The same of what a statement sees.
    pub(crate) fn of(authority: &'a Authority, seen: &'a Seen) -> Self {
        let lake = seen.lake().ok();
        Self {
            authority,
            lake: lake.map(|lake| lake.state().as_ref()),
        }
    }

    /// Whether a schema of that name would exist, if there is one.
    pub(crate) fn sees_schema(&self, name: &str) -> bool {
        let schema = self.schema(name);
        is_open(name)
            || self.authority.uses(&schema)
            || self.authority.makes_in(&schema)
            || self.authority.drops_schema(&schema)
    }

    /// Whether a table or view of that name would exist, if there is one.
    pub(crate) fn sees(&self, schema: &str, name: &str) -> bool {
        let relation = self.relation(schema, name);
        relation.is_none_or(|relation| self.authority.sees(&relation))
    }

    /// For which columns something is allowed.
    pub(crate) fn columns(&self, privilege: Privilege, schema: &str, name: &str) -> Columns {
        let relation = self.relation(schema, name);
        relation.map_or(Columns::All, |relation| {
            self.authority.columns(privilege, &relation)
        })
    }

    /// The columns that exist: something may be done with them.
    pub(crate) fn known_columns(&self, schema: &str, name: &str) -> Columns {
        let mut known = BTreeSet::new();
        for privilege in Privilege::ALL {
            if !privilege.takes_columns() {
                continue;
            }
            match self.columns(privilege, schema, name) {
                Columns::All => return Columns::All,
                Columns::Only(columns) => known.extend(columns),
                Columns::None => {}
            }
        }
        Columns::Only(known)
    }

    /// Whether policies hide some of a table's rows.
    pub(crate) fn hides_rows(&self, schema: &str, name: &str) -> bool {
        let relation = self.relation(schema, name);
        relation.is_some_and(|relation| self.authority.restriction(&relation).policies.is_some())
    }

    /// Whether something may be done with the whole of a table or view.
    ///
    /// # Errors
    /// [`Error::Denied`] when not.
    pub(crate) fn require(&self, privilege: Privilege, schema: &str, name: &str) -> Result<()> {
        if self.columns(privilege, schema, name) == Columns::All {
            return Ok(());
        }
        Err(denied(
            self.authority,
            &format!("{privilege} {schema}.{name}"),
        ))
    }

    /// Whether something may be done with these columns, all of them when none are named. One that does not exist is
    /// refused as one that is not allowed.
    ///
    /// # Errors
    /// [`Error::Denied`], naming the first that it may not be done with.
    pub(crate) fn require_columns<'c>(
        &self,
        privilege: Privilege,
        (schema, name): (&str, &str),
        mut columns: impl Iterator<Item = &'c str>,
    ) -> Result<()> {
        let allowed = match self.columns(privilege, schema, name) {
            Columns::All => return Ok(()),
            Columns::None => return self.require(privilege, schema, name),
            Columns::Only(allowed) => allowed,
        };
        let mut some = false;
        let refused = columns.find(|column| {
            some = true;
            !allowed.contains(*column)
        });
        match refused {
            Some(column) => Err(denied(
                self.authority,
                &format!("{privilege} column \"{column}\" of {schema}.{name}"),
            )),
            None if some => Ok(()),
            None => Err(denied(
                self.authority,
                &format!("{privilege} all columns of {schema}.{name}; name those that are meant"),
            )),
        }
    }

    /// Whether tables and views may be made in a schema.
    ///
    /// # Errors
    /// [`Error::Denied`] when not.
    pub(crate) fn require_make(&self, schema: &str) -> Result<()> {
        if is_open(schema) || self.authority.makes_in(&self.schema(schema)) {
            return Ok(());
        }
        Err(denied(
            self.authority,
            &format!("{} in schema {schema}", Privilege::Create),
        ))
    }

    /// Whether a schema may be changed and removed.
    ///
    /// # Errors
    /// [`Error::Denied`] when not.
    pub(crate) fn require_drop_schema(&self, schema: &str) -> Result<()> {
        if self.authority.drops_schema(&self.schema(schema)) {
            return Ok(());
        }
        Err(denied(
            self.authority,
            &format!("{} schema {schema}", Privilege::Drop),
        ))
    }

    /// A table or view, as what decides about it needs it; `None` when it is open to all.
    pub(crate) fn relation(&self, schema: &str, name: &str) -> Option<Relation> {
        if is_open(schema) {
            return None;
        }
        let found = self.lake.and_then(|lake| lake.schemas.get(schema));
        let (key, owner) = found
            .and_then(|found| durable(found, name))
            .unwrap_or_else(|| (ObjectKey::named(&format!("{schema}.{name}")), None));
        Some(Relation {
            schema: self.schema(schema),
            key,
            owner,
        })
    }

    fn schema(&self, name: &str) -> SchemaObject {
        match self.lake.and_then(|lake| lake.schemas.get(name)) {
            Some(schema) => SchemaObject {
                key: ObjectKey::durable(schema.id.0),
                owner: schema.owner.clone(),
            },
            None => SchemaObject {
                key: ObjectKey::named(name),
                owner: None,
            },
        }
    }
}

/// What a table or view of the lake is called for good, and who made it.
fn durable(schema: &Schema, name: &str) -> Option<(ObjectKey, Option<String>)> {
    let table = schema.tables.get(name);
    let table = table.map(|table| (table.known_by().0, table.owner.clone()));
    let view = || {
        schema
            .views
            .get(name)
            .map(|view| (view.id.0, view.owner.clone()))
    };
    let (id, owner) = table.or_else(view)?;
    Some((ObjectKey::durable(id), owner))
}

/// Whether everybody uses a schema: what is in it is the caller's own, or told to each caller apart.
fn is_open(schema: &str) -> bool {
    [TEMP, SYSTEM, INFORMATION_SCHEMA].contains(&schema)
}

/// What is said to one who may not do something.
pub(crate) fn denied(authority: &Authority, what: &str) -> Error {
    Error::Denied {
        message: format!("user \"{}\" may not {what}", authority.user()),
    }
}

/// Whether two callers are one, and may do the same.
pub(crate) fn is_same(one: &Authority, other: &Authority) -> bool {
    one.user() == other.user()
        && one.access().version() == other.access().version()
        && one.roles().eq(other.roles())
}

/// What `information_schema` tells a caller.
#[derive(Debug)]
pub(crate) struct ShownTo {
    pub(crate) authority: std::sync::Arc<Authority>,
    pub(crate) lake: Option<std::sync::Arc<LakeState>>,
}

impl ShownTo {
    fn sight(&self) -> Sight<'_> {
        Sight {
            authority: &self.authority,
            lake: self.lake.as_deref(),
        }
    }
}

impl Shown for ShownTo {
    fn schema(&self, schema: &str) -> bool {
        self.sight().sees_schema(schema)
    }

    fn table(&self, schema: &str, table: &str) -> bool {
        self.sight().sees(schema, table)
    }

    fn columns(&self, schema: &str, table: &str) -> Option<BTreeSet<String>> {
        match self.sight().known_columns(schema, table) {
            Columns::All => None,
            Columns::Only(columns) => Some(columns),
            Columns::None => Some(BTreeSet::new()),
        }
    }
}
