//! The directory: one file that is appended to, and those that were full or old, which keep the time of their rotation in
//! their names.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::entry::Entry;
use crate::lines::{Lines, private};
use crate::{Error, Result};

const CURRENT: &str = "audit.jsonl";
const ROTATED: (&str, &str) = ("audit-", ".jsonl");
/// Times in names, which sort as they follow each other.
const NAMED: &str = "%Y%m%dT%H%M%S%.6fZ";
/// How much of a file is looked at to see when it was begun, in bytes.
const FIRST_LINE: u64 = 64 << 10;

/// When a file is full or old, and how many of these stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_bytes: u64,
    pub(crate) max_age: Option<Duration>,
    pub(crate) keep: usize,
}

/// The directory, for as long as this process writes to it.
#[derive(Debug)]
pub(crate) struct Files {
    dir: PathBuf,
    limits: Limits,
    current: Lines,
    began: SystemTime,
    /// The system frees the lock with the process, however that ends.
    _lock: File,
}

impl Files {
    /// Opens the directory, made where it is missing, and goes on with the file that was written last. A line that a
    /// crash tore gets its end.
    pub(crate) fn open(dir: &Path, limits: Limits) -> Result<Self> {
        let failed = |why: io::Error| Error::storage(dir, format!("audit log: {why}"));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed)?;
        let lock = private(&dir.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::storage(
                    dir,
                    "another godwit writes its audit log there; give each its own directory (audit.path)",
                ));
            }
            Err(TryLockError::Error(why)) => return Err(failed(why)),
        }
        let path = dir.join(CURRENT);
        let failed = |why: io::Error| Error::storage(&path, why);
        let current = Lines::open(&path).map_err(failed)?;
        Ok(Self {
            dir: dir.to_owned(),
            limits,
            began: began(&current).map_err(failed)?,
            current,
            _lock: lock,
        })
    }

    /// Appends as many of these lines as the current file has room for, after a rotation where it is time for one; at
    /// least one line. How many bytes of them that were. Fails without having written anything.
    ///
    /// `rotating` gives what is held while files get other names.
    pub(crate) fn append<G>(
        &mut self,
        lines: &[u8],
        rotating: impl FnOnce() -> G,
    ) -> io::Result<usize> {
        let first = end_of_first(lines);
        if self.is_due(first as u64) {
            let _guard = rotating();
            self.rotate()?;
        }
        let room = self.limits.max_bytes.saturating_sub(self.current.bytes());
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
        let fits = lines[..room].iter().rposition(|byte| *byte == b'\n');
        let fits = fits.map_or(first, |at| at + 1);
        self.current.append(&lines[..fits])?;
        Ok(fits)
    }

    /// Has the disk keep what was written.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.current.sync()
    }

    /// Whether another line of so many bytes belongs into a new file.
    fn is_due(&self, line: u64) -> bool {
        let bytes = self.current.bytes();
        let too_large = bytes.saturating_add(line) > self.limits.max_bytes;
        let age = SystemTime::now().duration_since(self.began);
        let too_old = self
            .limits
            .max_age
            .is_some_and(|max| age.is_ok_and(|age| age >= max));
        bytes > 0 && (too_large || too_old)
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.current.sync()?;
        let mut now = Utc::now();
        let full = loop {
            let name = format!("{}{}{}", ROTATED.0, now.format(NAMED), ROTATED.1);
            let path = self.dir.join(name);
            if !path.try_exists()? {
                break path;
            }
            now += chrono::TimeDelta::microseconds(1);
        };
        let current = self.dir.join(CURRENT);
        match fs::rename(&current, full) {
            // A rotation before this one came no further.
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        self.current = Lines::open(&current)?;
        self.began = SystemTime::now();
        File::open(&self.dir)?.sync_all()?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let rotated = rotated(&self.dir)?;
        let surplus = rotated.len().saturating_sub(self.limits.keep);
        for path in &rotated[..surplus] {
            match fs::remove_file(path) {
                Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }
}

/// When the first of these lines was written; of none, now.
fn began(current: &Lines) -> io::Result<SystemTime> {
    if current.bytes() == 0 {
        return Ok(SystemTime::now());
    }
    let mut file = current.file();
    let mut first = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    BufReader::new(file.take(FIRST_LINE)).read_until(b'\n', &mut first)?;
    let entry = serde_json::from_slice::<Entry>(&first).ok();
    let time = entry.and_then(|entry| DateTime::<Utc>::from_timestamp_micros(entry.time));
    match time {
        Some(time) => Ok(time.into()),
        None => file.metadata()?.modified(),
    }
}

/// The newest files with their lengths, the current one first, as many as hold so many bytes. Names must not change meanwhile.
pub(crate) fn newest(dir: &Path, max_bytes: u64) -> io::Result<Vec<(File, u64)>> {
    let mut paths = rotated(dir)?;
    paths.push(dir.join(CURRENT));
    let mut files = Vec::new();
    let mut bytes = 0;
    for path in paths.iter().rev() {
        if bytes >= max_bytes {
            break;
        }
        let file = match File::open(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => continue,
            file => file?,
        };
        let len = file.metadata()?.len();
        bytes += len;
        files.push((file, len));
    }
    Ok(files)
}

/// The files that are no longer written, oldest first.
fn rotated(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let ours = name
            .to_str()
            .is_some_and(|name| name.starts_with(ROTATED.0) && name.ends_with(ROTATED.1));
        if ours {
            found.push(dir.join(name));
        }
    }
    found.sort();
    Ok(found)
}

fn end_of_first(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |at| at + 1)
}
