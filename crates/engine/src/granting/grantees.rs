//! Who something is granted to.

use godwit_auth::ANONYMOUS;
use godwit_auth::access::{Access, BUILT_IN, Grantee};

use crate::check::GranteeName;
use crate::names::nearest_hint;
use crate::{Error, Result};

/// Most bytes of the name of a user or role.
const NAME_BYTES: usize = 128;

/// Whom a name means: a role, else a user.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) fn grantee(access: &Access, name: &GranteeName) -> Result<Grantee> {
    match name {
        GranteeName::Role(name) => role(access, name).map(Grantee::Role),
        GranteeName::User(name) => user(access, name).map(Grantee::User),
        GranteeName::Any(name) if access.has_role(name) => Ok(Grantee::Role(name.clone())),
        GranteeName::Any(name) if has_user(access, name) => Ok(Grantee::User(name.clone())),
        GranteeName::Any(name) => {
            let hint = nearest_hint(name, role_names(access).chain(user_names(access)));
            Err(Error::not_found(format!(
                "there is no role and no user '{name}'{hint}; CREATE ROLE and CREATE USER make one"
            )))
        }
    }
}

pub(super) fn role(access: &Access, name: &str) -> Result<String> {
    if access.has_role(name) {
        return Ok(name.to_owned());
    }
    let hint = nearest_hint(name, role_names(access));
    Err(Error::not_found(format!(
        "role '{name}' does not exist{hint}"
    )))
}

pub(super) fn user(access: &Access, name: &str) -> Result<String> {
    if has_user(access, name) {
        return Ok(name.to_owned());
    }
    let hint = nearest_hint(name, user_names(access));
    Err(Error::not_found(format!(
        "user '{name}' does not exist{hint}"
    )))
}

pub(super) fn has_user(access: &Access, name: &str) -> bool {
    access.is_configured(name) || access.user(name).is_some()
}

pub(super) fn user_names(access: &Access) -> impl Iterator<Item = &str> {
    let configured = access.configured_users().map(|(name, _)| name);
    configured.chain(access.users().map(|user| user.name.as_str()))
}

fn role_names(access: &Access) -> impl Iterator<Item = &str> {
    let stored = access.roles().map(|role| role.name.as_str());
    BUILT_IN.into_iter().chain(stored)
}

/// Whether something may be called so.
///
/// # Errors
/// [`Error::InvalidInput`], [`Error::AlreadyExists`].
pub(super) fn check_new_name(access: &Access, what: &str, name: &str) -> Result<()> {
    let is_wrong = |char: char| char.is_control() || matches!(char, ':' | '/' | '\'' | '"' | ',');
    if name.is_empty() || name.len() > NAME_BYTES || name.contains(is_wrong) || name.trim() != name
    {
        return Err(Error::invalid(format!(
            "'{}' is no name of a {what}: it has 1 to {NAME_BYTES} bytes without colons, slashes, commas, quotes, control \
             characters and spaces at either end",
            name.chars().take(NAME_BYTES).collect::<String>()
        )));
    }
    if name == ANONYMOUS {
        return Err(Error::invalid(format!(
            "'{name}' is no name of a {what}: whoever calls is called so where nobody has to log in"
        )));
    }
    if matches!(name, "current_user" | "session_user" | "user" | "all") {
        return Err(Error::invalid(format!(
            "'{name}' is no name of a {what}: SQL means something else by it"
        )));
    }
    let exists = |what: &str| {
        Err(Error::AlreadyExists {
            message: format!("{what} '{name}' exists already"),
        })
    };
    if access.has_role(name) {
        return exists("role");
    }
    if has_user(access, name) {
        return exists("user");
    }
    Ok(())
}
