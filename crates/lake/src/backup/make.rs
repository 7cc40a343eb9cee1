use std::collections::{HashMap, HashSet};
use std::path::{Path, absolute};
use std::sync::Arc;

use chrono::{SecondsFormat, Utc};
use godwit_config::Config;

use super::draft::Draft;
use super::files::{Base, Copier, Outcome, Together};
use super::listing::Listing;
use super::manifest::{CatalogKind, Entry, Manifest};
use super::{Companion, Error, Progress, Result, Step, beside, catalog, digest};
use crate::database::Database;
use crate::layout;
use crate::storage::Storage;

/// How often a newer catalog is taken before it is given up.
const PASSES: usize = 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Files of the lake that were copied.
    pub copied: u64,
    /// Files of the lake that an earlier backup gave.
    pub reused: u64,
    /// How often the catalog was taken: more than once when files were removed meanwhile.
    pub passes: u64,
}

/// Makes a backup at `to`, where there must be nothing, of the lake of a configuration and its companions. The lake may be
/// written to meanwhile. What `base`, an earlier backup, has of it is linked instead of copied.
///
/// # Errors
/// [`Error`]; then nothing is at `to`.
pub async fn make(
    config: &Config,
    companions: &[Companion],
    to: &Path,
    base: Option<&Path>,
    progress: Arc<dyn Progress>,
) -> Result<Made> {
    let to = absolute(to).map_err(Error::at(to))?;
    let base = base.map(Base::open).transpose()?;
    let (database, storage) = lake(config).await?;
    let draft = Draft::begin(&to)?;
    let progress = Together::new(progress);
    let copier = Arc::new(Copier {
        storage,
        draft: draft.path().to_owned(),
        base,
        progress: Arc::clone(&progress),
    });
    let mut passes = Passes::default();
    let mut manifest = passes.run(&database, &copier).await?;
    for companion in companions {
        manifest
            .files
            .extend(beside::take(companion, draft.path(), &*progress)?);
    }
    manifest.made_at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    manifest.write(draft.path())?;
    super::progress::go_on(&*progress)?;
    draft.finish()?;
    Ok(Made {
        manifest,
        copied: passes.copied.len() as u64,
        reused: passes.reused.len() as u64,
        passes: passes.number as u64,
    })
}

/// The lake of a configuration, which is there.
async fn lake(config: &Config) -> Result<(Database, Storage)> {
    let file = catalog::sqlite_file(&config.data_dir)?;
    let data = file.with_file_name("data");
    let storage = Storage::open(&config.lake, &data, Arc::default())?;
    let database = match &config.lake.catalog {
        Some(url) => Database::postgres(url.expose()).await?,
        None if file.is_file() => Database::sqlite(&file).await?,
        None => return Err(Error::place(&file, "there is no lake")),
    };
    layout::recognised(&database, &storage).await?;
    Ok((database, storage))
}

/// What was copied so far, under the paths in the backup.
#[derive(Debug, Default)]
struct Passes {
    number: usize,
    copied: HashMap<String, Entry>,
    reused: HashMap<String, Entry>,
}

impl Passes {
    /// Takes catalogs until one of them has all its files.
    async fn run(&mut self, database: &Database, copier: &Arc<Copier>) -> Result<Manifest> {
        let mut gone: HashMap<String, crate::Error> = HashMap::new();
        while self.number < PASSES {
            self.number += 1;
            copier.progress.begin(Step::Catalog, 0, 0);
            let mut taken = catalog::take(database, &copier.draft, &*copier.progress).await?;
            let time = taken.dialect.text("snapshot_time");
            let listing = Listing::read(&mut taken.reading, &copier.storage, &time).await?;
            // A file that is still named was not removed with its snapshot: it is lost.
            if let Some((_, why)) = gone
                .into_iter()
                .find(|(path, _)| listing.files.contains_key(path))
            {
                return Err(why.into());
            }
            let (kind, entries) = (taken.kind, std::mem::take(&mut taken.entries));
            drop(taken);
            gone = self.copy(&listing, copier).await?;
            if gone.is_empty() {
                self.forget(&listing, copier)?;
                return Ok(self.manifest(kind, listing, entries));
            }
        }
        Err(Error::Usage(format!(
            "files of the lake were removed while they were copied, {PASSES} times: set lake.orphan_grace to a longer time \
             than a backup takes"
        )))
    }

    /// Copies what is not there yet; the files that were gone.
    async fn copy(
        &mut self,
        listing: &Listing,
        copier: &Arc<Copier>,
    ) -> Result<HashMap<String, crate::Error>> {
        let files = listing.files.iter();
        let missing: Vec<_> = files.filter(|(path, _)| !self.has(path)).collect();
        let bytes = missing.iter().filter_map(|(_, named)| named.bytes).sum();
        copier
            .progress
            .begin(Step::Copy, missing.len() as u64, bytes);
        let work = missing.into_iter().map(|(path, named)| {
            let (copier, path, named) = (Arc::clone(copier), path.clone(), named.clone());
            async move { Ok((path.clone(), copier.copy(path, named).await?)) }
        });
        let mut gone = HashMap::new();
        for (path, outcome) in copier.progress.each(work).await? {
            match outcome {
                Outcome::Copied(entry) => drop(self.copied.insert(path, entry)),
                Outcome::Reused(entry) => drop(self.reused.insert(path, entry)),
                Outcome::Gone(why) => drop(gone.insert(path, why)),
            }
        }
        Ok(gone)
    }

    fn has(&self, path: &str) -> bool {
        self.copied.contains_key(path) || self.reused.contains_key(path)
    }

    /// Removes what an older catalog had, and the last one has not.
    fn forget(&mut self, listing: &Listing, copier: &Copier) -> Result<()> {
        for files in [&mut self.copied, &mut self.reused] {
            let known: HashSet<&String> = listing.files.keys().collect();
            for (path, _) in files.extract_if(|path, _| !known.contains(path)) {
                digest::remove(&copier.draft.join(path))?;
            }
        }
        Ok(())
    }

    fn manifest(&self, kind: CatalogKind, listing: Listing, catalog: Vec<Entry>) -> Manifest {
        let mut manifest = Manifest::of(kind);
        manifest.snapshot = listing.snapshot;
        manifest.snapshot_time = listing.snapshot_time;
        manifest.tables = listing.tables;
        manifest.data_path = listing.data_path;
        let files = self.copied.values().chain(self.reused.values());
        manifest.files = catalog.into_iter().chain(files.cloned()).collect();
        manifest
    }
}
