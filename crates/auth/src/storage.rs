use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Larger than any file that is kept here.
const MAX_FILE: u64 = 64 * 1024;

/// A directory that only its owner may enter, with files that only their owner may read.
#[derive(Debug)]
pub(crate) struct Storage {
    dir: PathBuf,
}

impl Storage {
    /// Opens the directory `auth` in the data directory; makes both when they are missing.
    ///
    /// # Errors
    /// [`Error::Storage`] when that fails, or when others may enter the directory.
    pub(crate) fn open(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join("auth");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&dir);
        made.map_err(|e| Error::storage(&dir, e))?;
        let metadata = fs::metadata(&dir).map_err(|e| Error::storage(&dir, e))?;
        check_mode(&dir, metadata.permissions().mode(), 0o700)?;
        Ok(Self { dir })
    }

    /// Where the file `name` is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The content of the file `name`; `None` when there is no such file.
    ///
    /// # Errors
    /// [`Error::Storage`] when it cannot be read, when others may read it, or when it is too large.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::storage(&path, error)),
        };
        let metadata = file.metadata().map_err(|e| Error::storage(&path, e))?;
        check_mode(&path, metadata.permissions().mode(), 0o600)?;
        read_bounded(&path, file).map(Some)
    }

    /// Makes the file `name`: after a crash at any moment it is there wholly or not at all.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) fn create(&self, name: &str, content: &[u8]) -> Result<()> {
        let path = self.path(name);
        self.try_create(&path, content)
            .map_err(|e| Error::storage(&path, e))
    }

    fn try_create(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        let draft = path.with_added_extension("tmp");
        // An earlier start may have been interrupted.
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(&self.dir)?.sync_all()
    }
}

/// Reads a file that is not ours but holds a secret, like a password file.
pub(crate) fn read_foreign(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path).map_err(|e| Error::storage(path, e))?;
    read_bounded(path, file)
}

fn read_bounded(path: &Path, file: File) -> Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::new());
    let read = file.take(MAX_FILE + 1).read_to_end(&mut content);
    if read.map_err(|e| Error::storage(path, e))? as u64 > MAX_FILE {
        return Err(Error::storage(
            path,
            format_args!("larger than {MAX_FILE} bytes"),
        ));
    }
    Ok(content)
}

fn check_mode(path: &Path, mode: u32, wanted: u32) -> Result<()> {
    let mode = mode & 0o7777;
    if mode & 0o077 != 0 {
        let why =
            format!("mode {mode:04o} lets others in; it must be {wanted:04o} (chmod {wanted:o})");
        return Err(Error::storage(path, why));
    }
    Ok(())
}
