use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ring::hmac;

/// Remembers which password was right for a user, so that callers who send it with every call stay fast.
///
/// It keeps a keyed hash under a key that lives as long as the process. That covers the hash that the password was
/// checked against, so nothing is known any more about a user who has another. It holds no more entries than there are
/// such hashes.
pub(crate) struct Cache {
    key: hmac::Key,
    ttl: Duration,
    entries: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Cache {
    pub(crate) fn new(ttl: Duration) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()),
            ttl,
            entries: Mutex::default(),
        }
    }

    /// Remembers that the hash is that of the password.
    pub(crate) fn put(&self, user: &str, password: &str, hash: &str, now: Instant) {
        let Some(until) = now.checked_add(self.ttl).filter(|_| !self.ttl.is_zero()) else {
            return;
        };
        let Some(mac) = self.mac(user, password, hash) else {
            return;
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, until| *until > now);
        entries.insert(mac, until);
    }

    /// Whether the hash is known to be that of the password; `false` means that it has to be checked.
    pub(crate) fn knows(&self, user: &str, password: &str, hash: &str, now: Instant) -> bool {
        let mac = self.mac(user, password, hash);
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let until = mac.and_then(|mac| entries.get(&mac));
        until.is_some_and(|until| now < *until)
    }

    fn mac(&self, user: &str, password: &str, hash: &str) -> Option<[u8; 32]> {
        let mut context = hmac::Context::with_key(&self.key);
        for text in [user, hash, password] {
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        }
        context.sign().as_ref().try_into().ok()
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
        assert!(!cache.knows("ann", "pw", "h", start));
        cache.put("ann", "pw", "h", start);
        assert!(cache.knows("ann", "pw", "h", soon));
        for (user, password, hash) in [
            ("ann", "wrong", "h"),
            ("ann", "", "h"),
            ("bob", "pw", "h"),
            ("an", "npw", "h"),
            ("ann", "pw", "other"),
            ("ann", "hpw", ""),
        ] {
            assert!(!cache.knows(user, password, hash, soon), "{user}");
        }
        assert!(!cache.knows("ann", "pw", "h", start + TTL));
    }

    #[test]
    fn what_is_over_is_dropped() {
        let cache = Cache::new(TTL);
        let now = Instant::now();
        for i in 0..100 {
            cache.put("ann", &i.to_string(), "h", now);
        }
        cache.put("ann", "pw", "h", now + TTL);
        assert_eq!(cache.entries.lock().unwrap().len(), 1);
    }

    #[test]
    fn without_time_it_remembers_nothing() {
        let cache = Cache::new(Duration::ZERO);
        let now = Instant::now();
        cache.put("ann", "pw", "h", now);
        assert!(!cache.knows("ann", "pw", "h", now));
        assert!(cache.entries.lock().unwrap().is_empty());
    }
}
