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

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn it_knows_the_right_password_for_as_long_as_told() {
        let cache = Cache::new(TTL);
        let start = Instant::now();
        let soon = start + TTL - Duration::from_millis(1);
        assert!(!cache.knows("ann", "pw", start));
        cache.put("ann", "pw", start);
        assert!(cache.knows("ann", "pw", soon));
        for (user, password) in [("ann", "wrong"), ("ann", ""), ("bob", "pw"), ("an", "npw")] {
            assert!(!cache.knows(user, password, soon), "{user}");
        }
        assert!(!cache.knows("ann", "pw", start + TTL));
        assert!(cache.entries.lock().unwrap().is_empty());
    }

    #[test]
    fn it_holds_one_entry_a_user() {
        let cache = Cache::new(TTL);
        let now = Instant::now();
        for i in 0..100 {
            cache.put("ann", &i.to_string(), now);
        }
        assert_eq!(cache.entries.lock().unwrap().len(), 1);
        assert!(cache.knows("ann", "99", now) && !cache.knows("ann", "98", now));
    }

    #[test]
    fn without_time_it_remembers_nothing() {
        let cache = Cache::new(Duration::ZERO);
        let now = Instant::now();
        cache.put("ann", "pw", now);
        assert!(!cache.knows("ann", "pw", now));
        assert!(cache.entries.lock().unwrap().is_empty());
    }
}
