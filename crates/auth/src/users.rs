use std::{collections::HashMap, fmt, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use godwit_config::{Admin, Config, Secret};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    password::{Cost, cost, hash_password},
    storage::{Storage, read_foreign},
};

const FILE: &str = "admin.json";
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

/// Who may enter, with the hashes of their passwords.
pub(crate) struct Users {
    hashes: HashMap<String, Arc<str>>,
    dummy: Arc<str>,
}

/// The generated admin as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredAdmin {
    user: String,
    password_hash: String,
}

impl Users {
    /// The configured users, and the admin: configured, kept since an earlier start, or made now.
    ///
    /// # Errors
    /// [`Error::Password`] for a password or a hash that cannot be used, [`Error::Storage`] for the files of the admin.
    pub(crate) fn open(config: &Config, storage: &Storage) -> Result<(Self, FirstStart)> {
        let mut hashes = HashMap::new();
        for (name, user) in &config.users {
            hashes.insert(name.clone(), Arc::from(user.password_hash.expose()));
        }
        let admin = &config.admin;
        let name = admin.user.as_deref().unwrap_or(DEFAULT_ADMIN);
        let mut first_start = FirstStart::None;
        if let Some(hash) = configured_admin(admin)? {
            hashes.insert(name.to_owned(), hash.into());
        } else if admin.user.is_some() || config.users.is_empty() {
            let (hash, made) = generated_admin(storage, name)?;
            hashes.insert(name.to_owned(), hash.into());
            first_start = made;
        }
        Self::new(hashes).map(|users| (users, first_start))
    }

    /// Nobody: everyone is anonymous.
    pub(crate) fn none() -> Result<Self> {
        Self::new(HashMap::new())
    }

    /// Whether there is a user of that name.
    pub(crate) fn exists(&self, user: &str) -> bool {
        self.hashes.contains_key(user)
    }

    /// The hash of the user's password; for a user who does not exist, one that no password has and that costs as much
    /// to check as the costliest real one.
    pub(crate) fn hash_or_dummy(&self, user: &str) -> Arc<str> {
        Arc::clone(self.hashes.get(user).unwrap_or(&self.dummy))
    }

    fn new(hashes: HashMap<String, Arc<str>>) -> Result<Self> {
        let mut costliest: Option<Cost> = None;
        for (name, hash) in &hashes {
            let cost = cost(hash)
                .map_err(|why| Error::password(format!("users.{name}.password_hash"), why))?;
            costliest = costliest.filter(|c| c.work() >= cost.work()).or(Some(cost));
        }
        let dummy = costliest.unwrap_or(Cost::DEFAULT).dummy_hash()?.into();
        Ok(Self { hashes, dummy })
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
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

#[cfg(test)]
mod tests;
