use std::{path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use godwit_config::{Admin, Config, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    password::{cost, hash_password},
    storage::{Storage, read_foreign},
};

pub(super) const FILE: &str = "admin.json";
pub(crate) const DEFAULT_ADMIN: &str = "admin";

/// What a start made that has to be shown to the operator, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstStart {
    /// Nothing.
    None,
    /// The first user. The password is kept nowhere but here; its hash is in the data directory.
    AdminCreated {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
}

/// The generated admin as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAdmin {
    user: String,
    password_hash: String,
}

/// A name, and the hash of a password.
type Login = (String, Arc<str>);

/// The name of the admin and the hash of the admin's password, if there is one: configured, kept since an earlier start, or
/// made now.
pub(super) fn open(config: &Config, storage: &Storage) -> Result<(Option<Login>, FirstStart)> {
    let admin = &config.admin;
    let name = admin.user.as_deref().unwrap_or(DEFAULT_ADMIN);
    let (hash, first_start) = if let Some(hash) = configured_admin(admin)? {
        (hash, FirstStart::None)
    } else if admin.user.is_some() || config.users.is_empty() {
        generated_admin(storage, name)?
    } else {
        return Ok((None, FirstStart::None));
    };
    Ok((Some((name.to_owned(), hash.into())), first_start))
}

/// The hash of the password that the configuration gives the admin.
fn configured_admin(admin: &Admin) -> Result<Option<String>> {
    if let Some(password) = &admin.password {
        return hash_of("admin.password", password.expose()).map(Some);
    }
    let Some(path) = &admin.password_file else {
        return Ok(None);
    };
    let content = read_foreign(path)?;
    let text = std::str::from_utf8(&content).map_err(|_| Error::storage(path, "not UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    hash_of("admin.password_file", password).map(Some)
}

fn hash_of(what: &str, password: &str) -> Result<String> {
    hash_password(password).map_err(|error| match error {
        Error::Password { why, .. } => Error::password(what, why),
        other => other,
    })
}

/// The hash of the password of the admin that an earlier start made, or that this one makes.
fn generated_admin(storage: &Storage, name: &str) -> Result<(String, FirstStart)> {
    if let Some(content) = storage.read(FILE)? {
        return stored_admin(&storage.path(FILE), &content, name)
            .map(|hash| (hash, FirstStart::None));
    }
    // 120 random bits are 20 characters.
    let password = Zeroizing::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 15]>()));
    let stored = StoredAdmin {
        user: name.to_owned(),
        password_hash: hash_password(&password)?,
    };
    let mut content = serde_json::to_vec_pretty(&stored).map_err(Error::internal)?;
    content.push(b'\n');
    storage.create(FILE, &content)?;
    let made = FirstStart::AdminCreated {
        user: stored.user,
        password: Secret::new(password.as_str()),
    };
    Ok((stored.password_hash, made))
}

fn stored_admin(path: &Path, content: &[u8], name: &str) -> Result<String> {
    // serde_json's messages quote values, and this file holds a hash.
    let stored: StoredAdmin = serde_json::from_slice(content).map_err(|e| {
        Error::storage(
            path,
            format_args!("not an admin file, see line {}", e.line()),
        )
    })?;
    if stored.user != name {
        let found = stored.user;
        let why = format!(
            "holds the generated password of \"{found}\", and admin.user is \"{name}\"; remove the file to have one \
             generated, or configure a password"
        );
        return Err(Error::storage(path, why));
    }
    cost(&stored.password_hash)
        .map_err(|why| Error::storage(path, format_args!("password_hash: {why}")))?;
    Ok(stored.password_hash)
}
