use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tables;
use crate::data_dir::write_private;
use crate::error::{Error, Result};

/// How much data: 1 is about 1 GB as text.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Scale(f64);

/// Where the data of a demo is. The tables and the manifest stand beside each other, because everything in the directory of
/// the tables is a table.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory of the tables. It exists wholly or not at all.
    pub(super) tables: PathBuf,
    /// Where tables are written before they are whole.
    pub(super) draft: PathBuf,
    manifest: PathBuf,
}

/// What was made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    scale: Scale,
}

impl Scale {
    /// Bounds between which the generator is known to work.
    const BOUNDS: (Self, Self) = (Self(0.001), Self(1000.0));

    pub(super) fn parse(text: &str) -> Result<Self> {
        let (least, most) = Self::BOUNDS;
        text.parse()
            .ok()
            .map(Self)
            .filter(|scale| *scale >= least && *scale <= most)
            .ok_or_else(|| {
                Error::Usage(format!(
                    "flag --scale: {text:?}: must be a number from {} to {}",
                    least.0, most.0
                ))
            })
    }

    pub(super) fn factor(self) -> f64 {
        self.0
    }
}

impl Place {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            tables: data_dir.join("tpch"),
            draft: data_dir.join("tpch.partial"),
            manifest: data_dir.join("tpch.json"),
        }
    }

    /// Whether the tables are there, at this scale.
    ///
    /// # Errors
    /// When there are tables of another scale, or tables that this program did not make.
    pub(super) fn holds(&self, scale: Scale) -> Result<bool> {
        let there = self
            .tables
            .try_exists()
            .map_err(|why| Error::data_dir(&self.tables, why))?;
        if !there {
            return Ok(false);
        }
        let found = self.read()?.scale;
        if found != scale {
            return Err(Error::Usage(format!(
                "flag --scale: {}: there is data at scale {} in {}; remove that directory, or choose another data directory",
                scale.factor(),
                found.factor(),
                self.tables.display()
            )));
        }
        match tables::ALL
            .iter()
            .find(|table| !self.tables.join(table.file()).exists())
        {
            None => Ok(true),
            Some(missing) => Err(self.not_ours(&format!("{} is missing", missing.file()))),
        }
    }

    /// Makes the drafted tables the tables. The manifest comes first: without tables it means nothing.
    pub(super) fn publish(&self, scale: Scale) -> Result<()> {
        let text = serde_json::to_string(&Manifest { scale }).map_err(Error::internal)?;
        write_private(&self.manifest, format!("{text}\n").as_bytes())?;
        fs::rename(&self.draft, &self.tables).map_err(|why| Error::data_dir(&self.tables, why))
    }

    /// An empty directory to draft tables in, whatever an interrupted start has left.
    pub(super) fn start_draft(&self) -> Result<()> {
        let failed = |why| Error::data_dir(&self.draft, why);
        match fs::remove_dir_all(&self.draft) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(failed(why)),
            _ => {}
        }
        fs::create_dir(&self.draft).map_err(failed)
    }

    fn read(&self) -> Result<Manifest> {
        let text = match fs::read(&self.manifest) {
            Ok(text) => text,
            Err(why) if why.kind() == ErrorKind::NotFound => {
                let why = format!("{} is missing", self.manifest.display());
                return Err(self.not_ours(&why));
            }
            Err(why) => return Err(Error::data_dir(&self.manifest, why)),
        };
        serde_json::from_slice(&text).map_err(|why| Error::data_dir(&self.manifest, why))
    }

    fn not_ours(&self, why: &str) -> Error {
        Error::data_dir(
            &self.tables,
            format!(
                "not the whole data of a demo: {why}; remove the directory to have it made anew"
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales() {
        assert_eq!(Scale::parse("0.1").unwrap(), Scale(0.1));
        for text in ["", "0", "-1", "big", "NaN", "inf", "1e9"] {
            let why = Scale::parse(text).unwrap_err().to_string();
            assert!(why.contains("must be a number from 0.001 to 1000"), "{why}");
        }
    }

    #[test]
    fn data_is_whole_or_not_there() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::new(root.path());
        assert!(!place.holds(Scale(0.1)).unwrap());

        place.start_draft().unwrap();
        fs::write(place.draft.join("half.parquet"), "x").unwrap();
        assert!(!place.holds(Scale(0.1)).unwrap());
        place.start_draft().unwrap();
        assert_eq!(fs::read_dir(&place.draft).unwrap().count(), 0);

        for table in tables::ALL {
            fs::write(place.draft.join(table.file()), "x").unwrap();
        }
        place.publish(Scale(0.1)).unwrap();
        assert!(place.holds(Scale(0.1)).unwrap());
        assert!(!place.draft.exists());

        let why = place.holds(Scale(1.0)).unwrap_err().to_string();
        assert!(why.contains("there is data at scale 0.1 in "), "{why}");

        fs::remove_file(place.tables.join("region.parquet")).unwrap();
        let why = place.holds(Scale(0.1)).unwrap_err().to_string();
        assert!(why.contains("region.parquet is missing"), "{why}");
        fs::remove_file(&place.manifest).unwrap();
        let why = place.holds(Scale(0.1)).unwrap_err().to_string();
        assert!(why.contains("tpch.json is missing"), "{why}");
    }
}
