use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::error::DataFusionError;
use godwit_config::Mount;
use object_store::ObjectMeta;
use object_store::path::Path as Location;

use crate::format::Encoding;
use crate::object::PinnedObject;
use crate::pattern::Pattern;
use crate::{Error, blame};

/// A regular file that a table may be made of, as it was when it was listed.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) path: PathBuf,
    /// Location, size and modification time: what a scan is pinned to.
    pub(crate) meta: ObjectMeta,
    pub(crate) encoding: Encoding,
    /// Where it is when it is on no disk; the path is then only its name.
    pub(crate) object: Option<Arc<PinnedObject>>,
}

/// A folder with what it holds, sorted by name.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) folders: Vec<Folder>,
    pub(crate) files: Vec<DataFile>,
    /// Why it could not be listed. What depends on it must fail, for rows would be missing from it.
    pub(crate) unreadable: Option<String>,
}

/// Something in a mount that is left out although it may be meant to be there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Skipped {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

/// What a mount's path holds at one moment.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) folder: Folder,
    /// The path is a file; the folder holds it alone.
    pub(crate) lone_file: bool,
    pub(crate) skipped: Vec<Skipped>,
    /// Files left out because nothing tells their format.
    pub(crate) unrecognized: usize,
    /// Equal while the paths, sizes, modification times and encodings are, and what is left out is.
    pub(crate) fingerprint: u64,
}

/// Lists a mount. Blocks on the file system. The error says why the path as a whole cannot be listed.
pub(crate) fn list(mount: &Mount) -> Result<Listing, String> {
    let (base, pattern) = match fs::metadata(&mount.path) {
        Ok(_) => (mount.path.clone(), None),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && Pattern::has_wildcard(&mount.path) =>
        {
            let pattern = Pattern::parse(&mount.path)?;
            (pattern.base.clone(), Some(pattern))
        }
        Err(error) => return Err(reason(&error)),
    };
    // The mount's own path may be a link; from here on every link is measured against where it leads.
    let root = fs::canonicalize(&base).map_err(|error| reason(&error))?;
    let metadata = fs::metadata(&root).map_err(|error| reason(&error))?;
    let mut walk = Walk {
        mount,
        pattern,
        trail: vec![root.clone()],
        root,
        skipped: Vec::new(),
        unrecognized: 0,
    };
    let folder = if metadata.is_dir() {
        let folder = walk.folder(&walk.root.clone(), Path::new(""), walk.pattern.is_none());
        if let Some(why) = folder.unreadable {
            return Err(why);
        }
        folder
    } else {
        walk.lone_file(&metadata)?
    };
    let mut hasher = DefaultHasher::new();
    hash_folder(&folder, &mut hasher);
    (&walk.skipped, walk.unrecognized).hash(&mut hasher);
    Ok(Listing {
        folder,
        lone_file: metadata.is_file(),
        skipped: walk.skipped,
        unrecognized: walk.unrecognized,
        fingerprint: hasher.finish(),
    })
}

impl DataFile {
    /// The error of reading it, whatever came up. What a store said is the reason, also where a decoder made a text of it.
    pub(crate) fn unreadable(&self, error: &DataFusionError) -> Error {
        let said = self
            .object
            .as_ref()
            .and_then(|object| object.take_failure());
        said.unwrap_or_else(|| blame::unreadable(&self.path, error))
    }
}

impl Folder {
    /// Every file in it and below it.
    pub(crate) fn all_files(&self) -> Vec<&DataFile> {
        let mut files: Vec<_> = self.files.iter().collect();
        for folder in &self.folders {
            files.extend(folder.all_files());
        }
        files
    }

    /// The first folder, it or one below it, that could not be listed.
    pub(crate) fn first_unreadable(&self) -> Option<(&Path, &str)> {
        let own = self
            .unreadable
            .as_ref()
            .map(|why| (self.path.as_path(), why.as_str()));
        own.or_else(|| self.folders.iter().find_map(Self::first_unreadable))
    }

    /// Whether there is anything in it, or may be.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.unreadable.is_none()
            && self.folders.iter().all(Self::is_empty)
    }
}

/// A reason fit for a person: without the number of the operating system's error.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "the server is not permitted to read it".to_owned(),
        _ => error.to_string(),
    }
}

struct Walk<'a> {
    mount: &'a Mount,
    pattern: Option<Pattern>,
    root: PathBuf,
    /// Where the folders from the root down to the present one really are.
    trail: Vec<PathBuf>,
    skipped: Vec<Skipped>,
    unrecognized: usize,
}

