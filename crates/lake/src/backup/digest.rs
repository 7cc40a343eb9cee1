//! Copies that are measured while they are made.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256, digest};

use super::progress::advance;
use super::{Error, Progress, Result};

/// How much is read at a time, in bytes.
const CHUNK: usize = 1 << 20;

/// Size in bytes and SHA-256 in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measure {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Measures what it is given.
pub(super) struct Meter {
    context: Context,
    bytes: u64,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(super) fn finish(self) -> Measure {
        Measure {
            bytes: self.bytes,
            sha256: hex(self.context.finish().as_ref()),
        }
    }
}

/// A new file that only its owner may read. Where it is not finished it has to be removed by the caller.
pub(super) struct Sink {
    path: PathBuf,
    file: BufWriter<File>,
    meter: Meter,
}

impl Sink {
    /// Makes the file, which must not be there, and the directories above it.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if let Some(above) = path.parent() {
            crate::storage::make(above).map_err(Error::at(above))?;
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file.map_err(Error::at(path))?),
            meter: Meter::new(),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::at(&self.path))?;
        self.meter.add(bytes);
        Ok(())
    }

    /// Has it safe on disk.
    pub(super) fn finish(self) -> Result<Measure> {
        let file = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error);
        let file = file.map_err(Error::at(&self.path))?;
        file.sync_all().map_err(Error::at(&self.path))?;
        Ok(self.meter.finish())
    }
}

/// The SHA-256 of bytes.
pub(super) fn of(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Measures a file.
pub(super) fn measure(path: &Path, progress: &dyn Progress) -> Result<Measure> {
    let mut file = File::open(path).map_err(Error::at(path))?;
    let mut meter = Meter::new();
    each(&mut file, path, |chunk| {
        meter.add(chunk);
        advance(progress, chunk.len())
    })?;
    Ok(meter.finish())
}

/// Copies what is read to a new file. `from` is what it is called in messages.
pub(super) fn copy(
    source: &mut impl Read,
    from: &Path,
    to: &Path,
    progress: &dyn Progress,
) -> Result<Measure> {
    let mut sink = Sink::create(to)?;
    each(source, from, |chunk| {
        sink.write(chunk)?;
        advance(progress, chunk.len())
    })?;
    sink.finish()
}

/// Removes a file that may be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(Error::place(path, why)),
        _ => Ok(()),
    }
}

fn each(
    source: &mut impl Read,
    from: &Path,
    mut with: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => with(buffer.get(..count).unwrap_or_default())?,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(Error::place(from, why)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
