use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use super::{Error, Result, digest};

/// The manifest in a backup, and its checksum beside it, as `sha256sum` writes it.
const FILE: &str = "manifest.json";
const CHECKSUM: &str = "manifest.json.sha256";

/// The version of the layout that is read and written.
const FORMAT: u32 = 1;

/// What a backup holds. It is written last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of its layout.
    pub format: u32,
    /// The program that made it, with its version.
    pub made_by: String,
    /// When, as RFC 3339.
    pub made_at: String,
    /// The newest snapshot that it has.
    pub snapshot: i64,
    /// When that was committed, as the catalog says it.
    pub snapshot_time: String,
    /// How many tables there are at that snapshot.
    pub tables: u64,
    /// What the catalog is in.
    pub catalog: CatalogKind,
    /// The data path that the catalog had, with a slash at the end.
    pub data_path: String,
    /// All files but the manifest, by their paths.
    pub files: Vec<Entry>,
}

/// What a catalog is in. A backup goes back into the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CatalogKind {
    /// The embedded database.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Relative to the backup, with slashes.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// Set for a file of the lake that was not below the data path: which row of the catalog names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<FileRow>,
}

/// A row of the catalog that names a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRow {
    /// Whether it is a delete file, else a data file.
    pub deletes: bool,
    /// Its number.
    pub id: i64,
}

impl Manifest {
    pub(super) fn of(kind: CatalogKind) -> Self {
        Self {
            format: FORMAT,
            made_by: format!("Godwit {}", env!("CARGO_PKG_VERSION")),
            made_at: String::new(),
            snapshot: 0,
            snapshot_time: String::new(),
            tables: 0,
            catalog: kind,
            data_path: String::new(),
            files: Vec::new(),
        }
    }

    /// Reads and checks the manifest of a backup; its files are not looked at.
    pub(super) fn read(backup: &Path) -> Result<Self> {
        let broken = |problem: String| Error::not_whole(backup, problem);
        let path = backup.join(FILE);
        let text = fs::read(&path).map_err(|why| broken(format!("{FILE}: {why}")))?;
        let checksum = fs::read_to_string(backup.join(CHECKSUM));
        let checksum = checksum.map_err(|why| broken(format!("{CHECKSUM}: {why}")))?;
        if checksum.split_whitespace().next() != Some(digest::of(&text).as_str()) {
            return Err(broken(format!(
                "{FILE} is not what {CHECKSUM} says that it is"
            )));
        }
        let manifest: Self =
            serde_json::from_slice(&text).map_err(|why| broken(format!("{FILE}: {why}")))?;
        if manifest.format != FORMAT {
            return Err(Error::Usage(format!(
                "{} is a backup of layout {}; this program reads layout {FORMAT}",
                backup.display(),
                manifest.format
            )));
        }
        let mut seen = HashSet::new();
        for file in &manifest.files {
            if !is_inside(&file.path) || !seen.insert(&file.path) {
                return Err(broken(format!("{FILE} names the file {:?}", file.path)));
            }
        }
        Ok(manifest)
    }

    /// Writes it, with its checksum.
    pub(super) fn write(&mut self, backup: &Path) -> Result<()> {
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|why| Error::Lake(crate::Error::internal(why)))?;
        text.push(b'\n');
        let checksum = format!("{}  {FILE}\n", digest::of(&text));
        for (name, content) in [(FILE, text.as_slice()), (CHECKSUM, checksum.as_bytes())] {
            let path = backup.join(name);
            let mut sink = digest::Sink::create(&path)?;
            sink.write(content)?;
            sink.finish()?;
        }
        Ok(())
    }
}

/// Whether a path leads to something in the directory that it is relative to, in one way only.
fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    let plain = parts
        .clone()
        .all(|part| matches!(part, Component::Normal(_)));
    plain
        && parts.count() > 1
        && !path.contains("//")
        && !path.contains("/./")
        && !path.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_backup() {
        for path in ["data/a.parquet", "data/s p/ä.parquet", "beside/auth/key"] {
            assert!(is_inside(path), "{path}");
        }
        for path in [
            "",
            "manifest.json",
            "/etc/passwd",
            "../a/b",
            "data/../../a",
            "data//a",
            "data/./a",
            "data/a/",
        ] {
            assert!(!is_inside(path), "{path}");
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let place = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::of(CatalogKind::Sqlite);
        manifest.files = ["data/b", "data/a"]
            .map(|path| Entry {
                path: path.to_owned(),
                bytes: 1,
                sha256: digest::of(b"x"),
                row: None,
            })
            .into();
        manifest.write(place.path()).unwrap();
        assert_eq!(Manifest::read(place.path()).unwrap(), manifest);
        let file = place.path().join(FILE);
        let mut text = fs::read(&file).unwrap();
        text[40] ^= 1;
        fs::write(&file, text).unwrap();
        let why = Manifest::read(place.path()).unwrap_err().to_string();
        assert!(why.contains(CHECKSUM), "{why}");
    }
}
