//! Users, roles, and whose things are.

use godwit_config::Secret;

use super::cursor::Cursor;
use super::{Access, UserName, UserOptions};
use crate::Result;

pub(super) fn create_role(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["create", "role"])?;
    let if_not_exists = cursor.took(&["if", "not", "exists"]);
    let name = cursor.name("the name of a role")?;
    Ok(Access::CreateRole {
        name,
        if_not_exists,
    })
}

pub(super) fn drop_role(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["drop", "role"])?;
    let if_exists = cursor.took(&["if", "exists"]);
    let name = cursor.name("the name of a role")?;
    Ok(Access::DropRole { name, if_exists })
}

pub(super) fn create_user(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["create", "user"])?;
    let if_not_exists = cursor.took(&["if", "not", "exists"]);
    let name = cursor.name("the name of a user")?;
    let options = options(cursor)?;
    Ok(Access::CreateUser {
        name,
        if_not_exists,
        options,
    })
}

pub(super) fn alter_user(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["alter", "user"])?;
    let name = user(cursor)?;
    if cursor.is_at(&["rename"]) {
        return Err(
            cursor.unsupported("ALTER USER … RENAME (what a user owns is known by the name)")
        );
    }
    let options = options(cursor)?;
    let says = &options;
    if says.password.is_none() && says.valid_until.is_none() && says.enabled.is_none() {
        return Err(cursor.unexpected("PASSWORD, VALID UNTIL, ENABLE or DISABLE"));
    }
    Ok(Access::AlterUser { name, options })
}

pub(super) fn drop_user(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["drop", "user"])?;
    let if_exists = cursor.took(&["if", "exists"]);
    let name = cursor.name("the name of a user")?;
    Ok(Access::DropUser { name, if_exists })
}

fn options(cursor: &mut Cursor<'_>) -> Result<UserOptions> {
    let mut options = UserOptions::default();
    cursor.took(&["with"]);
    loop {
        if cursor.is_at(&["password"]) && options.password.is_none() {
            cursor.expect(&["password"])?;
            let text = cursor.text("a password in single quotes")?;
            options.password = Some(Secret::new(text));
        } else if cursor.is_at(&["valid"]) && options.valid_until.is_none() {
            cursor.expect(&["valid", "until"])?;
            let text = cursor.text("a time in single quotes, or 'infinity',")?;
            options.valid_until = Some(text);
        } else if options.enabled.is_none()
            && (cursor.took(&["enabled"]) || cursor.took(&["enable"]))
        {
            options.enabled = Some(true);
        } else if options.enabled.is_none()
            && (cursor.took(&["disabled"]) || cursor.took(&["disable"]))
        {
            options.enabled = Some(false);
        } else {
            return Ok(options);
        }
    }
}

/// The name of a user, or `current_user`.
pub(super) fn user(cursor: &mut Cursor<'_>) -> Result<UserName> {
    if cursor.took(&["current_user"]) || cursor.took(&["session_user"]) {
        return Ok(UserName::Caller);
    }
    cursor.name("the name of a user").map(UserName::Named)
}

pub(super) fn owner(cursor: &mut Cursor<'_>) -> Result<Access> {
    cursor.expect(&["alter"])?;
    let is_schema = cursor.took(&["schema"]);
    if !is_schema && !cursor.took(&["table"]) {
        cursor.expect(&["view"])?;
    }
    let name = cursor.object_name("a name")?;
    cursor.expect(&["owner", "to"])?;
    let to = user(cursor)?;
    Ok(Access::SetOwner {
        is_schema,
        name,
        to,
    })
}
