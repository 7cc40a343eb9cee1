use std::path::Path;
use std::sync::Arc;

use super::digest::{self, Measure};
use super::files::{Together, blocking};
use super::manifest::{Entry, Manifest};
use super::{Error, Progress, Result, Step};

/// How many files that are wrong are named.
const NAMED: usize = 20;

/// The manifest of a backup, which is checked for itself; its files are not looked at.
///
/// # Errors
/// [`Error::NotWhole`] when it is not there or not what it was; [`Error::Usage`] when it is of another layout.
pub fn open(backup: &Path) -> Result<Manifest> {
    Manifest::read(backup)
}

/// Reads every file of a backup, and compares sizes and checksums with the manifest.
///
/// # Errors
/// [`Error::NotWhole`] names the files that are wrong.
pub async fn verify(backup: &Path, progress: Arc<dyn Progress>) -> Result<Manifest> {
    let manifest = open(backup)?;
    let bytes = manifest.files.iter().map(|file| file.bytes).sum();
    progress.begin(Step::Verify, manifest.files.len() as u64, bytes);
    let together = Together::new(progress);
    let work = manifest.files.iter().map(|file| {
        let (path, together) = (backup.join(&file.path), Arc::clone(&together));
        async move {
            let measured = blocking(move || digest::measure(&path, &*together)).await;
            problem(file, measured)
        }
    });
    let mut problems: Vec<String> = together.each(work).await?.into_iter().flatten().collect();
    if problems.is_empty() {
        return Ok(manifest);
    }
    problems.sort();
    let more = problems.len().saturating_sub(NAMED);
    problems.truncate(NAMED);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(Error::NotWhole {
        path: backup.to_owned(),
        problems,
    })
}

/// What is wrong with a file, if anything.
fn problem(file: &Entry, measured: Result<Measure>) -> Result<Option<String>> {
    let path = &file.path;
    Ok(match measured {
        Ok(measure) if measure.bytes != file.bytes => Some(format!(
            "{path} has {} bytes instead of {}",
            measure.bytes, file.bytes
        )),
        Ok(measure) if measure.sha256 != file.sha256 => {
            Some(format!("{path} has another content than it had"))
        }
        Ok(_) => None,
        Err(Error::Place { why, .. }) => Some(format!("{path}: {why}")),
        Err(why) => return Err(why),
    })
}
