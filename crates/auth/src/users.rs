use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use godwit_config::Config;

use crate::{
    access::{Access, StoredUser},
    directory::Directory,
    error::{Error, Result},
    password::{Cost, cost},
    storage::Storage,
    time::seconds,
};

mod admin;

pub(crate) use admin::DEFAULT_ADMIN;
pub use admin::FirstStart;

/// Who may enter, with the hashes of their passwords: users of the configuration, and those that are stored. What the
/// configuration says about a user counts, whatever is stored.
pub(crate) struct Users {
    configured: HashMap<String, Arc<str>>,
    /// The costliest of the configured ones.
    cost: Option<Cost>,
    directory: Arc<Directory>,
    summary: Mutex<Summary>,
}

/// What a password is checked against.
pub(crate) struct Candidates {
    /// One of them is to be its hash. As many for everybody, so that the time of a failure tells nothing.
    pub(crate) hashes: Vec<Arc<str>>,
    /// Whether any of them is a user's: the others are nobody's.
    pub(crate) is_user: bool,
}

/// What the users at one version of what is stored have in common.
#[derive(Clone)]
struct Summary {
    version: u64,
    /// A hash that no password has and that costs as much to check as the costliest one.
    dummy: Arc<str>,
    /// When the last password before stops being good.
    overlap: u64,
}

impl Users {
    /// The configured users, and the admin: configured, kept since an earlier start, or made now.
    ///
    /// # Errors
    /// [`Error::Password`] for a password or a hash that cannot be used, [`Error::Storage`] for the files of the admin.
    pub(crate) fn open(
        config: &Config,
        storage: &Storage,
        directory: Arc<Directory>,
    ) -> Result<(Self, FirstStart)> {
        let mut hashes = HashMap::new();
        for (name, user) in &config.users {
            hashes.insert(name.clone(), Arc::from(user.password_hash.expose()));
        }
        let (admin, first_start) = admin::open(config, storage)?;
        hashes.extend(admin);
        Self::new(hashes, directory).map(|users| (users, first_start))
    }

    /// Nobody: everyone is anonymous.
    pub(crate) fn none(directory: Arc<Directory>) -> Result<Self> {
        Self::new(HashMap::new(), directory)
    }

    /// Whether there is a user of that name who may enter now.
    pub(crate) fn is_active(&self, user: &str, now: SystemTime) -> bool {
        self.configured.contains_key(user)
            || self
                .directory
                .current()
                .user(user)
                .is_some_and(|user| is_active(user, seconds(now)))
    }

    /// What the user's password is checked against now; the same amount of it for a user who does not exist, may not
    /// enter or has no password.
    pub(crate) fn candidates(&self, user: &str, now: SystemTime) -> Candidates {
        let now = seconds(now);
        let access = self.directory.current();
        let mut hashes = match self.configured.get(user) {
            Some(hash) => vec![Arc::clone(hash)],
            None => access
                .user(user)
                .filter(|user| is_active(user, now))
                .map(|user| good_hashes(user, now))
                .unwrap_or_default(),
        };
        let is_user = !hashes.is_empty();
        let summary = self.summary(&access);
        let wanted = if now < summary.overlap { 2 } else { 1 };
        hashes.resize_with(hashes.len().max(wanted), || Arc::clone(&summary.dummy));
        Candidates { hashes, is_user }
    }

    fn new(configured: HashMap<String, Arc<str>>, directory: Arc<Directory>) -> Result<Self> {
        let mut costliest = None;
        for (name, hash) in &configured {
            let cost = cost(hash)
                .map_err(|why| Error::password(format!("users.{name}.password_hash"), why))?;
            costliest = Cost::more(costliest, cost);
        }
        let dummy = costliest.unwrap_or(Cost::DEFAULT).dummy_hash()?.into();
        Ok(Self {
            configured,
            cost: costliest,
            directory,
            summary: Mutex::new(Summary {
                version: 0,
                dummy,
                overlap: 0,
            }),
        })
    }

    fn summary(&self, access: &Access) -> Summary {
        let mut known = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version != access.version() {
            let hashes = access.users().flat_map(all_hashes);
            let costs = hashes.filter_map(|hash| cost(hash).ok());
            let costliest = costs.fold(self.cost, Cost::more);
            // Making it fails only for want of randomness; then the last one serves on.
            if let Ok(dummy) = costliest.unwrap_or(Cost::DEFAULT).dummy_hash() {
                known.dummy = dummy.into();
            }
            let overlaps = access.users().filter(|user| user.previous_hash.is_some());
            let ends = overlaps.filter_map(|user| user.previous_until);
            known.overlap = ends.max().unwrap_or_default();
            known.version = access.version();
        }
        known.clone()
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.configured.keys()).finish()
    }
}

fn is_active(user: &StoredUser, now: u64) -> bool {
    user.enabled && user.valid_until.is_none_or(|until| now < until)
}

fn has_previous(user: &StoredUser, now: u64) -> bool {
    user.previous_hash.is_some() && user.previous_until.is_some_and(|until| now < until)
}

fn all_hashes(user: &StoredUser) -> impl Iterator<Item = &str> {
    let hashes = user.password_hash.iter().chain(&user.previous_hash);
    hashes.map(String::as_str)
}

/// Those that count now. One that would cost too much to check counts as none: somebody else wrote it.
fn good_hashes(user: &StoredUser, now: u64) -> Vec<Arc<str>> {
    let previous = user
        .previous_hash
        .as_ref()
        .filter(|_| has_previous(user, now));
    let hashes = user.password_hash.iter().chain(previous);
    hashes
        .filter(|hash| cost(hash).is_ok())
        .map(|hash| Arc::from(hash.as_str()))
        .collect()
}

#[cfg(test)]
mod tests;
