//! Statements about users, roles, grants, policies and masks.
//!
//! They are taken from the tokens: the parser of the query engine knows half of them, in other forms, and its messages
//! quote passwords.

use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName};
use datafusion::sql::sqlparser::tokenizer::TokenWithSpan;
use godwit_auth::access::Privilege;
use godwit_config::Secret;

use crate::Result;
use crate::parse::Limits;

mod cursor;
mod grants;
mod rules;
mod users;

use cursor::Cursor;

/// A statement about who may do what, as written.
#[derive(Debug, Clone)]
pub(crate) enum Access {
    /// `CREATE ROLE`
    CreateRole { name: String, if_not_exists: bool },
    /// `DROP ROLE`
    DropRole { name: String, if_exists: bool },
    /// `CREATE USER`
    CreateUser {
        name: String,
        if_not_exists: bool,
        options: UserOptions,
    },
    /// `ALTER USER`
    AlterUser {
        name: UserName,
        options: UserOptions,
    },
    /// `DROP USER`
    DropUser { name: String, if_exists: bool },
    /// `GRANT role TO …`
    GrantRoles {
        roles: Vec<String>,
        to: Vec<GranteeName>,
    },
    /// `REVOKE role FROM …`
    RevokeRoles {
        roles: Vec<String>,
        from: Vec<GranteeName>,
    },
    /// `GRANT … ON … TO …`
    Grant {
        rights: Rights,
        on: Target,
        to: Vec<GranteeName>,
    },
    /// `REVOKE … ON … FROM …`
    Revoke {
        rights: Rights,
        on: Target,
        from: Vec<GranteeName>,
    },
    /// `CREATE POLICY` and `CREATE MASK`
    CreateRule(Box<Rule>),
    /// `DROP POLICY` and `DROP MASK`
    DropRule {
        kind: RuleKind,
        name: String,
        table: ObjectName,
        if_exists: bool,
    },
    /// `REVOKE TOKEN`
    RevokeToken(String),
    /// `REVOKE TOKENS OF`
    RevokeTokens(UserName),
    /// `ALTER … OWNER TO`
    SetOwner {
        is_schema: bool,
        name: ObjectName,
        to: UserName,
    },
}

/// A user, by name or as whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserName {
    Named(String),
    /// `current_user`
    Caller,
}

/// What is said about a user. What is not said stays as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserOptions {
    pub(crate) password: Option<Secret>,
    pub(crate) valid_until: Option<String>,
    pub(crate) enabled: Option<bool>,
}

/// Who something is granted to, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GranteeName {
    /// A role of that name, else a user.
    Any(String),
    Role(String),
    User(String),
}

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rights {
    /// All that there are for the object.
    All,
    /// Each with columns, or for the whole object.
    Some(Vec<(Privilege, Option<Vec<String>>)>),
}

/// What it is granted on.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Catalog(String),
    Schemas(Vec<ObjectName>),
    /// Tables and views.
    Relations(Vec<ObjectName>),
    /// The tables and views that there are.
    AllIn(Vec<ObjectName>),
    /// Those that there will be.
    FutureIn(Vec<ObjectName>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleKind {
    Policy,
    Mask,
}

/// A policy, or a mask when it has a column.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) kind: RuleKind,
    pub(crate) name: String,
    pub(crate) table: ObjectName,
    pub(crate) column: Option<Ident>,
    pub(crate) to: GranteeName,
    pub(crate) using: Expr,
}

/// What a statement begins with, if it is one about who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    CreateRole,
    DropRole,
    CreateUser,
    AlterUser,
    DropUser,
    Grant,
    Revoke,
    DefaultPrivileges,
    CreateRule(RuleKind),
    DropRule(RuleKind),
    Owner,
}

