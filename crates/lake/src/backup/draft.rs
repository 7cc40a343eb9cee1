use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::{Error, Result};
use crate::storage::sync_one;

/// A backup that is being made, beside the place where it will be. Dropped before it is whole, it is removed; what a killed
/// process left is removed by the next one that makes the same.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    to: PathBuf,
    /// The system frees the lock with the process, however that ends.
    _lock: File,
    is_whole: bool,
}

impl Draft {
    /// Makes the directory of a backup that will be at `to`, where there must be nothing.
    pub(super) fn begin(to: &Path) -> Result<Self> {
        if fs::symlink_metadata(to).is_ok() {
            return Err(Error::place(
                to,
                "is there already; a backup is never overwritten",
            ));
        }
        let path = to.with_added_extension("partial");
        if let Some(above) = to.parent() {
            crate::storage::make(above).map_err(Error::at(above))?;
        }
        make(&path)?;
        let lock = lock(&path)?;
        clear(&path).map_err(Error::at(&path))?;
        Ok(Self {
            path,
            to: to.to_owned(),
            _lock: lock,
            is_whole: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Has everything safe on disk, and gives it its name.
    pub(super) fn finish(mut self) -> Result<()> {
        sync_directories(&self.path).map_err(Error::at(&self.path))?;
        if fs::symlink_metadata(&self.to).is_ok() {
            return Err(Error::place(
                &self.to,
                "has been made meanwhile; a backup is never overwritten",
            ));
        }
        fs::rename(&self.path, &self.to).map_err(Error::at(&self.to))?;
        self.is_whole = true;
        match self.to.parent() {
            Some(above) => sync_one(above).map_err(Error::at(above)),
            None => Ok(()),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_whole {
            // What cannot be removed has a name that says what it is.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn make(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => Err(Error::place(path, why)),
        _ => Ok(()),
    }
}

fn lock(path: &Path) -> Result<File> {
    let directory = File::open(path).map_err(Error::at(path))?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => {
            Err(Error::place(path, "another process is making this backup"))
        }
        Err(TryLockError::Error(why)) => Err(Error::place(path, why)),
    }
}

/// Removes all that is in a directory.
pub(super) fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// Deepest first: a directory is safe before what names it.
fn sync_directories(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_directories(&entry.path())?;
        }
    }
    sync_one(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_there_wholly_or_not_at_all() {
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("deep/backup");
        let draft = Draft::begin(&to).unwrap();
        fs::write(draft.path().join("file"), "half").unwrap();
        let why = Draft::begin(&to).unwrap_err().to_string();
        assert!(why.contains("another process"), "{why}");
        drop(draft);
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 0);

        // As a killed process leaves it.
        fs::create_dir(to.with_added_extension("partial")).unwrap();
        fs::write(to.with_added_extension("partial").join("left"), "half").unwrap();
        let draft = Draft::begin(&to).unwrap();
        fs::write(draft.path().join("file"), "whole").unwrap();
        draft.finish().unwrap();
        let names: Vec<_> = fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["file"]);
        let why = Draft::begin(&to).unwrap_err().to_string();
        assert!(why.contains("never overwritten"), "{why}");
    }
}
