use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
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

/// A version that there is not.
const NO_VERSION: u64 = u64::MAX;

/// Who may enter, with the hashes of their passwords: users of the configuration, and those that are stored. What the
/// configuration says about a user counts, whatever is stored.
pub(crate) struct Users {
    configured: RwLock<Arc<Configured>>,
    /// The admin, who stays the same while the server runs.
    admin: Option<(String, Arc<str>)>,
    directory: Arc<Directory>,
    summary: Mutex<Summary>,
}

/// The users of the configuration, with the hashes of their passwords.
struct Configured {
    hashes: HashMap<String, Arc<str>>,
    /// The costliest of them.
    cost: Option<Cost>,
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
        let (admin, first_start) = admin::open(config, storage)?;
        let configured = Configured::read(config, admin.clone())?;
        Self::new(configured, admin, directory).map(|users| (users, first_start))
    }

    /// Takes the users of a new configuration; the admin stays.
    ///
    /// # Errors
    /// [`Error::Password`] for a hash that cannot be used; then nothing has changed.
    pub(crate) fn reconfigure(&self, config: &Config) -> Result<()> {
        let configured = Configured::read(config, self.admin.clone())?;
        let mut current = self
            .configured
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(configured);
        drop(current);
        let mut known = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        known.version = NO_VERSION;
        Ok(())
    }

    /// Nobody: everyone is anonymous.
    pub(crate) fn none(directory: Arc<Directory>) -> Result<Self> {
        let nobody = Configured {
            hashes: HashMap::new(),
            cost: None,
        };
        Self::new(nobody, None, directory)
    }

    /// Whether there is a user of that name who may enter now.
    pub(crate) fn is_active(&self, user: &str, now: SystemTime) -> bool {
        self.configured().hashes.contains_key(user)
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
        let configured = self.configured();
        let mut hashes = match configured.hashes.get(user) {
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

    fn new(
        configured: Configured,
        admin: Option<(String, Arc<str>)>,
        directory: Arc<Directory>,
    ) -> Result<Self> {
        let dummy = configured
            .cost
            .unwrap_or(Cost::DEFAULT)
            .dummy_hash()?
            .into();
        Ok(Self {
            configured: RwLock::new(Arc::new(configured)),
            admin,
            directory,
            summary: Mutex::new(Summary {
                version: 0,
                dummy,
                overlap: 0,
            }),
        })
    }

    fn configured(&self) -> Arc<Configured> {
        let configured = self.configured.read();
        Arc::clone(&configured.unwrap_or_else(PoisonError::into_inner))
    }

    fn summary(&self, access: &Access) -> Summary {
        let mut known = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version != access.version() {
            let hashes = access.users().flat_map(all_hashes);
            let costs = hashes.filter_map(|hash| cost(hash).ok());
            let costliest = costs.fold(self.configured().cost, Cost::more);
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
        f.debug_set()
            .entries(self.configured().hashes.keys())
            .finish()
    }
}

impl Configured {
    fn read(config: &Config, admin: Option<(String, Arc<str>)>) -> Result<Self> {
        let users = config.users.iter();
        let mut hashes: HashMap<String, Arc<str>> = users
            .map(|(name, user)| (name.clone(), Arc::from(user.password_hash.expose())))
            .collect();
        hashes.extend(admin);
        let mut costliest = None;
        for (name, hash) in &hashes {
            let cost = cost(hash)
                .map_err(|why| Error::password(format!("users.{name}.password_hash"), why))?;
            costliest = Cost::more(costliest, cost);
        }
        Ok(Self {
            hashes,
            cost: costliest,
        })
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
