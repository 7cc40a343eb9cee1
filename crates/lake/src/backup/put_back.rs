use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use godwit_config::Config;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt;

use super::catalog::{SQLITE, TABLES, Table, sqlite_file};
use super::digest::{self, Measure};
use super::files::{Together, blocking};
use super::manifest::{CatalogKind, Entry, Manifest};
use super::rewrite::rewrite;
use super::{Companion, Error, Progress, Result, Step, beside, draft, progress, vacant, verify};
use crate::database::Database;
use crate::layout;
use crate::storage::{Storage, make, sync_one};

/// How much is sent to an object store at a time, in bytes.
const PART: usize = 8 << 20;

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup says about itself.
    pub manifest: Manifest,
    /// Companions that were left as they are, because there was something in their places.
    pub left: Vec<&'static str>,
}

/// Verifies a backup, and puts it back into a data directory of which nothing is used yet, an empty data path, and an empty
/// catalog of the same kind. The catalog comes last: until then there is no lake.
///
/// # Errors
/// [`Error`]; then what was made is removed from the data path, and the catalog is empty, unless [`Error::is_in_doubt`].
/// What is in the data directory has to be removed by the caller.
pub async fn restore(
    config: &Config,
    companions: &[Companion],
    from: &Path,
    progress: Arc<dyn Progress>,
) -> Result<Restored> {
    let manifest = verify(from, Arc::clone(&progress)).await?;
    let data_dir = std::path::absolute(&config.data_dir).map_err(Error::at(&config.data_dir))?;
    let data = data_dir.join("lake/data");
    let storage = Storage::open(&config.lake, &data, Arc::default())?;
    let database = match (&config.lake.catalog, manifest.catalog) {
        (Some(url), CatalogKind::Postgres) => Some(Database::postgres(url.expose()).await?),
        (None, CatalogKind::Sqlite) => None,
        (Some(_), CatalogKind::Sqlite) => return Err(other_kind("the embedded catalog", "remove")),
        (None, CatalogKind::Postgres) => return Err(other_kind("a catalog in PostgreSQL", "set")),
    };
    if let Some(database) = &database {
        vacant::catalog(database).await?;
    }
    vacant::files(&storage).await?;
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    progress.begin(Step::Restore, manifest.files.len() as u64, bytes);
    let work = Work {
        from: from.to_owned(),
        storage,
        progress: Together::new(progress),
        uploaded: Mutex::default(),
    };
    let work = Arc::new(work);
    let done = work
        .put_back(&manifest, companions, database.as_ref(), &data_dir)
        .await;
    match done {
        Err(why) if !why.is_in_doubt() => {
            work.undo().await;
            Err(why)
        }
        Err(why) => Err(why),
        Ok(left) => {
            let database = match database {
                Some(database) => database,
                None => Database::sqlite(&sqlite_file(&data_dir)?).await?,
            };
            layout::recognised(&database, &work.storage).await?;
            Ok(Restored { manifest, left })
        }
    }
}

impl Error {
    /// Whether the lake may have been put back all the same: the catalog's last answer was lost.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Lake(why) if why.is_in_doubt())
    }
}

fn other_kind(has: &str, change: &str) -> Error {
    Error::Usage(format!(
        "the backup has {has}, and goes back into one of the same kind: {change} lake.catalog"
    ))
}

#[derive(Debug)]
struct Work {
    from: PathBuf,
    storage: Storage,
    progress: Arc<Together>,
    /// What was written to an object store, relative to the data path.
    uploaded: Mutex<Vec<String>>,
}

