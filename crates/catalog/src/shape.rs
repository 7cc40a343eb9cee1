use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use godwit_config::{Mount, MountKind};

use crate::format::table_name;
use crate::infer::{Facts, Inference};
use crate::listing::{DataFile, Folder, Listing};
use crate::partition::{TableFiles, gather, key_value};
use crate::{Error, Result};

/// Files that are looked into at once.
const CONCURRENCY: usize = 16;

/// What the operator gets for a mount.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Nothing to tell a table from a schema by.
    Empty,
    /// One table, named as the mount.
    Table(Source),
    /// A schema of this name.
    Schema(Vec<Source>),
}

/// A table before anyone looked into its files.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// The file or folder that it comes from.
    pub(crate) path: PathBuf,
    /// The error says which file cannot be part of it.
    pub(crate) files: Result<TableFiles>,
}

/// A shape, and whether the same listing would always have it: not so when a file could not be looked into.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) shape: Shape,
    pub(crate) settled: bool,
}

/// Decides what a mount becomes, by the operator's word, else by its folders, else by the columns of its files.
pub(crate) async fn decide(
    name: &str,
    mount: &Mount,
    listing: &Listing,
    inference: &Inference,
) -> Decision {
    let folder = &listing.folder;
    let (becomes_table, settled) = match mount.kind {
        MountKind::Table => (true, true),
        MountKind::Schema => (false, true),
        MountKind::Auto if listing.lone_file => (true, true),
        MountKind::Auto if folder.is_empty() => {
            return Decision {
                shape: Shape::Empty,
                settled: true,
            };
        }
        MountKind::Auto
            if folder
                .folders
                .iter()
                .any(|below| key_value(&below.name).is_some()) =>
        {
            (true, true)
        }
        MountKind::Auto if folder.folders.iter().any(|below| !below.is_empty()) => (false, true),
        MountKind::Auto => alike(&folder.files, inference).await,
    };
    let shape = if becomes_table {
        Shape::Table(Source {
            name: name.to_owned(),
            path: mount.path.clone(),
            files: whole(folder),
        })
    } else {
        Shape::Schema(parts(folder))
    };
    Decision { shape, settled }
}

/// Looks into files, a few at a time; the results are in the order of the files.
pub(crate) async fn look_into<'a>(
    files: impl IntoIterator<Item = &'a DataFile>,
    inference: &Inference,
) -> Vec<Result<Arc<Facts>>> {
    let looks: Vec<_> = files
        .into_iter()
        .map(|file| inference.facts(file))
        .collect();
    futures::stream::iter(looks)
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// A folder, with all below it, as one table.
fn whole(folder: &Folder) -> Result<TableFiles> {
    if let Some((path, why)) = folder.first_unreadable() {
        return Err(Error::File {
            path: path.to_owned(),
            why: why.to_owned(),
        });
    }
    gather(&folder.path, folder.all_files())
}

/// Every file and folder as a table of its own, in the order of their names.
fn parts(folder: &Folder) -> Vec<Source> {
    let mut sources = Vec::with_capacity(folder.files.len() + folder.folders.len());
    for below in folder.folders.iter().filter(|below| !below.is_empty()) {
        let name = table_name(&below.name, false);
        sources.push(Source {
            name,
            path: below.path.clone(),
            files: whole(below),
        });
    }
    for file in &folder.files {
        let name = file
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let name = table_name(name, true);
        sources.push(Source {
            name,
            path: file.path.clone(),
            files: gather(&folder.path, [file]),
        });
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Whether files are parts of one table, and whether that is certain.
async fn alike(files: &[DataFile], inference: &Inference) -> (bool, bool) {
    if files.len() == 1 {
        return (true, true);
    }
    let formats: BTreeSet<_> = files.iter().map(|file| file.encoding.format).collect();
    if formats.len() > 1 {
        return (false, true);
    }
    let looks = look_into(files, inference).await;
    let settled = looks.iter().all(Result::is_ok);
    let columns = |facts: &Arc<Facts>| {
        let names = facts
            .schema
            .fields()
            .iter()
            .map(|field| field.name().clone());
        names.collect::<BTreeSet<_>>()
    };
    // A file without any column, empty text, speaks for nothing.
    let mut known = looks
        .iter()
        .flatten()
        .filter(|facts| !facts.schema.fields().is_empty());
    let Some(first) = known.next() else {
        return (series(files), settled);
    };
    let (columns_of_first, mut count) = (columns(first), 1);
    for other in known {
        count += 1;
        if !Arc::ptr_eq(&first.schema, &other.schema) && columns(other) != columns_of_first {
            return (false, true);
        }
    }
    // One file to go by does not tell what the unreadable ones would have been; their names may.
    (count > 1 || series(files), settled)
}

/// Whether the names differ in nothing but numbers, as `part-0` and `part-1` do.
fn series(files: &[DataFile]) -> bool {
    let bare = |file: &DataFile| {
        let name = file
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        name.replace(|c: char| c.is_ascii_digit(), "")
    };
    let names: BTreeSet<_> = files.iter().map(bare).collect();
    names.len() == 1
}
