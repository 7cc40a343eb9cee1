use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::MountKind;
use tokio::sync::{Mutex, OnceCell};

use crate::infer::Inference;
use crate::listing::{Listing, list};
use crate::partition::TableFiles;
use crate::shape::{Shape, Source, decide, look_into};
use crate::shelf::Shelf;
use crate::table::FileTable;
use crate::{Error, FILES, ResolvedTable, Result, TableKind};

/// What a listing may take that is made where others wait: a few files of a disk that answers at once.
const QUICK: Duration = Duration::from_micros(200);

/// A mount: its path, and what the path held when it was listed last.
#[derive(Debug)]
pub(crate) struct Mount {
    pub(crate) name: String,
    /// As configured, but with an absolute path.
    pub(crate) config: godwit_config::Mount,
    inference: Inference,
    shelf: Arc<Shelf>,
    known: RwLock<Arc<State>>,
    /// Held while the path is listed; when the last listing began.
    listed: Mutex<Option<Instant>>,
    /// Whether the last listing took so little time that another one may hold up a thread that has other work.
    is_quick: AtomicBool,
}

/// What a mount is at one moment.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) contents: Contents,
    /// What is left out or cannot be told, for the operator.
    pub(crate) notes: Vec<String>,
    /// Names of the formats of its files.
    pub(crate) formats: BTreeSet<&'static str>,
    /// The listing it was made of, unless another look at the same listing may tell more.
    fingerprint: Option<u64>,
}

/// The tables of a mount.
#[derive(Debug)]
pub(crate) enum Contents {
    Unreadable(Error),
    Empty,
    Table(Arc<MountedTable>),
    Schema(BTreeMap<String, Arc<MountedTable>>),
}

/// A table of a mount, whose files are looked into when it is first asked for.
#[derive(Debug)]
pub(crate) struct MountedTable {
    /// Qualified with its schema.
    name: String,
    path: PathBuf,
    files: Result<TableFiles>,
    provider: OnceCell<Arc<FileTable>>,
}

impl Mount {
    pub(crate) fn new(
        name: &str,
        config: &godwit_config::Mount,
        runtime: Arc<RuntimeEnv>,
        shelf: &Arc<Shelf>,
    ) -> Self {
        let mut config = config.clone();
        if let Ok(path) = std::path::absolute(&config.path) {
            config.path = path;
        }
        let unlisted = Error::Mount {
            name: name.to_owned(),
            path: config.path.clone(),
            why: "it has not been listed yet".to_owned(),
        };
        Self {
            name: name.to_owned(),
            config,
            inference: Inference::new(runtime),
            shelf: Arc::clone(shelf),
            known: RwLock::new(Arc::new(State::unreadable(unlisted))),
            listed: Mutex::new(None),
            is_quick: AtomicBool::new(false),
        }
    }

