use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;

use crate::Lake;

/// Files that a transaction wrote. Those that are still here when it is dropped are removed.
#[derive(Debug)]
pub(crate) struct Files {
    lake: Lake,
    paths: Mutex<Vec<String>>,
}

impl Files {
    pub(crate) fn new(lake: Lake) -> Self {
        Self {
            lake,
            paths: Mutex::default(),
        }
    }

    /// A file is about to be written.
    pub(crate) fn add(&self, path: String) {
        self.lock().push(path);
    }

    /// Takes over those of another transaction.
    pub(crate) fn adopt(&self, other: &Self) {
        let theirs = std::mem::take(&mut *other.lock());
        self.lock().extend(theirs);
    }

    /// Those that are neither kept nor removed.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// These ones stay.
    pub(crate) fn keep(&self, is_kept: impl Fn(&str) -> bool) {
        self.lock().retain(|path| !is_kept(path));
    }

    /// Removes those that are not kept. What cannot be removed is left to the search for orphans.
    pub(crate) async fn remove_all(&self) {
        let paths = std::mem::take(&mut *self.lock());
        remove(&self.lake, paths).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let paths = std::mem::take(&mut *self.lock());
        if paths.is_empty() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let lake = self.lake.clone();
            runtime.spawn(async move { remove(&lake, paths).await });
        }
    }
}

async fn remove(lake: &Lake, paths: Vec<String>) {
    if paths.is_empty() {
        return;
    }
    if let Err(error) = lake.inner.storage.remove(paths).await {
        tracing::warn!(%error, "files of a transaction that was not committed were not removed");
    }
}
