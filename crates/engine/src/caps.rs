//! Limits of every statement that can change while the server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use godwit_auth::access::Authority;
use godwit_config::{Config, parse_duration};

use crate::{Error, Result};

/// The limits that are in force.
#[derive(Debug)]
pub(crate) struct Caps(RwLock<Arc<Cap>>);

/// The limits of a moment.
#[derive(Debug)]
pub(crate) struct Cap {
    /// `query.timeout`
    pub(crate) timeout: Option<Duration>,
    role_timeouts: BTreeMap<String, Duration>,
    max_result_rows: u64,
    max_result_bytes: u64,
}

impl Caps {
    pub(crate) fn new(config: &Config) -> Self {
        Self(RwLock::new(Arc::new(Cap::new(config))))
    }

    pub(crate) fn set(&self, config: &Config) {
        let mut cap = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *cap = Arc::new(Cap::new(config));
    }

    pub(crate) fn now(&self) -> Arc<Cap> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Cap {
    fn new(config: &Config) -> Self {
        let query = &config.query;
        let roles = query.role_timeouts.iter();
        Self {
            timeout: query.timeout,
            // What is no duration was refused with the configuration.
            role_timeouts: roles
                .filter_map(|(role, text)| Some((role.clone(), parse_duration(text)?)))
                .collect(),
            max_result_rows: query.max_result_rows,
            max_result_bytes: query.max_result_bytes,
        }
    }

    /// How long a statement may take: the shortest of what its session says, its caller's roles, and the server.
    pub(crate) fn timeout_of(
        &self,
        own: Option<Duration>,
        authority: &Authority,
    ) -> Option<Duration> {
        let of_roles = authority
            .roles()
            .filter_map(|role| self.role_timeouts.get(role).copied());
        own.into_iter().chain(self.timeout).chain(of_roles).min()
    }

    /// Whether a result may be as large as this.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`].
    pub(crate) fn check_result(&self, rows: u64, bytes: u64) -> Result<()> {
        let is_above = |value: u64, limit: u64| limit > 0 && value > limit;
        if is_above(rows, self.max_result_rows) {
            return Err(Error::exhausted(format!(
                "the query gives more than {} rows, the most that one may (query.max_result_rows)",
                self.max_result_rows
            )));
        }
        if is_above(bytes, self.max_result_bytes) {
            return Err(Error::exhausted(format!(
                "the rows of the query take more than {} bytes, the most that those of one may (query.max_result_bytes)",
                self.max_result_bytes
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use godwit_auth::access::{Access, Record, Role};

    use super::*;

    fn authority(roles: &[&str]) -> Authority {
        let roles: BTreeSet<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let stored = roles.iter().cloned().map(|name| {
            let roles = BTreeSet::new();
            Record::Role(Role { name, roles })
        });
        let access = Access::configured(BTreeMap::new()).with(1, stored.collect::<Vec<_>>());
        let carried: Vec<Arc<str>> = roles.iter().map(|role| role.as_str().into()).collect();
        Arc::new(access).authority("ada", &carried)
    }

    #[test]
    fn the_shortest_time_counts() {
        let second = Duration::from_secs;
        let mut config = Config::default();
        config.query.role_timeouts = BTreeMap::from([
            ("slow".to_owned(), "40s".to_owned()),
            ("quick".to_owned(), "20s".to_owned()),
        ]);
        let caps = Caps::new(&config);
        let of = |own, roles: &[&str]| caps.now().timeout_of(own, &authority(roles));
        assert_eq!(of(None, &[]), None);
        assert_eq!(of(Some(second(5)), &[]), Some(second(5)));
        assert_eq!(of(None, &["slow", "quick"]), Some(second(20)));
        assert_eq!(of(Some(second(90)), &["slow"]), Some(second(40)));
        config.query.timeout = Some(second(30));
        caps.set(&config);
        assert_eq!(of(Some(second(90)), &["slow"]), Some(second(30)));
        assert_eq!(of(None, &[]), Some(second(30)));
    }

    #[test]
    fn results_are_bounded_by_rows_and_by_bytes() {
        let mut config = Config::default();
        assert!(
            Caps::new(&config)
                .now()
                .check_result(u64::MAX, u64::MAX)
                .is_ok()
        );
        (config.query.max_result_rows, config.query.max_result_bytes) = (10, 1000);
        let cap = Caps::new(&config).now();
        cap.check_result(10, 1000).unwrap();
        let rows = cap.check_result(11, 0).unwrap_err().to_string();
        assert!(rows.contains("query.max_result_rows"), "{rows}");
        let bytes = cap.check_result(0, 1001).unwrap_err().to_string();
        assert!(bytes.contains("query.max_result_bytes"), "{bytes}");
    }
}
