use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};

/// How long before its end a certificate is said to end.
const SOON: Duration = Duration::from_hours(14 * 24);

/// When a certificate is valid. Clients refuse it at any other time, which the server cannot see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    from: DateTime,
    to: DateTime,
}

/// What is to be said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Good,
    /// It has not begun.
    Early,
    /// It ends within two weeks.
    Ending,
    /// It has ended.
    Expired,
}

impl Term {
    /// `None` for a certificate that cannot be read, which the TLS library judges.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate.as_ref()).ok()?;
        let validity = certificate.tbs_certificate.validity;
        Some(Self {
            from: validity.not_before.to_date_time(),
            to: validity.not_after.to_date_time(),
        })
    }

    pub(super) fn standing(&self, now: SystemTime) -> Standing {
        let to = self.to.to_system_time();
        if now < self.from.to_system_time() {
            Standing::Early
        } else if now > to {
            Standing::Expired
        } else if to.duration_since(now).is_ok_and(|left| left < SOON) {
            Standing::Ending
        } else {
            Standing::Good
        }
    }

    /// Writes to the log what an operator has to know.
    pub(super) fn tell(&self, standing: Standing) {
        let (from, to) = (self.from, self.to);
        match standing {
            Standing::Good => {}
            Standing::Early => tracing::warn!(
                "the TLS certificate is valid from {from} on, and clients refuse it until then"
            ),
            Standing::Ending => tracing::warn!("the TLS certificate ends at {to}"),
            Standing::Expired => {
                tracing::error!("the TLS certificate expired at {to}, and clients refuse it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_has_a_beginning_and_an_end() {
        let at = |text: &str| text.parse::<DateTime>().unwrap();
        let term = Term {
            from: at("2026-01-01T00:00:00Z"),
            to: at("2026-12-31T00:00:00Z"),
        };
        for (now, standing) in [
            ("2025-12-31T23:59:59Z", Standing::Early),
            ("2026-01-01T00:00:00Z", Standing::Good),
            ("2026-12-16T23:59:59Z", Standing::Good),
            ("2026-12-17T00:00:01Z", Standing::Ending),
            ("2026-12-31T00:00:00Z", Standing::Ending),
            ("2026-12-31T00:00:01Z", Standing::Expired),
        ] {
            assert_eq!(term.standing(at(now).to_system_time()), standing, "{now}");
        }
    }
}
