//! Copies files of a lake into a draft.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, stream};
use object_store::{GetResultPayload, ObjectStoreExt};

use super::digest::{self, Measure, Sink};
use super::listing::Named;
use super::manifest::{Entry, Manifest};
use super::progress::advance;
use super::{AT_A_TIME, Error, Progress, Result, Step};
use crate::storage::Storage;

/// Work in several places: when it fails in one, the others stop.
#[derive(Debug)]
pub(super) struct Together {
    progress: Arc<dyn Progress>,
    has_failed: AtomicBool,
}

/// An earlier backup, whose files need not be fetched again.
#[derive(Debug)]
pub(super) struct Base {
    path: PathBuf,
    files: HashMap<String, Entry>,
}

/// Where files come from and go to.
#[derive(Debug)]
pub(super) struct Copier {
    pub(super) storage: Storage,
    pub(super) draft: PathBuf,
    pub(super) base: Option<Base>,
    pub(super) progress: Arc<Together>,
}

/// What became of a file.
#[derive(Debug)]
pub(super) enum Outcome {
    Copied(Entry),
    /// The base had it.
    Reused(Entry),
    /// It is not there, with what the lake says about that.
    Gone(crate::Error),
}

impl Together {
    pub(super) fn new(progress: Arc<dyn Progress>) -> Arc<Self> {
        Arc::new(Self {
            progress,
            has_failed: AtomicBool::new(false),
        })
    }

    /// Does all of it, and gives the first error when everything has ended.
    pub(super) async fn each<T, F>(&self, work: impl Iterator<Item = F>) -> Result<Vec<T>>
    where
        F: Future<Output = Result<T>>,
    {
        let mut results = stream::iter(work).buffer_unordered(AT_A_TIME);
        let (mut done, mut first) = (Vec::new(), None);
        while let Some(result) = results.next().await {
            match result {
                Ok(one) => done.push(one),
                Err(why) => {
                    self.has_failed.store(true, Ordering::Relaxed);
                    first.get_or_insert(why);
                }
            }
        }
        first.map_or(Ok(done), Err)
    }
}

impl Progress for Together {
    fn begin(&self, step: Step, files: u64, bytes: u64) {
        self.progress.begin(step, files, bytes);
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(bytes);
    }

    fn is_stopped(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.progress.is_stopped()
    }
}

impl Base {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let files = Manifest::read(path)?.files.into_iter();
        Ok(Self {
            path: path.to_owned(),
            files: files.map(|file| (file.path.clone(), file)).collect(),
        })
    }

    /// Links a file of the base into the draft, or copies it where a link cannot be made, if it is what its manifest says.
    fn give(
        &self,
        path: &str,
        bytes: Option<u64>,
        draft: &Path,
        progress: &dyn Progress,
    ) -> Result<Option<Entry>> {
        let Some(known) = self.files.get(path) else {
            return Ok(None);
        };
        if bytes.is_some_and(|bytes| bytes != known.bytes) {
            return Ok(None);
        }
        let (from, to) = (self.path.join(path), draft.join(path));
        let expected = Measure {
            bytes: known.bytes,
            sha256: known.sha256.clone(),
        };
        // One that cannot be read, or that has changed, is fetched from the lake.
        match digest::measure(&from, progress) {
            Ok(measure) if measure == expected => {}
            Err(Error::Stopped) => return Err(Error::Stopped),
            _ => return Ok(None),
        }
        if let Some(above) = to.parent() {
            crate::storage::make(above).map_err(Error::at(above))?;
        }
        if fs::hard_link(&from, &to).is_err() {
            let mut file = fs::File::open(&from).map_err(Error::at(&from))?;
            if digest::copy(&mut file, &from, &to, &Silent(progress))? != expected {
                digest::remove(&to)?;
                return Ok(None);
            }
        }
        Ok(Some(known.clone()))
    }
}

/// Of whom only the end of the work is asked: the bytes were told before.
#[derive(Debug)]
struct Silent<'a>(&'a dyn Progress);

impl Progress for Silent<'_> {
    fn begin(&self, _: Step, _: u64, _: u64) {}

    fn advance(&self, _: u64) {}

    fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }
}

impl Copier {
    /// Copies one file.
    pub(super) async fn copy(self: &Arc<Self>, path: String, named: Named) -> Result<Outcome> {
        let this = Arc::clone(self);
        let (place, bytes) = (path.clone(), named.bytes);
        let given = blocking(move || match &this.base {
            Some(base) => base.give(&place, bytes, &this.draft, &*this.progress),
            None => Ok(None),
        });
        if let Some(entry) = given.await? {
            return Ok(Outcome::Reused(Entry {
                row: named.row,
                ..entry
            }));
        }
        super::progress::go_on(&*self.progress)?;
        let measure = match self.fetch(&named.path, self.draft.join(&path)).await? {
            Ok(measure) => measure,
            Err(gone) => return Ok(Outcome::Gone(gone)),
        };
        if named.bytes.is_some_and(|bytes| bytes != measure.bytes) {
            return Err(Error::Lake(crate::Error::broken(format!(
                "{}{} has {} bytes, and the catalog says {}",
                self.storage.data_path(),
                named.path,
                measure.bytes,
                named.bytes.unwrap_or_default()
            ))));
        }
        Ok(Outcome::Copied(Entry {
            path,
            bytes: measure.bytes,
            sha256: measure.sha256,
            row: named.row,
        }))
    }

    /// The inner error is that of a file that is not there.
    async fn fetch(
        self: &Arc<Self>,
        path: &str,
        to: PathBuf,
    ) -> Result<Result<Measure, crate::Error>> {
        let location = self.storage.locate(path)?;
        let failed = |why: &object_store::Error| self.storage.failed(path, why);
        let found = match self.storage.store().get(&location.path).await {
            Err(why @ object_store::Error::NotFound { .. }) => return Ok(Err(failed(&why))),
            found => found.map_err(|why| failed(&why))?,
        };
        match found.payload {
            GetResultPayload::File(mut file, from) => {
                let this = Arc::clone(self);
                blocking(move || digest::copy(&mut file, &from, &to, &*this.progress))
                    .await
                    .map(Ok)
            }
            GetResultPayload::Stream(mut chunks) => {
                let mut sink = Sink::create(&to)?;
                while let Some(chunk) = chunks.next().await {
                    let chunk = chunk.map_err(|why| failed(&why))?;
                    sink.write(&chunk)?;
                    advance(&*self.progress, chunk.len())?;
                }
                blocking(move || sink.finish()).await.map(Ok)
            }
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let ended = tokio::task::spawn_blocking(call).await;
    ended.map_err(|why| Error::Lake(crate::Error::internal(why)))?
}
