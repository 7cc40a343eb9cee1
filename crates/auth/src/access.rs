//! Who may do what: users, roles, grants, row policies and column masks.
//!
//! [`Access`] is all of it at one version and never changes; [`Authority`] is what it means for one caller. Names of
//! privileges and their rules are PostgreSQL's where it has them ("Privileges" and "Row Security Policies" in the
//! chapter "Data Definition" of its manual).

use std::fmt;

use serde::{Deserialize, Serialize};

mod authority;
mod record;
mod state;

pub use authority::{Authority, Columns, Restriction};
pub use record::{
    Grant, Grantee, Mask, Policy, Record, RecordKey, Revocation, Revoked, Role, StoredUser,
};
pub use state::Access;

/// The role that may do everything. It is always there.
pub const ADMIN: &str = "admin";
/// The role that everyone has. It is always there.
pub const PUBLIC: &str = "public";
/// The role whose members read files of the server, within the locations of `copy.allowed`. It is always there.
pub const READ_FILES: &str = "read_server_files";
/// The role whose members write files of the server, within the locations of `copy.allowed`. It is always there.
pub const WRITE_FILES: &str = "write_server_files";

/// The roles that are always there.
pub const BUILT_IN: [&str; 4] = [ADMIN, PUBLIC, READ_FILES, WRITE_FILES];

/// What a schema, table or view is called for good: it survives a rename, and is not given to a successor of the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

/// What can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Privilege {
    /// Of the catalog or a schema: to name what is in it.
    Usage,
    /// Of the catalog: to make schemas. Of a schema: to make tables and views in it.
    Create,
    /// Of a table or view, or of some of its columns: to read it.
    Select,
    /// Of a table or some of its columns: to add rows.
    Insert,
    /// Of a table or some of its columns: to change rows.
    Update,
    /// Of a table: to remove rows, and to truncate it.
    Delete,
    /// Of a table, view or schema: to change its definition, and to remove it.
    Drop,
}

/// What a grant is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The whole catalog: `USAGE` of it is usage of all its schemas.
    Catalog,
    /// A schema.
    Schema(ObjectKey),
    /// A table or view.
    Relation(ObjectKey),
    /// The tables and views that a schema gets from now on: durable ones whose number is at least `since`, and all
    /// that have no number.
    Future {
        /// The schema.
        schema: ObjectKey,
        /// The first number.
        since: i64,
    },
}

/// A schema, as what decides about it needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaObject {
    /// What it is called for good.
    pub key: ObjectKey,
    /// The user who made it.
    pub owner: Option<String>,
}

/// A table or view, as what decides about it needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Where it is.
    pub schema: SchemaObject,
    /// What it is called for good.
    pub key: ObjectKey,
    /// The user who made it.
    pub owner: Option<String>,
}

impl ObjectKey {
    /// Of a schema, table or view of the lake: its number there.
    #[must_use]
    pub fn durable(id: i64) -> Self {
        Self(format!("lake:{id}"))
    }

    /// Of what the configuration names: the schema `files`, the table `files.people`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(format!("name:{name}"))
    }

    /// The number in the lake.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        self.0.strip_prefix("lake:")?.parse().ok()
    }

    /// The name, of what has no number.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.strip_prefix("name:")
    }

    /// As it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Privilege {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Usage,
        Self::Create,
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Drop,
    ];

    /// As SQL spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Usage => "USAGE",
            Self::Create => "CREATE",
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Drop => "DROP",
        }
    }

    /// Whether it can be granted for some columns only.
    #[must_use]
    pub fn takes_columns(self) -> bool {
        matches!(self, Self::Select | Self::Insert | Self::Update)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