/// Takes a statement apart. `None` when it is about something else.
///
/// # Errors
/// [`crate::Error::Syntax`], [`crate::Error::Unsupported`]: no message quotes a text of the statement.
pub(crate) fn access_of(tokens: &[TokenWithSpan], limits: Limits) -> Result<Option<Access>> {
    let Some(kind) = kind_of(tokens) else {
        return Ok(None);
    };
    let mut cursor = Cursor::new(tokens, usage(kind), limits);
    let access = match kind {
        Kind::CreateRole => users::create_role(&mut cursor),
        Kind::DropRole => users::drop_role(&mut cursor),
        Kind::CreateUser => users::create_user(&mut cursor),
        Kind::AlterUser => users::alter_user(&mut cursor),
        Kind::DropUser => users::drop_user(&mut cursor),
        Kind::Grant => grants::grant(&mut cursor),
        Kind::Revoke => grants::revoke(&mut cursor),
        Kind::DefaultPrivileges => grants::default_privileges(&mut cursor),
        Kind::CreateRule(kind) => rules::create(&mut cursor, kind),
        Kind::DropRule(kind) => rules::remove(&mut cursor, kind),
        Kind::Owner => users::owner(&mut cursor),
    }?;
    cursor.end()?;
    Ok(Some(access))
}

fn kind_of(tokens: &[TokenWithSpan]) -> Option<Kind> {
    let words = cursor::first_words(tokens);
    let mut words = words.iter().map(String::as_str);
    let (first, mut second) = (words.next()?, words.next().unwrap_or_default());
    if first == "create" && second == "or" {
        second = words.nth(1).unwrap_or_default();
    }
    Some(match (first, second) {
        ("grant", _) => Kind::Grant,
        ("revoke", _) => Kind::Revoke,
        ("create", "role") => Kind::CreateRole,
        ("drop", "role") => Kind::DropRole,
        ("create", "user") => Kind::CreateUser,
        ("alter", "user") => Kind::AlterUser,
        ("drop", "user") => Kind::DropUser,
        ("create", "policy") => Kind::CreateRule(RuleKind::Policy),
        ("drop", "policy") => Kind::DropRule(RuleKind::Policy),
        ("create", "mask") => Kind::CreateRule(RuleKind::Mask),
        ("drop", "mask") => Kind::DropRule(RuleKind::Mask),
        ("alter", "default") => Kind::DefaultPrivileges,
        ("alter", "table" | "view" | "schema") if cursor::sets_owner(tokens) => Kind::Owner,
        _ => return None,
    })
}

fn usage(kind: Kind) -> &'static str {
    match kind {
        Kind::CreateRole => "CREATE ROLE [IF NOT EXISTS] name",
        Kind::DropRole => "DROP ROLE [IF EXISTS] name",
        Kind::CreateUser => {
            "CREATE USER [IF NOT EXISTS] name [PASSWORD '…'] [VALID UNTIL 'time'] [ENABLED | DISABLED]"
        }
        Kind::AlterUser => {
            "ALTER USER {name | current_user} [PASSWORD '…'] [VALID UNTIL 'time'] [ENABLE | DISABLE]"
        }
        Kind::DropUser => "DROP USER [IF EXISTS] name",
        Kind::Grant => {
            "GRANT role TO {user | role}, or GRANT privilege [(columns)] ON object TO {user | role}"
        }
        Kind::Revoke => {
            "REVOKE role FROM {user | role}, REVOKE privilege [(columns)] ON object FROM {user | role}, REVOKE TOKEN 'id', or REVOKE TOKENS OF user"
        }
        Kind::DefaultPrivileges => {
            "ALTER DEFAULT PRIVILEGES IN SCHEMA schema {GRANT … ON TABLES TO … | REVOKE … ON TABLES FROM …}"
        }
        Kind::CreateRule(RuleKind::Policy) => {
            "CREATE POLICY name ON table TO {role | user} USING (condition)"
        }
        Kind::CreateRule(RuleKind::Mask) => {
            "CREATE MASK name ON table (column) TO {role | user} USING (expression)"
        }
        Kind::DropRule(RuleKind::Policy) => "DROP POLICY [IF EXISTS] name ON table",
        Kind::DropRule(RuleKind::Mask) => "DROP MASK [IF EXISTS] name ON table",
        Kind::Owner => "ALTER {TABLE | VIEW | SCHEMA} name OWNER TO {user | current_user}",
    }
}

impl RuleKind {
    /// As messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Mask => "mask",
        }
    }
}

#[cfg(test)]
mod tests;
