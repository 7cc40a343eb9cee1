//! Where [`Access`] is kept, and how it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use async_trait::async_trait;
use godwit_config::Secret;

use crate::access::{Access, Record, RecordKey};
use crate::error::{Error, Result};
use crate::password::hash_password;
use crate::peer::Peer;
use crate::turns::Turns;

/// How often a change is made again on what others have changed meanwhile.
const ATTEMPTS: usize = 8;

/// A place that keeps records for good: pairs of a key and a text, all at one version that grows with every change.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// All records with their version; `None` when that is still `known`.
    async fn load(&self, known: Option<u64>) -> Result<Option<Stored>>;

    /// Writes and removes records in one step, if their version is still `expected`, and tells the new version; `None`
    /// when somebody else was faster, and nothing is changed then.
    async fn change(
        &self,
        expected: u64,
        put: Vec<(String, String)>,
        removed: Vec<String>,
    ) -> Result<Option<u64>>;
}

/// What a [`Store`] keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Grows with every change; zero before the first.
    pub version: u64,
    /// Keys and texts.
    pub records: Vec<(String, String)>,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new record, or another in place of one of the same key.
    Put(Record),
    /// A record that is gone.
    Remove(RecordKey),
}

/// Users, roles and grants of a server, as they are now.
#[derive(Debug)]
pub struct Directory {
    current: RwLock<Arc<Access>>,
    store: OnceLock<Arc<dyn Store>>,
    changing: tokio::sync::Mutex<()>,
    /// Those of logins too.
    turns: Turns,
}

impl Directory {
    /// What the configuration says: users with their roles. Passwords are hashed when it is their turn.
    pub(crate) fn new(configured: BTreeMap<String, BTreeSet<String>>, turns: Turns) -> Self {
        Self {
            current: RwLock::new(Arc::new(Access::configured(configured))),
            store: OnceLock::new(),
            changing: tokio::sync::Mutex::default(),
            turns,
        }
    }

    /// Reads what is kept in a store, and keeps changes there from now on. A second store is ignored.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn attach(&self, store: Arc<dyn Store>) -> Result<()> {
        let store = self.store.get_or_init(|| store);
        let stored = store.load(None).await?.unwrap_or_default();
        self.take(stored)
    }

    /// Has these records at a version, without a store.
    #[cfg(test)]
    pub(crate) fn put(&self, version: u64, records: impl IntoIterator<Item = Record>) {
        let access = self.current().with(version, records);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(access);
    }

    /// As it is now.
    #[must_use]
    pub fn current(&self) -> Arc<Access> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what a new configuration says: users with their roles.
    pub(crate) async fn reconfigure(&self, configured: BTreeMap<String, BTreeSet<String>>) {
        let _changing = self.changing.lock().await;
        let access = self.current().reconfigured(configured);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(access);
    }

    /// Reads what others have changed: servers that share the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn refresh(&self) -> Result<()> {
        let _changing = self.changing.lock().await;
        self.reload().await
    }

    /// Changes it: `decide` says how, by what there is now, and is asked again when another server was faster.
    ///
    /// # Errors
    /// What `decide` returns; when the store cannot be written.
    pub async fn change<E: From<Error>>(
        &self,
        mut decide: impl FnMut(&Access) -> Result<Vec<Change>, E>,
    ) -> Result<(), E> {
        let store = self
            .store
            .get()
            .ok_or_else(|| Error::internal("users and grants have no place where they are kept"))?;
        let _changing = self.changing.lock().await;
        for _ in 0..ATTEMPTS {
            let access = self.current();
            let changes = decide(&access)?;
            if changes.is_empty() {
                return Ok(());
            }
            let (put, removed) = divided(changes)?;
            let changed = store.change(access.version(), put, removed).await?;
            self.reload().await?;
            if changed.is_some() {
                return Ok(());
            }
        }
        Err(Error::Contended.into())
    }

    /// The hash that a password is kept as, made off the threads that serve calls and with as few others at a time as
    /// passwords of logins are checked. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait; [`Error::Password`] for an empty one.
    pub async fn hash(&self, password: Secret) -> Result<String> {
        let turn = self.turns.take(Peer::UNKNOWN).await?;
        let hash = move || (hash_password(password.expose()), turn);
        let work = tokio::task::spawn_blocking(hash).await;
        work.map_err(Error::internal)?.0
    }

    async fn reload(&self) -> Result<()> {
        let Some(store) = self.store.get() else {
            return Ok(());
        };
        match store.load(Some(self.current().version())).await? {
            Some(stored) => self.take(stored),
            None => Ok(()),
        }
    }

    fn take(&self, stored: Stored) -> Result<()> {
        let records: Result<Vec<_>> = stored.records.iter().map(read).collect();
        let access = self.current().with(stored.version, records?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(access);
        Ok(())
    }
}

/// A record that is not understood may be one that takes rights away, so it is never skipped.
fn read((key, text): &(String, String)) -> Result<Record> {
    // serde_json's messages quote values, and some records hold a hash.
    serde_json::from_str(text).map_err(|error| {
        let why = format!(
            "the record '{key}' of users and grants is not understood at {}",
            error.column()
        );
        Error::internal(why)
    })
}

type Steps = (Vec<(String, String)>, Vec<String>);

fn divided(changes: Vec<Change>) -> Result<Steps> {
    let (mut put, mut removed) = Steps::default();
    for change in changes {
        match change {
            Change::Put(record) => {
                let text = serde_json::to_string(&record).map_err(Error::internal)?;
                put.push((record.key().as_str().to_owned(), text));
            }
            Change::Remove(key) => removed.push(key.as_str().to_owned()),
        }
    }
    Ok((put, removed))
}
