use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::Config;

use crate::commit::Committer;
use crate::database::Database;
use crate::options::Options;
use crate::storage::{self, Storage};
use crate::{Error, layout};
use crate::{Result, Snapshot, SnapshotId, SnapshotInfo, State, Transaction};

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
    pub(crate) options: Options,
    pub(crate) cache: crate::snapshot::cache::Cache,
    pub(crate) running: crate::transaction::Running,
    pub(crate) counts: crate::figures::Counts,
    /// Whether the last round of maintenance had no time left to remove files.
    pub(crate) cleaning_was_left: AtomicBool,
    pub(crate) committer: Committer,
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
        let directory = path::absolute(data_dir).map_err(|why| unusable(data_dir, &why))?;
        let directory = directory.join("lake");
        let data = directory.join("data");
        let storage = Storage::open(&config.lake, &data, Arc::clone(&runtime))?;
        let database = match &config.lake.catalog {
            Some(url) => Database::postgres(url.expose()).await?,
            None => {
                let file = catalog_file(&directory).await?;
                if !file.exists() {
                    let name = format!("catalog {} is not there", file.display());
                    layout::refuse_files(&storage, &name).await?;
                }
                Database::sqlite(&file).await?
            }
        };
        layout::open(&database, &storage).await?;
        database.settle().await?;
        let inner = Arc::new(Inner {
            committer: Committer::start(&database)?,
            database,
            storage,
            runtime,
            options: Options::from(&config.lake),
            cache: crate::snapshot::cache::Cache::new(&config.lake),
            running: crate::transaction::Running::default(),
            counts: crate::figures::Counts::default(),
            cleaning_was_left: AtomicBool::new(false),
        });
        let lake = Self { inner };
        // So that it is known what there is when the catalog does not answer later. What is wrong with it is said to
        // those who need it.
        let _ = lake.latest().await;
        Ok(lake)
    }

    /// The newest snapshot.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
    pub async fn latest(&self) -> Result<Snapshot> {
        Snapshot::latest(self).await
    }

    /// What there was when the lake was last read, without reading it; `None` when it has not been yet.
    pub fn last_known(&self) -> Option<Arc<State>> {
        self.inner.cache.newest_state()
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

    /// The number that the next new schema, table or view gets. All that there are have smaller ones.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
    pub async fn next_number(&self) -> Result<i64> {
        let newest =
            "SELECT next_catalog_id FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1";
        let rows = self.inner.database.query(newest, &[]).await?;
        let row = rows.first();
        row.ok_or_else(|| Error::broken("the catalog has no snapshot"))?
            .int(0)
    }

    /// Begins a transaction on the newest snapshot.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
    pub async fn begin(&self) -> Result<Transaction> {
        let newest = self.latest().await?;
        Ok(Transaction::new(self.clone(), newest))
    }
}

/// The file of the embedded catalog, in a directory that is there.
async fn catalog_file(directory: &Path) -> Result<PathBuf> {
    let directory = directory.to_owned();
    let file = directory.join("catalog.sqlite");
    let prepare = move || {
        storage::make(&directory).map_err(|why| unusable(&directory, &why))?;
        let log = directory.join("catalog.sqlite-wal");
        if log.exists() && !file.exists() {
            return Err(Error::broken(format!(
                "{} is there without the database that it belongs to, {}: restore that, or take both away",
                log.display(),
                file.display()
            )));
        }
        Ok(file)
    };
    let prepared = tokio::task::spawn_blocking(prepare).await;
    prepared.map_err(Error::internal)?
}

fn unusable(directory: &Path, why: &std::io::Error) -> Error {
    Error::unavailable(format!("the directory {}: {why}", directory.display()))
}