impl Walk<'_> {
    /// `covered` says that the pattern has already matched a folder above, so that all below it is taken.
    fn folder(&mut self, path: &Path, relative: &Path, covered: bool) -> Folder {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        let mut folder = Folder {
            path: path.to_owned(),
            name,
            folders: Vec::new(),
            files: Vec::new(),
            unreadable: None,
        };
        let names = match sorted_names(path) {
            Ok(names) => names,
            Err(error) => {
                folder.unreadable = Some(reason(&error));
                return folder;
            }
        };
        for name in names {
            let path = folder.path.join(&name);
            let Some(name) = name.to_str() else {
                self.skip(&path, "its name is not valid Unicode");
                continue;
            };
            if name.starts_with(['.', '_']) {
                continue;
            }
            let relative = relative.join(name);
            let Some((target, metadata)) = self.resolve(&path) else {
                continue;
            };
            let matched = covered
                || self
                    .pattern
                    .as_ref()
                    .is_some_and(|pattern| pattern.matches(&relative));
            if metadata.is_dir() {
                let leads_on = || {
                    self.pattern
                        .as_ref()
                        .is_some_and(|pattern| pattern.leads_on(&relative))
                };
                if matched || leads_on() {
                    self.trail.push(target);
                    folder.folders.push(self.folder(&path, &relative, matched));
                    self.trail.pop();
                }
            } else if matched {
                folder.files.extend(self.file(&path, name, &metadata));
            }
        }
        folder
    }

    fn lone_file(&mut self, metadata: &Metadata) -> Result<Folder, String> {
        if !metadata.is_file() {
            return Err("it is neither a file nor a directory".to_owned());
        }
        let path = self.root.clone();
        // The operator's spelling of the name tells the format, also when it is a link to a name that does not.
        let name = self
            .mount
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let Some(file) = self.file(&path, name, metadata) else {
            return Err(match self.skipped.pop() {
                Some(skipped) => skipped.why,
                None => "its name does not tell its format; set `format` on the mount".to_owned(),
            });
        };
        let path = path.parent().unwrap_or(&path).to_owned();
        Ok(Folder {
            path,
            name: String::new(),
            folders: Vec::new(),
            files: vec![file],
            unreadable: None,
        })
    }

    fn file(&mut self, path: &Path, name: &str, metadata: &Metadata) -> Option<DataFile> {
        let Some(encoding) = Encoding::recognize(name, self.mount) else {
            self.unrecognized += 1;
            return None;
        };
        let location = Location::from_absolute_path(path);
        let (Ok(location), Ok(modified)) = (location, metadata.modified()) else {
            self.skip(path, "its name cannot be addressed");
            return None;
        };
        let meta = ObjectMeta {
            location,
            last_modified: modified.into(),
            size: metadata.len(),
            e_tag: None,
            version: None,
        };
        Some(DataFile {
            path: path.to_owned(),
            meta,
            encoding,
            object: None,
        })
    }

    /// Where an entry really is and what it is there. `None` for what must not be followed or is no longer there.
    fn resolve(&mut self, path: &Path) -> Option<(PathBuf, Metadata)> {
        let own = fs::symlink_metadata(path).ok()?;
        if own.is_dir() || own.is_file() {
            let target = self
                .trail
                .last()
                .zip(path.file_name())
                .map(|(folder, name)| folder.join(name));
            return Some((target.unwrap_or_else(|| path.to_owned()), own));
        }
        if !own.is_symlink() {
            self.skip(path, "it is not a regular file");
            return None;
        }
        let found = fs::canonicalize(path)
            .and_then(|target| fs::metadata(&target).map(|found| (target, found)));
        let why = match found {
            Err(error) => format!("the symbolic link cannot be followed: {}", reason(&error)),
            Ok((target, _)) if !target.starts_with(&self.root) => {
                "the symbolic link leads outside of the mount".to_owned()
            }
            Ok((target, _)) if self.trail.contains(&target) => {
                "the symbolic link leads back to a folder that it is in".to_owned()
            }
            Ok((_, found)) if !found.is_dir() && !found.is_file() => {
                "it is not a regular file".to_owned()
            }
            Ok(resolved) => return Some(resolved),
        };
        self.skip(path, &why);
        None
    }

    fn skip(&mut self, path: &Path, why: &str) {
        self.skipped.push(Skipped {
            path: path.to_owned(),
            why: why.to_owned(),
        });
    }
}

fn sorted_names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// The part of the fingerprint that one file makes.
pub(crate) fn hash_file(file: &DataFile, hasher: &mut impl Hasher) {
    file.path.hash(hasher);
    file.meta.size.hash(hasher);
    file.meta.last_modified.hash(hasher);
    file.meta.e_tag.hash(hasher);
    file.encoding.hash(hasher);
}

fn hash_folder(folder: &Folder, hasher: &mut impl Hasher) {
    folder.path.hash(hasher);
    folder.unreadable.hash(hasher);
    for file in &folder.files {
        hash_file(file, hasher);
    }
    for below in &folder.folders {
        hash_folder(below, hasher);
    }
}
