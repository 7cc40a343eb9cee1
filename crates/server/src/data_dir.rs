use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The data directory, for as long as this process has it to itself.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// The system frees the lock with the process, however that ends.
    _lock: File,
}

/// There while a backup is put back.
const RESTORING: &str = "restoring";

/// What says nothing about whether a directory is used.
const NEUTRAL: [&str; 2] = ["lock", "lost+found"];

impl DataDir {
    /// Makes the directory if it is missing, closes it to other users, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let this = Self::lock(path)?;
        match this.path.join(RESTORING).exists() {
            true => Err(interrupted(path)),
            false => Ok(this),
        }
    }

    /// The same with a directory in which nothing is yet. It cannot be opened otherwise until [`Self::settle`].
    pub(crate) fn open_vacant(path: &Path) -> Result<Self> {
        let this = Self::lock(path)?;
        if path.join(RESTORING).exists() {
            return Err(interrupted(path));
        }
        if let Some(name) = this.content()?.first() {
            let why =
                format!("data directory: holds {name}; a backup is restored into an empty one");
            return Err(Error::data_dir(path, why));
        }
        write_private(&path.join(RESTORING), b"")?;
        this.sync()?;
        Ok(this)
    }

    /// What is there is whole.
    pub(crate) fn settle(&self) -> Result<()> {
        let marker = self.path.join(RESTORING);
        self.sync()?;
        fs::remove_file(&marker).map_err(|why| Error::data_dir(&marker, why))?;
        self.sync()
    }

    /// Removes all that is there, the marker of a restore last.
    pub(crate) fn clear(&self) -> Result<()> {
        let mut names = self.content()?;
        names.sort_by_key(|name| name == RESTORING);
        for name in names {
            let path = self.path.join(name);
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.map_err(|why| Error::data_dir(&path, why))?;
        }
        Ok(())
    }

    fn content(&self) -> Result<Vec<String>> {
        let failed = |why| Error::data_dir(&self.path, why);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.push(name.to_string_lossy().into_owned());
        }
        names.retain(|name| !NEUTRAL.contains(&name.as_str()));
        Ok(names)
    }

    fn sync(&self) -> Result<()> {
        let synced = File::open(&self.path).and_then(|directory| directory.sync_all());
        synced.map_err(|why| Error::data_dir(&self.path, why))
    }

    fn lock(path: &Path) -> Result<Self> {
        let failed = |why: std::io::Error| Error::data_dir(path, format!("data directory: {why}"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let file = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(|why| Error::data_dir(&file, why))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Error::data_dir(
                path,
                "data directory: another godwit is running on it; stop that one, or choose another with --data-dir",
            )),
            Err(TryLockError::Error(why)) => Err(Error::data_dir(&file, why)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn interrupted(path: &Path) -> Error {
    let why = "data directory: a restore was interrupted here; remove what is in it and in the places that lake.data and \
        lake.catalog name, and restore again";
    Error::data_dir(path, why)
}

/// Writes a file that only its owner may read, wholly or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let draft = path.with_added_extension("tmp");
    let write = || {
        match fs::remove_file(&draft) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().map_err(|why| Error::data_dir(path, why))
}

/// Reads a file that only its owner may read; `None` when there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<Vec<u8>>> {
    let mode = match fs::metadata(path) {
        Ok(data) => data.permissions().mode() & 0o7777,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(Error::data_dir(path, why)),
    };
    if mode & 0o077 != 0 {
        let why = format!("mode {mode:04o} lets others in; it must be 0600 (chmod 600)");
        return Err(Error::data_dir(path, why));
    }
    fs::read(path)
        .map(Some)
        .map_err(|why| Error::data_dir(path, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_directory_has_one_owner_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        let why = DataDir::open(&path).unwrap_err().to_string();
        assert!(why.contains("another godwit"), "{why}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn an_open_directory_is_closed_to_others() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        DataDir::open(root.path()).unwrap();
        assert_eq!(mode(root.path()), 0o700);
    }

    #[test]
    fn private_files_are_private_or_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("secret");
        assert_eq!(read_private(&path).unwrap(), None);
        write_private(&path, b"1").unwrap();
        write_private(&path, b"2").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(read_private(&path).unwrap().unwrap(), b"2");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let why = read_private(&path).unwrap_err().to_string();
        assert!(why.contains("mode 0640"), "{why}");
    }
}
