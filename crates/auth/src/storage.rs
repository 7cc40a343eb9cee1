use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
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
        Self::at(data_dir.join("auth"))
    }

    /// Opens the directory `name` in this one, in the same way.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn below(&self, name: &str) -> Result<Self> {
        Self::at(self.dir.join(name))
    }

    fn at(dir: PathBuf) -> Result<Self> {
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

    /// The names of the files, drafts included.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) fn list(&self) -> Result<Vec<String>> {
        let failed = |e| Error::storage(&self.dir, e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Removes the file `name`, if it is there.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::storage(&path, error)),
            _ => Ok(()),
        }
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
        // A superuser's command must not leave what the server cannot read.
        let (owner, made) = (fs::metadata(&self.dir)?, file.metadata()?);
        if owner.uid() != made.uid() {
            chown(&draft, Some(owner.uid()), Some(owner.gid()))?;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_belongs_to_its_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(&data.path().join("deep/data")).unwrap();
        assert_eq!(mode(&storage.dir), 0o700);
        assert_eq!(storage.read("key"), Ok(None));
        storage.create("key", b"secret\0").unwrap();
        assert_eq!(mode(&storage.path("key")), 0o600);
        let read = storage.read("key").unwrap().unwrap();
        assert_eq!(read.as_slice(), b"secret\0");
        let names: Vec<_> = fs::read_dir(&storage.dir)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["key"], "no drafts stay");
        assert!(Storage::open(&data.path().join("deep/data")).is_ok());
    }

    #[test]
    fn directories_within_list_and_lose_their_files() {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(data.path()).unwrap();
        let below = storage.below("keys").unwrap();
        assert_eq!(mode(&below.dir), 0o700);
        assert_eq!(below.list(), Ok(Vec::new()));
        below.create("a", b"1").unwrap();
        assert_eq!(storage.below("keys").unwrap().list().unwrap(), ["a"]);
        below.remove("a").unwrap();
        below.remove("a").unwrap();
        assert_eq!(below.list(), Ok(Vec::new()));
        set_mode(&below.dir, 0o755);
        let message = storage.below("keys").unwrap_err().to_string();
        assert!(message.contains("auth/keys: mode 0755"), "{message}");
    }

    #[test]
    fn an_interrupted_start_is_no_obstacle() {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(data.path()).unwrap();
        let draft = storage.path("key.pem.tmp");
        fs::write(&draft, "half").unwrap();
        set_mode(&draft, 0o644);
        storage.create("key.pem", b"whole").unwrap();
        assert_eq!(mode(&storage.path("key.pem")), 0o600);
        assert!(!draft.exists());
    }

    #[test]
    fn what_others_can_read_is_refused_with_its_path_and_mode() {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(data.path()).unwrap();
        storage.create("key", b"secret").unwrap();
        for mode in [0o640, 0o604, 0o660, 0o610, 0o602] {
            set_mode(&storage.path("key"), mode);
            let message = storage.read("key").unwrap_err().to_string();
            assert!(message.contains("auth/key: mode 0"), "{message}");
            assert!(message.contains(&format!("{mode:04o}")), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        set_mode(&storage.path("key"), 0o400);
        assert!(storage.read("key").is_ok());
        set_mode(&storage.dir, 0o750);
        let message = Storage::open(data.path()).unwrap_err().to_string();
        assert!(message.contains("auth: mode 0750"), "{message}");
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_refused() {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(data.path()).unwrap();
        storage
            .create("key", &vec![0; MAX_FILE as usize + 1])
            .unwrap();
        assert!(matches!(storage.read("key"), Err(Error::Storage { .. })));
        fs::create_dir(storage.path("dir")).unwrap();
        set_mode(&storage.path("dir"), 0o700);
        assert!(matches!(storage.read("dir"), Err(Error::Storage { .. })));
        fs::write(data.path().join("file"), "").unwrap();
        let blocked = Storage::open(&data.path().join("file"));
        assert!(matches!(blocked, Err(Error::Storage { .. })));
    }
}
