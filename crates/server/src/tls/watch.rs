use std::time::{Duration, SystemTime};

use super::acceptor::Material;
use super::pair::Pair;
use super::term::{Standing, Term};
use crate::error::Result;

/// Looks at the files of certificates and keys again and again, and has connections use what they hold from then on. Files
/// that cannot be used change nothing.
pub(crate) struct Watch {
    pub(super) tls: godwit_flight::Tls,
    pub(super) settings: godwit_config::Tls,
    /// The pair, where it does not come from the operator's files.
    pub(super) own: Option<Pair>,
    /// When the certificate that is used is valid.
    pub(super) term: Option<Term>,
    /// What was said last about that.
    pub(super) standing: Standing,
    /// What was read last: the digest of it, or what was wrong.
    pub(super) seen: Seen,
}

/// What was last read.
pub(super) type Seen = std::result::Result<[u8; 32], String>;

impl Watch {
    /// Runs for ever.
    pub(crate) async fn run(mut self) {
        let interval: Duration = self.settings.reload_interval;
        loop {
            tokio::time::sleep(interval).await;
            let looking = tokio::task::spawn_blocking(move || {
                self.look();
                self
            });
            match looking.await {
                Ok(this) => self = this,
                Err(why) => {
                    // Also when the runtime is ending.
                    tracing::debug!(%why, "TLS files are no longer looked at");
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        self.look_at_files();
        self.look_at_the_clock();
    }

    /// Says once that the certificate will end, and once that it has.
    pub(super) fn look_at_the_clock(&mut self) {
        let Some(term) = self.term else { return };
        let standing = term.standing(SystemTime::now());
        if standing != self.standing {
            self.standing = standing;
            term.tell(standing);
        }
    }

    fn look_at_files(&mut self) {
        let read = self.read();
        let seen = match &read {
            Ok(material) => Ok(material.digest()),
            Err(why) => Err(why.to_string()),
        };
        if seen == self.seen {
            return;
        }
        self.seen = seen;
        let used = read.and_then(|material| {
            self.tls.replace(material.config()?);
            Ok((material.pair.fingerprint(), material.pair.term()))
        });
        match used {
            Ok((fingerprint, term)) => {
                tracing::info!(fingerprint, "TLS files read again");
                self.term = term;
            }
            Err(why) => {
                tracing::warn!(%why, "TLS files have changed and cannot be used; those that were read before still are");
            }
        }
    }

    fn read(&self) -> Result<Material> {
        let pair = match &self.own {
            Some(pair) => pair.clone(),
            None => super::files(&self.settings)?,
        };
        Material::read(pair, &self.settings)
    }
}
