use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::Config;

use crate::database::Database;
use crate::storage::Storage;
use crate::{Result, Snapshot, SnapshotId, SnapshotInfo, Transaction};

/// A lake: durable tables with their history. A clone is the same lake.
#[derive(Debug, Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) storage: Storage,
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) cache: crate::snapshot::cache::Cache,
}

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A snapshot by its number.
    Version(SnapshotId),
    /// The newest snapshot that was committed by then.
    Time(DateTime<Utc>),
}

impl Lake {
    /// Opens the lake of a configuration, or makes it where there is none. Its store is registered with the runtime.
    ///
    /// # Errors
    /// [`crate::Error::Broken`] when what is there is half made, of another version or of another lake;
    /// [`crate::Error::Unavailable`].
    pub async fn open(config: &Config, data_dir: &Path, runtime: Arc<RuntimeEnv>) -> Result<Self> {
        let _ = (config, data_dir, runtime);
        unimplemented!()
    }

    /// The newest snapshot.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
    pub async fn latest(&self) -> Result<Snapshot> {
        Snapshot::latest(self).await
    }

    /// An older snapshot.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when there is none, or no longer.
    pub async fn at(&self, at: At) -> Result<Snapshot> {
        Snapshot::find(self, at).await
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
    pub async fn snapshots(&self) -> Result<Vec<SnapshotInfo>> {
        Snapshot::list(self).await
    }

    /// Begins a transaction on the newest snapshot.
    pub async fn begin(&self) -> Result<Transaction> {
        unimplemented!()
    }
}
