use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// One entry of the section `users`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The user's password as an Argon2id hash in PHC form; `godwit hash-password` prints one.
    /// Default: none, the key is required.
    #[schemars(
        with = "String",
        example = &"$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSeeZoFTx5oXZPk"
    )]
    pub password_hash: Secret,

    /// The roles that the user has: `admin`, or roles that `CREATE ROLE` made.
    /// Without any, the user sees nothing until something is granted.
    /// Default: `[]`.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// What a user's name must be, in words.
pub const USER_NAME: &str =
    "1 to 128 bytes without colons, control characters and spaces at either end";

/// Whether a text can be a user's name: it travels in front of a colon in Basic credentials, and in logs.
#[must_use]
pub fn is_user_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.contains(|c: char| c == ':' || c.is_control())
        && name.trim() == name
}

/// Whether a text has the form of an Argon2id hash: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
pub(crate) fn is_argon2id(hash: &str) -> bool {
    let parts: Vec<&str> = hash.split('$').collect();
    let ["", "argon2id", "v=19", cost, salt, output] = parts[..] else {
        return false;
    };
    let costs: Vec<_> = cost.split(',').map(|pair| pair.split_once('=')).collect();
    let [Some(("m", m)), Some(("t", t)), Some(("p", p))] = costs[..] else {
        return false;
    };
    let base64 = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    };
    [m, t, p]
        .iter()
        .all(|n| n.parse::<u32>().is_ok_and(|n| n > 0))
        && (11..=86).contains(&salt.len())
        && (14..=86).contains(&output.len())
        && base64(salt)
        && base64(output)
}
