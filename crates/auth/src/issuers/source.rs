use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use godwit_config::Issuer;
use serde::Deserialize;
use url::Url;

use super::{
    fetch::{Fetcher, allowed},
    keys::KeySet,
};
use crate::error::{Error, Result};

/// Where an issuer's keys come from.
pub(super) struct Source {
    place: Place,
    timeout: Duration,
}

enum Place {
    File {
        path: PathBuf,
        limit: u64,
    },
    Url(Url, Fetcher),
    /// The document that names the URL (OpenID Connect Discovery 1.0), and the issuer that it must be of.
    Discovery(Url, String, Fetcher),
}

/// What counts in that document.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    /// The configured place.
    ///
    /// # Errors
    /// [`Error::Issuer`] when a URL is none, or certificates cannot be read.
    pub(super) fn open(name: &str, issuer: &Issuer) -> Result<Self> {
        let url = |key: &str, text: &str| {
            allowed(text).map_err(|why| Error::issuer(format!("auth.issuers.{name}.{key}"), why))
        };
        let place = match (&issuer.key_file, &issuer.jwks_url) {
            (Some(path), _) => Place::File {
                path: path.clone(),
                limit: issuer.max_fetch_bytes,
            },
            (None, Some(text)) => Place::Url(url("jwks_url", text)?, Fetcher::new(name, issuer)?),
            (None, None) => {
                let base = issuer.issuer.trim_end_matches('/');
                let document = format!("{base}/.well-known/openid-configuration");
                let fetcher = Fetcher::new(name, issuer)?;
                Place::Discovery(url("issuer", &document)?, issuer.issuer.clone(), fetcher)
            }
        };
        Ok(Self {
            place,
            timeout: issuer.fetch_timeout,
        })
    }

    /// The keys of a file, at once; `None` where they are elsewhere.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read_file(&self) -> Option<std::result::Result<KeySet, String>> {
        match &self.place {
            Place::File { path, limit } => Some(read(path, *limit)),
            Place::Url(..) | Place::Discovery(..) => None,
        }
    }

    /// The keys as they are now.
    ///
    /// # Errors
    /// Why there are none, in words.
    pub(super) async fn keys(&self) -> std::result::Result<KeySet, String> {
        let late = |_| "took longer than fetch_timeout".to_owned();
        let keys = tokio::time::timeout(self.timeout, self.keys_at_any_time());
        keys.await.map_err(late)?
    }

    async fn keys_at_any_time(&self) -> std::result::Result<KeySet, String> {
        match &self.place {
            Place::File { path, limit } => {
                let (path, limit) = (path.clone(), *limit);
                let reading = tokio::task::spawn_blocking(move || read(&path, limit));
                reading.await.map_err(|why| why.to_string())?
            }
            Place::Url(url, fetcher) => fetch(url, fetcher).await,
            Place::Discovery(document, issuer, fetcher) => {
                let text = fetcher.get(document).await?;
                let found: Discovered = serde_json::from_slice(&text)
                    .map_err(|why| format!("{document}: not a discovery document: {why}"))?;
                // Without this, whoever can serve one document could pass for another issuer.
                if found.issuer != *issuer {
                    return Err(format!("{document}: is of another issuer"));
                }
                fetch(&allowed(&found.jwks_uri)?, fetcher).await
            }
        }
    }
}

async fn fetch(url: &Url, fetcher: &Fetcher) -> std::result::Result<KeySet, String> {
    let text = fetcher.get(url).await?;
    KeySet::decode(&text).map_err(|why| format!("{url}: {why}"))
}

fn read(path: &Path, limit: u64) -> std::result::Result<KeySet, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let file = File::open(path).map_err(|why| wrong(&why))?;
    let mut text = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut text);
    if read.map_err(|why| wrong(&why))? as u64 > limit {
        return Err(wrong(&format_args!("larger than max_fetch_bytes, {limit}")));
    }
    KeySet::decode(&text).map_err(|why| wrong(&why))
}
