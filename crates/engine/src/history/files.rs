//! The files of the history: one that is appended to, and the one before it, which goes when that is full.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use godwit_audit::Lines;

use super::{Bounds, Entry};

const CURRENT: &str = "queries.jsonl";
const BEFORE: &str = "queries.1.jsonl";

/// How long the thread rests after it has written.
const GATHER: Duration = Duration::from_millis(10);

/// The longest line that is read back, in bytes.
const LONGEST: u64 = 16 << 20;

/// The files of one server. Each holds as much as is to be kept, so that both hold that and at most twice as much.
pub(super) struct Files {
    dir: PathBuf,
    bounds: Bounds,
    current: Lines,
    rows: usize,
    /// When the first statement of the current file ended; of an empty one, none.
    since: Option<i64>,
}

impl Files {
    /// Opens the directory, and reads what may still be shown, oldest first. Lines that are not whole, as a crash may leave
    /// them, are passed over.
    pub(super) fn open(dir: &Path, bounds: Bounds) -> io::Result<(Self, VecDeque<Entry>)> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        let mut entries = VecDeque::new();
        let oldest = bounds.oldest();
        let mut keep = |entry: Entry| {
            if entry.ended >= oldest {
                if entries.len() >= bounds.max_rows {
                    entries.pop_front();
                }
                entries.push_back(entry);
            }
        };
        read(&dir.join(BEFORE), &mut keep)?;
        let (mut rows, mut since) = (0, None);
        read(&dir.join(CURRENT), |entry| {
            rows += 1;
            since.get_or_insert(entry.ended);
            keep(entry);
        })?;
        let files = Self {
            dir: dir.to_owned(),
            bounds,
            current: Lines::open(&dir.join(CURRENT))?,
            rows,
            since,
        };
        Ok((files, entries))
    }

    /// Writes what comes until nothing more can come.
    pub(super) fn write_all(&mut self, ended: &Receiver<Arc<Entry>>) {
        let mut fails = false;
        while let Ok(first) = ended.recv() {
            let written = self.append_all(std::iter::once(first).chain(ended.try_iter()));
            if let Err(error) = &written
                && !fails
            {
                let dir = self.dir.display();
                tracing::error!(%error, directory = %dir, "the history of statements cannot be written");
            }
            fails = written.is_err();
            // What ends meanwhile is written together.
            thread::park_timeout(GATHER);
        }
        if let Err(error) = self.current.sync() {
            tracing::error!(%error, "the end of the history of statements may not be on the disk");
        }
    }

    /// Appends a line for each; those that do not get into a file are lost.
    fn append_all(&mut self, entries: impl Iterator<Item = Arc<Entry>>) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            let mut line = serde_json::to_vec(&*entry)?;
            line.push(b'\n');
            if self.is_full((lines.len() + line.len()) as u64) {
                self.current.append(&std::mem::take(&mut lines))?;
                self.rotate()?;
            }
            lines.append(&mut line);
            self.rows += 1;
            self.since.get_or_insert(entry.ended);
        }
        self.current.append(&lines)
    }

    fn is_full(&self, line: u64) -> bool {
        let is_old = self.since.is_some_and(|since| since < self.bounds.oldest());
        let bytes = self.current.bytes().saturating_add(line);
        self.rows > 0
            && (is_old || self.rows >= self.bounds.max_rows || bytes > self.bounds.max_bytes)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let current = self.dir.join(CURRENT);
        match fs::rename(&current, self.dir.join(BEFORE)) {
            // A rotation before this one came no further.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        self.current = Lines::open(&current)?;
        (self.rows, self.since) = (0, None);
        Ok(())
    }
}

fn read(path: &Path, mut each: impl FnMut(Entry)) -> io::Result<()> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => BufReader::new(file?),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut file, LONGEST).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
            each(entry);
        }
    }
}
