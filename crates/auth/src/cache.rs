use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ring::hmac;
use subtle::ConstantTimeEq;

/// Remembers which password was right for a user, so that callers who send it with every call stay fast.
///
/// It keeps a keyed hash under a key that lives as long as the process, and one entry a user: it never holds more
/// entries than there are users.
pub(crate) struct Cache {
    key: hmac::Key,
    ttl: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    mac: hmac::Tag,
    until: Instant,
}

impl Cache {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()),
            ttl,
            entries: Mutex::default(),
        }
    }

    /// Remembers that the password was right.
    pub(crate) fn put(&self, user: &str, password: &str, now: Instant) {
        let Some(until) = now.checked_add(self.ttl).filter(|_| !self.ttl.is_zero()) else {
            return;
        };
        let mac = self.mac(user, password);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(user.to_owned(), Entry { mac, until });
    }

    /// Whether the password is known to be right; `false` means that it has to be checked.
    pub(crate) fn knows(&self, user: &str, password: &str, now: Instant) -> bool {
        let mac = self.mac(user, password);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(user) {
            Some(entry) if entry.until <= now => {
                entries.remove(user);
                false
            }
            Some(entry) => entry.mac.as_ref().ct_eq(mac.as_ref()).into(),
            None => false,
        }
    }

    fn mac(&self, user: &str, password: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(user.len() as u64).to_le_bytes());
        context.update(user.as_bytes());
        context.update(password.as_bytes());
        context.sign()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache(…)")
    }
}
