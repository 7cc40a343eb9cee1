//! `GRANT` and `REVOKE`.

use datafusion::sql::sqlparser::tokenizer::Token;
use godwit_auth::access::Privilege;

use super::cursor::Cursor;
use super::users::user;
use super::{Access, GranteeName, Rights, Target};
use crate::Result;

pub(super) fn grant(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["grant"])?;
    if let Some(rights) = rights(cursor)? {
        cursor.expect(&["on"])?;
        let on = target(cursor)?;
        cursor.expect(&["to"])?;
        let to = grantees(cursor)?;
        refuse_option(cursor)?;
        return Ok(Access::Grant { rights, on, to });
    }
    let roles = cursor.list(|cursor| cursor.name("a privilege or the name of a role"))?;
    cursor.expect(&["to"])?;
    let to = grantees(cursor)?;
    refuse_option(cursor)?;
    Ok(Access::GrantRoles { roles, to })
}

pub(super) fn revoke(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["revoke"])?;
    if cursor.took(&["token"]) {
        return cursor
            .text("the id of a token in single quotes")
            .map(Access::RevokeToken);
    }
    if cursor.took(&["tokens", "of"]) {
        cursor.took(&["user"]);
        return user(cursor).map(Access::RevokeTokens);
    }
    if cursor.is_at(&["grant", "option"]) || cursor.is_at(&["admin", "option"]) {
        return Err(
            cursor.unsupported("REVOKE GRANT OPTION FOR (owners and admin grant, nobody else)")
        );
    }
    if let Some(rights) = rights(cursor)? {
        cursor.expect(&["on"])?;
        let on = target(cursor)?;
        cursor.expect(&["from"])?;
        let from = grantees(cursor)?;
        refuse_cascade(cursor)?;
        return Ok(Access::Revoke { rights, on, from });
    }
    let roles = cursor.list(|cursor| cursor.name("a privilege or the name of a role"))?;
    cursor.expect(&["from"])?;
    let from = grantees(cursor)?;
    refuse_cascade(cursor)?;
    Ok(Access::RevokeRoles { roles, from })
}

/// PostgreSQL's words for grants on what a schema gets later.
pub(super) fn default_privileges(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["alter", "default", "privileges"])?;
    if cursor.is_at(&["for"]) {
        return Err(
            cursor.unsupported("ALTER DEFAULT PRIVILEGES FOR (they are for whoever makes tables)")
        );
    }
    cursor.expect(&["in", "schema"])?;
    let schemas = cursor.list(|cursor| cursor.object_name("the name of a schema"))?;
    let on = Target::FutureIn(schemas);
    let is_grant = cursor.took(&["grant"]);
    if !is_grant && !cursor.took(&["revoke"]) {
        return Err(cursor.unexpected("GRANT or REVOKE"));
    }
    let Some(rights) = rights(cursor)? else {
        return Err(cursor.unexpected("a privilege"));
    };
    cursor.expect(&["on", "tables"])?;
    cursor.expect(&[if is_grant { "to" } else { "from" }])?;
    let named = grantees(cursor)?;
    Ok(match is_grant {
        true => Access::Grant {
            rights,
            on,
            to: named,
        },
        false => Access::Revoke {
            rights,
            on,
            from: named,
        },
    })
}

/// Privileges, if the word that comes next is one.
fn rights(cursor: &mut Cursor<'_>) -> Result<Option<Rights>> {
    if cursor.took(&["all"]) {
        cursor.took(&["privileges"]);
        return Ok(Some(Rights::All));
    }
    if privilege_at(cursor).is_none() {
        return Ok(None);
    }
    let one = |cursor: &mut Cursor<'_>| {
        let Some(privilege) = privilege_at(cursor) else {
            let names = Privilege::ALL.map(Privilege::name).join(", ");
            return Err(cursor.unexpected(&format!("one of {names}")));
        };
        cursor.expect(&[privilege.name()])?;
        if !cursor.took_token(&Token::LParen) {
            return Ok((privilege, None));
        }
        let columns = cursor.list(|cursor| cursor.name("the name of a column"))?;
        cursor.expect_token(&Token::RParen, ")")?;
        if !privilege.takes_columns() {
            return Err(cursor.unsupported(&format!("{privilege} of columns")));
        }
        Ok((privilege, Some(columns)))
    };
    cursor.list(one).map(|all| Some(Rights::Some(all)))
}

fn privilege_at(cursor: &Cursor<'_>) -> Option<Privilege> {
    Privilege::ALL
        .into_iter()
        .find(|privilege| cursor.is_at(&[privilege.name()]))
}

fn target(cursor: &mut Cursor<'_>) -> Result<Target> {
    let names = |cursor: &mut Cursor<'_>, what: &str| cursor.list(|c| c.object_name(what));
    const SCHEMA: &str = "the name of a schema";
    if cursor.took(&["catalog"]) || cursor.took(&["database"]) {
        return cursor.name("the name of the catalog").map(Target::Catalog);
    }
    if cursor.took(&["schema"]) {
        return names(cursor, SCHEMA).map(Target::Schemas);
    }
    for (word, make) in [
        ("all", Target::AllIn as fn(_) -> Target),
        ("future", Target::FutureIn),
    ] {
        if cursor.took(&[word, "tables", "in", "schema"]) {
            return names(cursor, SCHEMA).map(make);
        }
    }
    if !cursor.took(&["table"]) {
        cursor.took(&["view"]);
    }
    names(cursor, "the name of a table or view").map(Target::Relations)
}

pub(super) fn grantees(cursor: &mut Cursor<'_>) -> Result<Vec<GranteeName>> {
    cursor.list(grantee)
}

pub(super) fn grantee(cursor: &mut Cursor<'_>) -> Result<GranteeName> {
    if cursor.took(&["user"]) {
        return cursor.name("the name of a user").map(GranteeName::User);
    }
    if cursor.took(&["role"]) {
        return cursor.name("the name of a role").map(GranteeName::Role);
    }
    cursor
        .name("the name of a role or user")
        .map(GranteeName::Any)
}

fn refuse_option(cursor: &Cursor<'_>) -> Result<()> {
    if cursor.is_at(&["with"]) {
        return Err(cursor.unsupported("GRANT … WITH (owners and admin grant, nobody else)"));
    }
    Ok(())
}

fn refuse_cascade(cursor: &mut Cursor<'_>) -> Result<()> {
    cursor.took(&["restrict"]);
    if cursor.is_at(&["cascade"]) {
        return Err(cursor.unsupported("REVOKE … CASCADE (no grant depends on another)"));
    }
    Ok(())
}
