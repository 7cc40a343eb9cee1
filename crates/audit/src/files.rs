//! The directory: one file that is appended to, and those that were full or old, which keep the time of their rotation in
//! their names.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};

use crate::entry::Entry;
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
    current: File,
    /// Up to here the current file holds whole lines.
    len: u64,
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
        let current = private(&path).map_err(|why| Error::storage(&path, why))?;
        let mut files = Self {
            dir: dir.to_owned(),
            limits,
            len: 0,
            began: SystemTime::now(),
            current,
            _lock: lock,
        };
        files
            .go_on()
            .map_err(|why| Error::storage(&path, why.to_string()))?;
        Ok(files)
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
        let room = self.limits.max_bytes.saturating_sub(self.len);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(lines.len());
        let fits = lines[..room].iter().rposition(|byte| *byte == b'\n');
        let fits = fits.map_or(first, |at| at + 1);
        if let Err(why) = self.current.write_all(&lines[..fits]) {
            // What was half written must not stay; if that fails too, the next line would begin in the middle.
            self.current.set_len(self.len)?;
            return Err(why);
        }
        self.len += fits as u64;
        Ok(fits)
    }

    /// Has the disk keep what was written.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.current.sync_data()
    }

    /// Whether another line of so many bytes belongs into a new file.
    fn is_due(&self, line: u64) -> bool {
        let too_large = self.len.saturating_add(line) > self.limits.max_bytes;
        let age = SystemTime::now().duration_since(self.began);
        let too_old = self
            .limits
            .max_age
            .is_some_and(|max| age.is_ok_and(|age| age >= max));
        self.len > 0 && (too_large || too_old)
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.current.sync_data()?;
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
        self.current = private(&current)?;
        self.len = 0;
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

    fn go_on(&mut self) -> io::Result<()> {
        self.len = self.current.metadata()?.len();
        if self.len == 0 {
            return Ok(());
        }
        let mut last = [0];
        self.current.read_exact_at(&mut last, self.len - 1)?;
        if last != *b"\n" {
            self.current.write_all(b"\n")?;
            self.len += 1;
        }
        let mut first = Vec::new();
        self.current.seek(SeekFrom::Start(0))?;
        let head = (&self.current).take(FIRST_LINE);
        BufReader::new(head).read_until(b'\n', &mut first)?;
        let began = serde_json::from_slice::<Entry>(&first).ok();
        let began = began.and_then(|entry| DateTime::<Utc>::from_timestamp_micros(entry.time));
        self.began = match began {
            Some(time) => time.into(),
            None => self.current.metadata()?.modified()?,
        };
        Ok(())
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

/// A file to append to that only its owner may read.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

fn end_of_first(lines: &[u8]) -> usize {
    let end = lines.iter().position(|byte| *byte == b'\n');
    end.map_or(lines.len(), |at| at + 1)
}
