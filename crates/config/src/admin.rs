use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Section `admin`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Name of the admin user.
    /// Default: none, which means `admin` where the server makes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"admin")]
    pub user: Option<String>,

    /// File that holds the admin's password; a line break at its end does not count.
    /// The password itself can only be given in the environment variable `GODWIT_ADMIN_PASSWORD`.
    /// Default: none, which means that the first start makes a password and shows it once, if no other user is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/run/secrets/godwit-admin")]
    pub password_file: Option<PathBuf>,

    /// The admin's password, from `GODWIT_ADMIN_PASSWORD` only: it has no key, so that it never stands in a file or a
    /// process list.
    #[serde(skip)]
    pub password: Option<Secret>,
}
