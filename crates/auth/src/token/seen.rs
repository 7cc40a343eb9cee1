use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{SHA256, digest};

use super::{Claims, Head};

/// How many tokens are remembered. Beyond it all are forgotten, and each costs its signature once more.
const MOST: usize = 4096;

/// Tokens whose signatures were found right, so that a caller who sends one with every call costs a hash instead of an
/// elliptic curve. Times, revocation and whether the key is still one of ours are looked at each time.
#[derive(Default)]
pub(super) struct Seen {
    tokens: Mutex<HashMap<[u8; 32], Arc<Signed>>>,
}

/// A token with a right signature.
pub(super) struct Signed {
    pub(super) head: Head,
    pub(super) claims: Claims,
}

impl Seen {
    pub(super) fn get(&self, token: &str) -> Option<Arc<Signed>> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&hash(token)?).cloned()
    }

    pub(super) fn put(&self, token: &str, signed: &Arc<Signed>) {
        let Some(hash) = hash(token) else { return };
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(hash, Arc::clone(signed));
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen(…)")
    }
}

fn hash(token: &str) -> Option<[u8; 32]> {
    digest(&SHA256, token.as_bytes()).as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{at, tokens};
    use super::*;

    #[test]
    fn all_but_the_signature_is_looked_at_again() {
        let tokens = tokens();
        let token = tokens.issue("ann", [1; 16], at(0)).unwrap();
        let text = token.expose();
        let first = tokens.verify(text, at(1)).unwrap();
        assert_eq!(tokens.seen.tokens.lock().unwrap().len(), 1);
        assert_eq!(tokens.verify(text, at(2)), Some(first));
        assert_eq!(tokens.verify(text, at(100_000)), None, "it is over");
        for place in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[place] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert_eq!(tokens.verify(&other, at(2)), None, "byte {place}");
        }
        assert_eq!(tokens.seen.tokens.lock().unwrap().len(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let seen = Seen::default();
        let tokens = tokens();
        let token = tokens.issue("ann", [1; 16], at(0)).unwrap();
        tokens.verify(token.expose(), at(1)).unwrap();
        let signed = tokens.seen.get(token.expose()).unwrap();
        for number in 0..=MOST {
            seen.put(&number.to_string(), &signed);
        }
        assert_eq!(seen.tokens.lock().unwrap().len(), 1);
    }
}