impl Work {
    async fn put_back(
        self: &Arc<Self>,
        manifest: &Manifest,
        companions: &[Companion],
        database: Option<&Database>,
        data_dir: &Path,
    ) -> Result<Vec<&'static str>> {
        let left = self.beside(manifest, companions)?;
        self.storage.expect(0).await?;
        let files = manifest
            .files
            .iter()
            .filter_map(|file| Some((file, place(file)?)));
        let work = files.map(|(file, place)| self.file(file.clone(), place));
        let written = self.progress.each(work).await?;
        self.storage.sync_all(written).await?;
        match database {
            None => self.sqlite(manifest, data_dir).await?,
            Some(database) => self.postgres(manifest, database).await?,
        }
        Ok(left)
    }

    /// Puts a file to where the lake has it, relative to the data path; where that is.
    async fn file(self: &Arc<Self>, file: Entry, place: String) -> Result<String> {
        progress::go_on(&*self.progress)?;
        match self.storage.directory() {
            Some(directory) => {
                let (this, to) = (Arc::clone(self), directory.join(&place));
                blocking(move || this.copy(&file, &to)).await?;
            }
            None => self.upload(&file, &place).await?,
        }
        Ok(place)
    }

    fn copy(&self, file: &Entry, to: &Path) -> Result<()> {
        let from = self.from.join(&file.path);
        let mut source = File::open(&from).map_err(Error::at(&from))?;
        let measure = digest::copy(&mut source, &from, to, &*self.progress)?;
        self.expect(file, &measure)
    }

    /// It has been compared before; then it was read from a disk that may read something else now.
    fn expect(&self, file: &Entry, found: &Measure) -> Result<()> {
        if found.bytes == file.bytes && found.sha256 == file.sha256 {
            return Ok(());
        }
        Err(Error::not_whole(
            &self.from,
            format!("{} has another content than it had", file.path),
        ))
    }

    async fn upload(&self, file: &Entry, place: &str) -> Result<()> {
        let from = self.from.join(&file.path);
        let location = self.storage.locate(place)?;
        let mut source = tokio::fs::File::open(&from)
            .await
            .map_err(Error::at(&from))?;
        let mut sink =
            BufWriter::with_capacity(Arc::clone(self.storage.store()), location.path, PART);
        self.note(place);
        let sent = self.send(&mut source, &mut sink, &from, place).await;
        let sent = sent.and_then(|measure| self.expect(file, &measure));
        match sent {
            Ok(()) => sink.shutdown().await.map_err(|why| self.failed(place, why)),
            Err(why) => {
                // What was sent is forgotten by the store, now or by its rules for uploads that were given up.
                let _ = sink.abort().await;
                Err(why)
            }
        }
    }

    async fn send(
        &self,
        source: &mut tokio::fs::File,
        sink: &mut BufWriter,
        from: &Path,
        place: &str,
    ) -> Result<Measure> {
        use tokio::io::AsyncReadExt;
        let mut meter = digest::Meter::new();
        let mut buffer = vec![0; PART];
        loop {
            let count = source.read(&mut buffer).await.map_err(Error::at(from))?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
                return Ok(meter.finish());
            };
            meter.add(chunk);
            sink.write_all(chunk)
                .await
                .map_err(|why| self.failed(place, why))?;
            progress::advance(&*self.progress, count)?;
        }
    }

    fn failed(&self, place: &str, why: std::io::Error) -> Error {
        let message = format!(
            "{}{place}: {}",
            self.storage.data_path(),
            crate::chain(&why)
        );
        Error::Lake(crate::Error::unavailable(message))
    }

    fn note(&self, place: &str) {
        let mut uploaded = self.uploaded.lock().unwrap_or_else(PoisonError::into_inner);
        uploaded.push(place.to_owned());
    }

    /// The names of companions that were not put back.
    fn beside(&self, manifest: &Manifest, companions: &[Companion]) -> Result<Vec<&'static str>> {
        let mut left = Vec::new();
        for companion in companions {
            let prefix = format!("beside/{}/", companion.name);
            let files = manifest.files.iter();
            let files: Vec<_> = files
                .filter_map(|file| Some((file, file.path.strip_prefix(&prefix)?)))
                .collect();
            if !beside::is_empty(&companion.path).map_err(Error::at(&companion.path))? {
                left.push(companion.name);
                continue;
            }
            for (file, name) in files {
                self.copy(file, &companion.path.join(name))?;
            }
        }
        Ok(left)
    }

    /// The file gets its name when all is in it.
    async fn sqlite(&self, manifest: &Manifest, data_dir: &Path) -> Result<()> {
        let to = sqlite_file(data_dir)?;
        let draft = to.with_added_extension("restoring");
        self.named(manifest, SQLITE, &draft)?;
        let database = Database::sqlite(&draft).await?;
        let mut writing = database.write().await?;
        rewrite(&mut writing, manifest, self.storage.data_path()).await?;
        writing.commit().await?;
        drop(database);
        sync_one(&draft).map_err(Error::at(&draft))?;
        progress::go_on(&*self.progress)?;
        fs::rename(&draft, &to).map_err(Error::at(&to))?;
        match to.parent() {
            Some(above) => sync_one(above).map_err(Error::at(above)),
            None => Ok(()),
        }
    }

    /// Everything in one transaction.
    async fn postgres(&self, manifest: &Manifest, database: &Database) -> Result<()> {
        let text = fs::read(self.from.join(TABLES)).map_err(Error::at(&self.from))?;
        let tables: Vec<Table> = serde_json::from_slice(&text)
            .map_err(|why| Error::not_whole(&self.from, format!("{TABLES}: {why}")))?;
        let mut writing = database.found().await?;
        for table in &tables {
            writing.execute(&table.create(), &[]).await?;
            let rows = self.from.join(&table.rows);
            let rows = tokio::fs::File::open(&rows)
                .await
                .map_err(Error::at(&rows))?;
            writing.copy_in(&table.fill(), rows).await?;
            progress::go_on(&*self.progress)?;
        }
        rewrite(&mut writing, manifest, self.storage.data_path()).await?;
        Ok(writing.commit().await?)
    }

    fn named(&self, manifest: &Manifest, path: &str, to: &Path) -> Result<()> {
        let file = manifest.files.iter().find(|file| file.path == path);
        let file = file.ok_or_else(|| Error::not_whole(&self.from, format!("it lacks {path}")))?;
        if let Some(above) = to.parent() {
            make(above).map_err(Error::at(above))?;
        }
        self.copy(file, to)
    }

    /// The data path was empty, and is to be so again. What cannot be removed is named by the next attempt.
    async fn undo(&self) {
        if let Some(directory) = self.storage.directory() {
            if directory.is_dir() {
                let _ = draft::clear(directory);
            }
            return;
        }
        let uploaded =
            std::mem::take(&mut *self.uploaded.lock().unwrap_or_else(PoisonError::into_inner));
        if let Err(why) = self.storage.remove(uploaded).await {
            tracing::warn!("what was uploaded is left: {why}");
        }
    }
}

/// Where a file of the lake goes, relative to the data path; `None` for the catalog and companions.
fn place(file: &Entry) -> Option<String> {
    match file.path.split_once('/') {
        Some(("data", place)) => Some(place.to_owned()),
        Some(("elsewhere", _)) => Some(file.path.clone()),
        _ => None,
    }
}
