use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A file of whole lines that is appended to, and that only its owner may read.
#[derive(Debug)]
pub struct Lines {
    file: File,
    len: u64,
}

impl Lines {
    /// Opens the file, made where it is missing. A line that a crash tore gets its end.
    ///
    /// # Errors
    /// When it cannot be opened, read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = private(path)?;
        let mut len = file.metadata()?.len();
        let mut last = [b'\n'];
        if len > 0 {
            file.read_exact_at(&mut last, len - 1)?;
        }
        if last != *b"\n" {
            file.write_all(b"\n")?;
            len += 1;
        }
        Ok(Self { file, len })
    }

    /// Appends lines with their ends, or nothing.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(why) = self.file.write_all(lines) {
            // What was half written must not stay; if that fails too, the next line would begin in the middle.
            self.file.set_len(self.len)?;
            return Err(why);
        }
        self.len += lines.len() as u64;
        Ok(())
    }

    /// Has the disk keep what was written.
    ///
    /// # Errors
    /// When it may not have.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// How many bytes the lines have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.len
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// A file to append to that only its owner may read.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(0o600)
        .open(path)
}
