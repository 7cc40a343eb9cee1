//! Directories beside the lake: a few small files, some of them logs that grow.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::manifest::Entry;
use super::{Companion, Error, Progress, Result, digest, draft};

/// How often it is tried to read a directory that changes meanwhile.
const TRIES: usize = 10;

/// How far back the end of a line is looked for at a time, in bytes.
const BACK: u64 = 64 << 10;

/// Files by their paths, with their numbers in the file system and their sizes.
type Files = BTreeMap<String, (u64, u64)>;

/// Copies a directory into a draft. Logs are copied up to the end of a line.
pub(super) fn take(
    companion: &Companion,
    draft: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Entry>> {
    let place = format!("beside/{}", companion.name);
    let failed = Error::at(&companion.path);
    for _ in 0..TRIES {
        let before = list(&companion.path).map_err(&failed)?;
        let copied = copy(&companion.path, &before, &place, draft, progress)?;
        let after = list(&companion.path).map_err(&failed)?;
        let same = before.len() == after.len()
            && before
                .iter()
                .zip(&after)
                .all(|((one, (file, _)), (other, (then, _)))| one == other && file == then);
        match copied {
            Some(entries) if same => return Ok(entries),
            _ if draft.join(&place).exists() => {
                draft::clear(&draft.join(&place)).map_err(&failed)?;
            }
            _ => {}
        }
    }
    Err(Error::place(
        &companion.path,
        "its files change all the time",
    ))
}

/// Whether a directory has any file that a backup would have.
pub(super) fn is_empty(directory: &Path) -> io::Result<bool> {
    Ok(list(directory)?.is_empty())
}

/// `None` when a file is gone meanwhile.
fn copy(
    from: &Path,
    files: &Files,
    place: &str,
    draft: &Path,
    progress: &dyn Progress,
) -> Result<Option<Vec<Entry>>> {
    let mut entries = Vec::new();
    for (name, (_, bytes)) in files {
        let source = from.join(name);
        let mut file = match File::open(&source) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::at(&source))?,
        };
        let bytes = match name.ends_with(".jsonl") {
            true => whole_lines(&mut file, *bytes).map_err(Error::at(&source))?,
            false => *bytes,
        };
        let path = format!("{place}/{name}");
        let measure = digest::copy(&mut file.take(bytes), &source, &draft.join(&path), progress)?;
        entries.push(Entry {
            path,
            bytes: measure.bytes,
            sha256: measure.sha256,
            row: None,
        });
    }
    Ok(Some(entries))
}

/// Locks and drafts are nobody's but their process's.
fn list(directory: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    walk(directory, "", &mut files)?;
    Ok(files)
}

fn walk(directory: &Path, above: &str, files: &mut Files) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let data = match entry.metadata() {
            Err(why) if why.kind() == ErrorKind::NotFound => continue,
            data => data?,
        };
        let path = format!("{above}{name}");
        if data.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if data.is_file() && name != "lock" && !name.ends_with(".tmp") {
            files.insert(path, (data.ino(), data.len()));
        }
    }
    Ok(())
}

/// How many of the first bytes are whole lines. The file is at its beginning afterwards.
fn whole_lines(file: &mut File, bytes: u64) -> io::Result<u64> {
    let mut end = bytes;
    let mut found = 0;
    while end > 0 {
        let begin = end.saturating_sub(BACK);
        file.seek(SeekFrom::Start(begin))?;
        let mut chunk = Vec::new();
        file.by_ref().take(end - begin).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            found = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    file.rewind()?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.jsonl");
        let long = "y".repeat(200_000);
        for (text, whole) in [
            ("", 0),
            ("a", 0),
            ("a\n", 2),
            ("a\nb", 2),
            (format!("a\n{long}").as_str(), 2),
            (format!("{long}\nb").as_str(), 200_001),
        ] {
            fs::write(&path, text).unwrap();
            let mut file = File::open(&path).unwrap();
            assert_eq!(whole_lines(&mut file, text.len() as u64).unwrap(), whole);
            assert_eq!(file.stream_position().unwrap(), 0);
        }
    }
}
