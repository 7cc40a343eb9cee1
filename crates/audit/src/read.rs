use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::entry::Entry;
use crate::files;
use crate::{Error, Result};

/// How much is read at once, in bytes.
const BLOCK: u64 = 64 << 10;

/// Events from files, newest first. What is no whole event, as a crash may leave one, is passed over.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    user: Option<String>,
    /// Files that are not yet read, the next one last.
    files: Vec<(File, u64)>,
    current: Option<Backwards>,
    /// How much may still be read, in bytes.
    left: u64,
}

impl Reader {
    pub(crate) fn empty() -> Self {
        Self {
            dir: PathBuf::new(),
            user: None,
            files: Vec::new(),
            current: None,
            left: 0,
        }
    }

    pub(crate) fn open(dir: &Path, max_bytes: u64, user: Option<String>) -> Result<Self> {
        let mut files = files::newest(dir, max_bytes).map_err(|why| Error::storage(dir, why))?;
        files.reverse();
        Ok(Self {
            dir: dir.to_owned(),
            user,
            files,
            current: None,
            left: max_bytes,
        })
    }

    fn is_seen(&self, entry: &Entry) -> bool {
        self.user.is_none() || self.user == entry.user
    }
}

impl Iterator for Reader {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(current) = &mut self.current else {
                let (file, len) = self.files.pop()?;
                self.current = Some(Backwards::new(file, len));
                continue;
            };
            let line = match current.line(&mut self.left) {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.current = None;
                    continue;
                }
                Err(why) => {
                    self.files.clear();
                    self.current = None;
                    return Some(Err(Error::storage(&self.dir, why)));
                }
            };
            if let Ok(entry) = serde_json::from_slice::<Entry>(&line)
                && self.is_seen(&entry)
            {
                return Some(Ok(entry));
            }
        }
    }
}

/// The lines of a file from its end.
#[derive(Debug)]
struct Backwards {
    file: File,
    /// Everything before this position is not yet read.
    at: u64,
    /// What was read and not yet given.
    rest: Vec<u8>,
}

impl Backwards {
    fn new(file: File, len: u64) -> Self {
        Self {
            file,
            at: len,
            rest: Vec::new(),
        }
    }

    /// The line before; `None` at the beginning of the file, or when nothing more may be read.
    fn line(&mut self, left: &mut u64) -> io::Result<Option<Vec<u8>>> {
        loop {
            if self.rest.last() == Some(&b'\n') {
                self.rest.pop();
            }
            if let Some(at) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.rest.split_off(at + 1)));
            }
            let size = self.at.min(BLOCK).min(*left);
            if size == 0 {
                let whole = self.at == 0 && !self.rest.is_empty();
                return Ok(whole.then(|| std::mem::take(&mut self.rest)));
            }
            *left -= size;
            self.at -= size;
            let mut block = vec![0; usize::try_from(size).unwrap_or(0)];
            self.file.read_exact_at(&mut block, self.at)?;
            block.append(&mut self.rest);
            self.rest = block;
        }
    }
}
