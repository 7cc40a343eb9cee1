use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::sync::mpsc;

use super::failure::failed_io;
use super::{Listed, Place};
use crate::{Error, Result};

/// How many files of a listing wait for their reader.
const AHEAD: usize = 256;

/// A directory. The store begins at the root of the file system: a catalog may name files that are elsewhere.
pub(super) fn open(
    directory: &Path,
) -> Result<(
    Place,
    Arc<dyn ObjectStore>,
    object_store::path::Path,
    String,
)> {
    let directory = path::absolute(directory).map_err(|why| failed(directory, &why))?;
    let Some(text) = directory.to_str() else {
        return Err(Error::unavailable(format!(
            "the data path {} is not UTF-8, and the catalog is",
            directory.display()
        )));
    };
    let text = text.trim_end_matches('/');
    let base = object_store::path::Path::parse(text);
    let base = base.map_err(|why| Error::unavailable(format!("the data path {text}: {why}")))?;
    let data_path = format!("{text}/");
    let store = Arc::new(LocalFileSystem::new());
    Ok((Place::Local(directory), store, base, data_path))
}

pub(super) async fn expect(directory: PathBuf, files: u64) -> Result<()> {
    blocking(move || {
        if directory.is_dir() {
            return Ok(());
        }
        if files > 0 {
            return Err(Error::broken(format!(
                "the directory {} is missing, and the catalog knows {files} files in it: restore it, or set lake.data \
                 to where they are",
                directory.display()
            )));
        }
        make(&directory).map_err(|why| failed(&directory, &why))
    })
    .await
}

/// Makes a directory with those above it, each for its owner only and safe on disk.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        make(above)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => return Err(why),
        _ => {}
    }
    match directory.parent() {
        Some(above) => sync_one(above),
        None => Ok(()),
    }
}

pub(super) async fn sync(directory: PathBuf, paths: Vec<String>) -> Result<()> {
    blocking(move || {
        let mut above = BTreeSet::new();
        for path in paths {
            let file = directory.join(&path);
            sync_one(&file).map_err(|why| failed(&file, &why))?;
            let parents = file.ancestors().skip(1);
            if file.starts_with(&directory) {
                let inside = parents.take_while(|above| above.starts_with(&directory));
                above.extend(inside.map(Path::to_owned));
            } else {
                above.extend(parents.take(1).map(Path::to_owned));
            }
        }
        // Deepest first: a directory is safe before what names it.
        for directory in above.iter().rev() {
            sync_one(directory).map_err(|why| failed(directory, &why))?;
        }
        Ok(())
    })
    .await
}

/// A file's or a directory's content.
pub(crate) fn sync_one(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) async fn remove(directory: PathBuf, paths: Vec<String>) -> Result<()> {
    blocking(move || {
        for path in paths {
            let file = directory.join(&path);
            match fs::remove_file(&file) {
                Err(why) if why.kind() != ErrorKind::NotFound => return Err(failed(&file, &why)),
                _ => {}
            }
        }
        Ok(())
    })
    .await
}

/// By the file system itself: the store hides files that were never finished, which are to be removed too.
pub(super) fn list(directory: PathBuf, prefix: String) -> BoxStream<'static, Result<Listed>> {
    let (found, files) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let first = directory.join(&prefix);
        if let Err((place, why)) = walk(&directory, &first, &found)
            && why.kind() != ErrorKind::BrokenPipe
        {
            // Nobody listens any more when this fails.
            let _ = found.blocking_send(Err(failed(&place, &why)));
        }
    });
    let next = |mut files: mpsc::Receiver<_>| async move { Some((files.recv().await?, files)) };
    stream::unfold(files, next).boxed()
}

/// Directories and files that go while it runs are not there.
fn walk(
    base: &Path,
    directory: &Path,
    found: &mpsc::Sender<Result<Listed>>,
) -> Result<(), (PathBuf, io::Error)> {
    let at = |why| (directory.to_owned(), why);
    let entries = match fs::read_dir(directory) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at)?,
    };
    for entry in entries {
        let entry = entry.map_err(at)?;
        let data = match entry.metadata() {
            Err(why) if why.kind() == ErrorKind::NotFound => continue,
            data => data.map_err(at)?,
        };
        let path = entry.path();
        if data.is_dir() {
            walk(base, &path, found)?;
        } else if let Some(name) = path.strip_prefix(base).ok().and_then(Path::to_str) {
            let listed = Listed {
                path: name.to_owned(),
                bytes: data.len(),
                modified: data.modified().map_err(at)?.into(),
            };
            let sent = found.blocking_send(Ok(listed));
            sent.map_err(|_| at(ErrorKind::BrokenPipe.into()))?;
        }
    }
    Ok(())
}

/// Whether two paths are one directory, links followed. One that is not there is no other.
pub(super) async fn is_same(directory: PathBuf, other: PathBuf) -> Result<bool> {
    blocking(move || {
        if !other.is_absolute() {
            return Ok(false);
        }
        match (fs::canonicalize(&directory), fs::canonicalize(&other)) {
            (Ok(one), Ok(other)) => Ok(one == other),
            _ => Ok(false),
        }
    })
    .await
}

async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(call)
        .await
        .map_err(Error::internal)?
}

fn failed(place: &Path, why: &io::Error) -> Error {
    failed_io(&place.display().to_string(), why)
}
