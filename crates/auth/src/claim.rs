use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::credentials::Credentials;

/// Longest user name that is repeated, in bytes.
const LONGEST: usize = 256;

/// What an authorization header claims, proved or not. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The form of the proof: `basic`, `bearer`, `none`, `malformed`.
    pub how: &'static str,
    /// Who the caller says it is, at most 256 bytes of it.
    pub user: Option<String>,
}

impl Claim {
    /// Reads a header; nothing of it is checked.
    #[must_use]
    pub fn of(authorization: Option<&str>) -> Self {
        let Some(header) = authorization else {
            return Self {
                how: "none",
                user: None,
            };
        };
        let (how, user) = match Credentials::decode(header) {
            Some(Credentials::Basic(basic)) => ("basic", Some(basic.user().to_owned())),
            Some(Credentials::Bearer(token)) => ("bearer", subject(token)),
            None => ("malformed", None),
        };
        let cut = |user: String| user[..user.floor_char_boundary(LONGEST)].to_owned();
        Self {
            how,
            user: user.map(cut).filter(|user| !user.is_empty()),
        }
    }
}

/// The subject of a token, whoever signed it.
fn subject(token: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Claims {
        sub: String,
    }
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(claims.sub)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_from_what_was_sent() {
        let long = URL_SAFE_NO_PAD.encode(format!("{}:x", "é".repeat(400)));
        let token = URL_SAFE_NO_PAD.encode(r#"{"sub":"ada","exp":1}"#);
        for (header, how, user) in [
            (None, "none", None),
            (
                Some("Basic YWRhOnNlY3JldA==".to_owned()),
                "basic",
                Some("ada"),
            ),
            (Some("Basic OnNlY3JldA==".to_owned()), "basic", None),
            (Some(format!("Bearer x.{token}.y")), "bearer", Some("ada")),
            (Some("Bearer opaque".to_owned()), "bearer", None),
            (Some("Digest x".to_owned()), "malformed", None),
        ] {
            let claim = Claim::of(header.as_deref());
            assert_eq!(
                (claim.how, claim.user.as_deref()),
                (how, user),
                "{header:?}"
            );
        }
        let claim = Claim::of(Some(&format!("Basic {long}")));
        assert_eq!(claim.user.unwrap().len(), LONGEST);
    }
}
