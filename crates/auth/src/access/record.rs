use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ObjectKey, Privilege, Scope};

/// What is kept, one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// A user that SQL made, or the roles of one that the configuration names.
    User(StoredUser),
    /// A role.
    Role(Role),
    /// What one grantee may do with one object.
    Grant(Grant),
    /// Which rows of a table a role sees.
    Policy(Policy),
    /// What a role sees in place of a column's values.
    Mask(Mask),
    /// Tokens that are no longer good.
    Revocation(Revocation),
}

/// What tells one record from another: its text is the key that it is kept under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(String);

/// A user. Times are seconds since 1970.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredUser {
    /// The name.
    pub name: String,
    /// The Argon2id hash of the password; `None` for a user who cannot log in with one, or whose password the
    /// configuration has.
    pub password_hash: Option<String>,
    /// The hash of the password before, good until `previous_until`, so that clients can be changed one by one.
    #[serde(default)]
    pub previous_hash: Option<String>,
    /// When the password before stops being good.
    #[serde(default)]
    pub previous_until: Option<u64>,
    /// Whether the user may log in at all.
    pub enabled: bool,
    /// When the user stops being able to log in.
    #[serde(default)]
    pub valid_until: Option<u64>,
    /// The roles granted to the user.
    #[serde(default)]
    pub roles: BTreeSet<String>,
}

/// A role, and the roles granted to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The name.
    pub name: String,
    /// The roles granted to it.
    #[serde(default)]
    pub roles: BTreeSet<String>,
}

/// Who something is granted to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// A role.
    Role(String),
    /// A user.
    User(String),
}

/// What one grantee may do with one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who may.
    pub grantee: Grantee,
    /// With what.
    pub scope: Scope,
    /// What: each with the columns that it is for, or `None` for the whole object.
    pub privileges: BTreeMap<Privilege, Option<BTreeSet<String>>>,
}

/// Which rows of a table a role sees and may write. A table with policies shows a caller the rows that at least one of
/// the caller's policies lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The name, once a table.
    pub name: String,
    /// The table.
    pub table: ObjectKey,
    /// Whom it is for.
    pub to: Grantee,
    /// A condition over the table's columns, as SQL.
    pub using: String,
}

/// What a role sees in place of a column's values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// The name, once a table.
    pub name: String,
    /// The table.
    pub table: ObjectKey,
    /// The column.
    pub column: String,
    /// Whom it is for.
    pub to: Grantee,
    /// An expression over the table's columns, as SQL; its type is cast to the column's.
    pub using: String,
}

/// Tokens that are no longer good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Which.
    pub revoked: Revoked,
    /// Tokens issued before this are meant; seconds since 1970.
    pub before: u64,
    /// When the last of them would have expired by itself, so that this can be forgotten; seconds since 1970.
    pub until: u64,
}

/// Which tokens are revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Revoked {
    /// All of a user.
    User(String),
    /// One, by its id.
    Token(String),
}

impl Record {
    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        match self {
            Self::User(user) => RecordKey::user(&user.name),
            Self::Role(role) => RecordKey::role(&role.name),
            Self::Grant(grant) => RecordKey::grant(&grant.grantee, &grant.scope),
            Self::Policy(policy) => RecordKey::policy(&policy.table, &policy.name),
            Self::Mask(mask) => RecordKey::mask(&mask.table, &mask.name),
            Self::Revocation(revocation) => RecordKey::revocation(&revocation.revoked),
        }
    }
}

impl RecordKey {
    /// Of a user.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self(format!("user/{name}"))
    }

    /// Of a role.
    #[must_use]
    pub fn role(name: &str) -> Self {
        Self(format!("role/{name}"))
    }

    /// Of what a grantee may do with an object.
    #[must_use]
    pub fn grant(grantee: &Grantee, scope: &Scope) -> Self {
        let scope = match scope {
            Scope::Catalog => "catalog".to_owned(),
            Scope::Schema(key) => format!("schema/{}", key.as_str()),
            Scope::Relation(key) => format!("relation/{}", key.as_str()),
            Scope::Future { schema, .. } => format!("future/{}", schema.as_str()),
        };
        Self(format!("grant/{scope}/{grantee}"))
    }

    /// Of a row policy.
    #[must_use]
    pub fn policy(table: &ObjectKey, name: &str) -> Self {
        Self(format!("policy/{}/{name}", table.as_str()))
    }

    /// Of a column mask.
    #[must_use]
    pub fn mask(table: &ObjectKey, name: &str) -> Self {
        Self(format!("mask/{}/{name}", table.as_str()))
    }

    /// Of a revocation.
    #[must_use]
    pub fn revocation(revoked: &Revoked) -> Self {
        match revoked {
            Revoked::User(user) => Self(format!("revoked/user/{user}")),
            Revoked::Token(id) => Self(format!("revoked/token/{id}")),
        }
    }

    /// As it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(name) => write!(f, "role/{name}"),
            Self::User(name) => write!(f, "user/{name}"),
        }
    }
}

/// Without the hashes.
impl fmt::Debug for StoredUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredUser")
            .field("name", &self.name)
            .field("enabled", &self.enabled)
            .field("valid_until", &self.valid_until)
            .field("roles", &self.roles)
            .finish_non_exhaustive()
    }
}