    /// What the last listing found.
    pub(crate) fn known(&self) -> Arc<State> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the mount is now: a listing that began after this call did.
    pub(crate) async fn current(&self) -> Arc<State> {
        let called = Instant::now();
        let mut listed = self.listed.lock().await;
        // Whoever waited for a listing that began later has no use for another.
        if listed.is_some_and(|began| began > called) {
            return self.known();
        }
        let began = Instant::now();
        if let Some(state) = self.glance() {
            *listed = Some(began);
            return state;
        }
        let config = self.config.clone();
        let listing = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            (list(&config), began.elapsed() <= QUICK)
        });
        let listing = listing.await.map(|(listing, is_quick)| {
            self.is_quick.store(is_quick, Ordering::Relaxed);
            listing
        });
        let listing = listing.unwrap_or_else(|error| Err(format!("it cannot be listed ({error})")));
        let before = self.known();
        let state = match listing {
            Ok(listing) if before.fingerprint == Some(listing.fingerprint) => before,
            Ok(listing) => Arc::new(self.changed(&listing, &before).await),
            Err(why) => {
                let (name, path) = (self.name.clone(), self.config.path.clone());
                Arc::new(State::unreadable(Error::Mount { name, path, why }))
            }
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&state);
        *listed = Some(began);
        state
    }

    /// What the last listing found, if there is the same now. Lists the path at once where the last listing was quick, and
    /// else gives nothing.
    pub(crate) fn glance(&self) -> Option<Arc<State>> {
        if !self.is_quick.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known();
        let began = Instant::now();
        let listing = list(&self.config).ok()?;
        self.is_quick
            .store(began.elapsed() <= QUICK, Ordering::Relaxed);
        (known.fingerprint == Some(listing.fingerprint)).then_some(known)
    }

    /// A table of it for a query.
    pub(crate) async fn resolve(&self, table: &MountedTable) -> Result<ResolvedTable> {
        let files = table.files.as_ref().map_err(Clone::clone)?;
        let provider = table.provider.get_or_try_init(|| async {
            let looks = look_into(files.files.iter().map(|file| &file.file), &self.inference).await;
            let facts = looks.into_iter().collect::<Result<Vec<_>>>()?;
            FileTable::new(&table.name, files, &facts, &self.shelf).map(Arc::new)
        });
        let provider = Arc::clone(provider.await?);
        Ok(ResolvedTable {
            provider,
            kind: TableKind::Table,
            snapshot: files.fingerprint,
        })
    }

    async fn changed(&self, listing: &Listing, before: &State) -> State {
        let files = listing.folder.all_files();
        self.inference.retain(&files);
        let decision = decide(&self.name, &self.config, listing, &self.inference).await;
        let skipped = listing.skipped.iter();
        let mut notes: Vec<_> = skipped
            .map(|left| format!("'{}' is left out: {}", left.path.display(), left.why))
            .collect();
        if files.is_empty() && listing.unrecognized > 0 {
            notes.push(format!(
                "nothing tells the format of its {} files; set `format` on the mount",
                listing.unrecognized
            ));
        }
        let contents = match decision.shape {
            Shape::Empty => Contents::Empty,
            Shape::Table(source) => Contents::Table(MountedTable::reuse(FILES, source, before)),
            Shape::Schema(sources) => {
                let mut tables: BTreeMap<String, Arc<MountedTable>> = BTreeMap::new();
                for source in sources {
                    match tables.get(&source.name) {
                        Some(first) => notes.push(first.name_taken(source.path).to_string()),
                        None => {
                            let name = source.name.clone();
                            tables.insert(name, MountedTable::reuse(&self.name, source, before));
                        }
                    }
                }
                Contents::Schema(tables)
            }
        };
        let formats = files
            .iter()
            .map(|file| file.encoding.format.name())
            .collect();
        let fingerprint = decision.settled.then_some(listing.fingerprint);
        State {
            contents,
            notes,
            formats,
            fingerprint,
        }
    }
}

impl State {
    fn unreadable(error: Error) -> Self {
        let contents = Contents::Unreadable(error);
        Self {
            contents,
            notes: Vec::new(),
            formats: BTreeSet::new(),
            fingerprint: None,
        }
    }

    /// The schema that its tables are in.
    pub(crate) fn schema<'a>(&self, mount: &'a Mount) -> &'a str {
        match &self.contents {
            Contents::Table(_) => FILES,
            Contents::Empty | Contents::Schema(_) => &mount.name,
            Contents::Unreadable(_) if mount.config.kind == MountKind::Schema => &mount.name,
            Contents::Unreadable(_) => FILES,
        }
    }

    /// The names of its tables in that schema, sorted. A mount that cannot be read has its own, to fail by.
    pub(crate) fn table_names(&self, mount: &Mount) -> Vec<String> {
        match &self.contents {
            Contents::Table(_) => vec![mount.name.clone()],
            Contents::Schema(tables) => tables.keys().cloned().collect(),
            Contents::Unreadable(_) if mount.config.kind != MountKind::Schema => {
                vec![mount.name.clone()]
            }
            Contents::Unreadable(_) | Contents::Empty => Vec::new(),
        }
    }

    pub(crate) fn tables(&self) -> Vec<&Arc<MountedTable>> {
        match &self.contents {
            Contents::Table(table) => vec![table],
            Contents::Schema(tables) => tables.values().collect(),
            Contents::Unreadable(_) | Contents::Empty => Vec::new(),
        }
    }
}

impl MountedTable {
    /// What tells its content from others, once it has been looked into.
    pub(crate) fn known_snapshot(&self) -> Option<u64> {
        let files = self.files.as_ref().ok()?;
        self.provider.get().map(|_| files.fingerprint)
    }

    /// The table of the state before if its files are the same, so that they are not looked into again.
    fn reuse(schema: &str, source: Source, before: &State) -> Arc<Self> {
        let name = format!("{schema}.{}", source.name);
        let fingerprint =
            |files: &Result<TableFiles>| files.as_ref().ok().map(|files| files.fingerprint);
        let now = fingerprint(&source.files);
        let same = |table: &&&Arc<Self>| {
            table.name == name && now.is_some() && fingerprint(&table.files) == now
        };
        if let Some(table) = before.tables().iter().find(same) {
            return Arc::clone(table);
        }
        Arc::new(Self {
            name,
            path: source.path,
            files: source.files,
            provider: OnceCell::new(),
        })
    }

    fn name_taken(&self, path: PathBuf) -> Error {
        Error::NameTaken {
            table: self.name.clone(),
            path,
            taken_by: self.path.clone(),
        }
    }
}
