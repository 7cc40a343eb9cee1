use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::options::{Secret, Server};
use crate::output::Format;
use crate::{Error, Result};

#[cfg(test)]
mod tests;

/// Name of the profile that is used where no other and no address is named.
const DEFAULT: &str = "default";

/// What a profile says; the command line wins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    url: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    token: Option<Secret>,
    tls_ca: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    pub(crate) format: Option<Format>,
    #[serde(default)]
    pub(crate) timing: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
}

/// The profile that is asked for: by its name, else `default` where no address is given; an empty one if there is none.
///
/// # Errors
/// [`Error::Usage`] when there is none of that name, or the file is unreadable, wrong, or readable by others.
pub(crate) fn load(name: Option<&str>, has_url: bool) -> Result<Profile> {
    if name.is_none() && has_url {
        return Ok(Profile::default());
    }
    let path = path();
    let Some(mut file) = path.as_deref().map(read).transpose()?.flatten() else {
        return match (name, path) {
            (None, _) => Ok(Profile::default()),
            (Some(name), Some(path)) => Err(Error::Usage(format!(
                "there is no profile {name:?}, because there is no file {}",
                path.display()
            ))),
            (Some(_), None) => Err(Error::Usage(
                "there are no profiles: neither XDG_CONFIG_HOME nor HOME is set".to_owned(),
            )),
        };
    };
    match (file.profiles.remove(name.unwrap_or(DEFAULT)), name) {
        (Some(profile), _) => Ok(profile),
        (None, None) => Ok(Profile::default()),
        (None, Some(name)) => {
            let known: Vec<&str> = file.profiles.keys().map(String::as_str).collect();
            Err(Error::Usage(format!(
                "there is no profile {name:?}; the file has {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            )))
        }
    }
}

impl Profile {
    /// Fills in what the command line does not say. A password or token belongs to the profile's own server and user, and
    /// goes nowhere else.
    pub(crate) fn complete(&self, mut server: Server) -> Server {
        let same_server = server.url.is_none() || server.url == self.url;
        let same_user = server.user.is_none() || server.user == self.user;
        let named = server.user.is_some() || server.password.is_some() || server.token.is_some();
        if same_server {
            if same_user && server.password.is_none() && server.token.is_none() {
                server.password.clone_from(&self.password);
                if !named {
                    server.token.clone_from(&self.token);
                }
            }
            server.tls_ca = server.tls_ca.or_else(|| self.tls_ca.clone());
            server.insecure |= self.insecure;
        }
        server.user = server.user.or_else(|| self.user.clone());
        server.url = server.url.or_else(|| self.url.clone());
        server
    }
}

fn path() -> Option<PathBuf> {
    directory("XDG_CONFIG_HOME", ".config").map(|directory| directory.join("godwit/shell.toml"))
}

/// A directory of the user's: what this variable says, else this one in the home directory.
pub(crate) fn directory(variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(in_home)))
}

/// Reads the file, if there is one.
fn read(path: &Path) -> Result<Option<File>> {
    let wrong = |why: &dyn std::fmt::Display| Error::Usage(format!("{}: {why}", path.display()));
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error)),
    };
    if mode & 0o077 != 0 {
        return Err(wrong(&format_args!(
            "it may hold passwords, and its mode is {mode:04o}; it must be 0600 (chmod 600)"
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    // The message of the parser without the line itself, which may be a password.
    let file = toml::from_str(&text).map_err(|error: toml::de::Error| wrong(&error.message()))?;
    Ok(Some(file))
}
