//! What was read of the catalog and need not be read again.

mod commits;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::changes;
use crate::content::load::{self, Loaded};
use crate::database::Value;
use crate::state::load as state;
use crate::{Lake, Result, SnapshotId, State, Table, TableId};
use commits::Commits;
use tokio::sync::watch;

/// From how many commits on a content is read anew rather than looked for in what they changed.
const COMMITS: i64 = 1000;

/// States and contents that never change. Whoever looks something up marks it as used; what is used least goes first.
#[derive(Debug)]
pub(crate) struct Cache {
    kept: Mutex<Kept>,
    /// Whether commits are being made whose outcome is about to be told.
    telling: watch::Sender<bool>,
}

#[derive(Debug)]
struct Kept {
    /// How many states may be kept.
    max_states: usize,
    /// How many bytes contents may take, those of all tables together.
    max_bytes: u64,
    bytes: u64,
    clock: u64,
    states: HashMap<i64, (Arc<State>, u64)>,
    contents: HashMap<TableId, Vec<Entry>>,
    commits: Commits,
}

/// A content that a table has from one snapshot to another.
#[derive(Debug)]
struct Entry {
    from: SnapshotId,
    to: SnapshotId,
    loaded: Arc<Loaded>,
    bytes: u64,
    used: u64,
    /// Whether a commit of this process made it of the one before.
    is_made: bool,
}

impl Kept {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn keep_state(&mut self, state: Arc<State>) {
        let now = self.tick();
        self.states.insert(state.schema_version, (state, now));
        if self.states.len() > self.max_states {
            let oldest = self.states.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(version) = oldest.map(|(version, _)| *version) {
                self.states.remove(&version);
            }
        }
    }

    fn keep_content(&mut self, table: TableId, snapshot: SnapshotId, loaded: Arc<Loaded>) {
        self.keep_entry(table, snapshot, loaded, false);
    }

    fn keep_entry(
        &mut self,
        table: TableId,
        snapshot: SnapshotId,
        loaded: Arc<Loaded>,
        is_made: bool,
    ) {
        let (used, bytes) = (self.tick(), loaded.content.memory_bytes());
        let entry = Entry {
            from: snapshot,
            to: snapshot,
            loaded,
            bytes,
            used,
            is_made,
        };
        self.contents.entry(table).or_default().push(entry);
        self.bytes += bytes;
        // The one that was just loaded stays, however large it is: it is in use.
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.oldest().filter(|oldest| *oldest != used)
        {
            self.forget(oldest);
        }
    }

    fn oldest(&self) -> Option<u64> {
        let entries = self.contents.values().flatten();
        entries.map(|entry| entry.used).min()
    }

    fn forget(&mut self, used: u64) {
        let bytes = &mut self.bytes;
        self.contents.retain(|_, entries| {
            entries.retain(|entry| {
                if entry.used == used {
                    *bytes = bytes.saturating_sub(entry.bytes);
                }
                entry.used != used
            });
            !entries.is_empty()
        });
    }

    fn at(&mut self, table: TableId, snapshot: SnapshotId) -> Option<Arc<Loaded>> {
        let now = self.tick();
        let entries = self.contents.get_mut(&table)?;
        let entry = entries
            .iter_mut()
            .find(|entry| entry.from <= snapshot && snapshot <= entry.to)?;
        entry.used = now;
        Some(Arc::clone(&entry.loaded))
    }

    /// The newest content from before a snapshot, and the last snapshot that it is known to be of.
    fn before(&self, table: TableId, snapshot: SnapshotId) -> Option<(SnapshotId, Arc<Loaded>)> {
        let entries = self.contents.get(&table)?.iter();
        let newest = entries
            .filter(|entry| entry.to < snapshot)
            .max_by_key(|entry| entry.to)?;
        Some((newest.to, Arc::clone(&newest.loaded)))
    }

    fn extend(&mut self, table: TableId, from: SnapshotId, to: SnapshotId) {
        let entries = self.contents.get_mut(&table).into_iter().flatten();
        for entry in entries.filter(|entry| entry.to == from) {
            entry.to = entry.to.max(to);
        }
    }
}

impl Cache {
    pub(crate) fn new(config: &godwit_config::Lake) -> Self {
        let kept = Kept {
            max_states: config.cached_definitions,
            max_bytes: config.cache_bytes,
            bytes: 0,
            clock: 0,
            states: HashMap::new(),
            contents: HashMap::new(),
            commits: Commits::default(),
        };
        Self {
            kept: Mutex::new(kept),
            telling: watch::Sender::new(false),
        }
    }

    pub(crate) fn newest_state(&self) -> Option<Arc<State>> {
        self.kept(|kept| {
            let states = kept.states.values().map(|(state, _)| state);
            states.max_by_key(|state| state.schema_version).cloned()
        })
    }

    fn kept<T>(&self, what: impl FnOnce(&mut Kept) -> T) -> T {
        what(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The state at a snapshot that exists.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Broken`].
pub(super) async fn state_at(
    lake: &Lake,
    snapshot: SnapshotId,
    schema_version: i64,
) -> Result<Arc<State>> {
    let cache = &lake.inner.cache;
    let known = cache.kept(|kept| {
        let now = kept.tick();
        let (state, used) = kept.states.get_mut(&schema_version)?;
        *used = now;
        Some(Arc::clone(state))
    });
    let state = match known {
        Some(state) if state.snapshot == snapshot => return Ok(state),
        Some(state) => State {
            snapshot,
            ..State::clone(&state)
        },
        None => {
            let mut reading = lake.inner.database.read().await?;
            state::load(&mut reading, snapshot, schema_version).await?
        }
    };
    let state = Arc::new(state);
    cache.kept(|kept| kept.keep_state(Arc::clone(&state)));
    Ok(state)
}

/// The content of a table at a snapshot.
///
/// # Errors
/// [`crate::Error::Unavailable`], [`crate::Error::Broken`], [`crate::Error::Unsupported`].
pub(super) async fn content_at(
    lake: &Lake,
    table: &Table,
    snapshot: SnapshotId,
) -> Result<Arc<Loaded>> {
    let cache = &lake.inner.cache;
    for is_told in [false, true] {
        if let Some(loaded) = cache.kept(|kept| kept.at(table.id, snapshot)) {
            return Ok(loaded);
        }
        if !is_told {
            cache.told().await;
        }
    }
    let before = cache.kept(|kept| kept.before(table.id, snapshot));
    if let Some((known, loaded)) = &before
        && is_same(lake, table.id, *known, snapshot).await?
    {
        cache.kept(|kept| kept.extend(table.id, *known, snapshot));
        return Ok(Arc::clone(loaded));
    }
    let before = before.as_ref().map(|(_, loaded)| loaded.as_ref());
    let reading = lake.inner.database.read().await?;
    let loaded = Arc::new(load::load(lake, reading, table, snapshot, before).await?);
    cache.kept(|kept| kept.keep_content(table.id, snapshot, Arc::clone(&loaded)));
    Ok(loaded)
}

/// Whether no commit after one snapshot and up to another changed a table.
async fn is_same(lake: &Lake, table: TableId, from: SnapshotId, to: SnapshotId) -> Result<bool> {
    let commits = to.0 - from.0;
    if commits > COMMITS {
        return Ok(false);
    }
    let known = |kept: &mut Kept| kept.commits.leave(table, from, to);
    if let Some(is_same) = lake.inner.cache.kept(known) {
        return Ok(is_same);
    }
    let sql = "SELECT changes_made FROM ducklake_snapshot_changes WHERE snapshot_id > $1 AND snapshot_id <= $2";
    let rows = lake
        .inner
        .database
        .query(sql, &[Value::Int(from.0), Value::Int(to.0)])
        .await?;
    // A commit that has expired may have done anything.
    if usize::try_from(commits) != Ok(rows.len()) {
        return Ok(false);
    }
    for row in rows {
        let changes = row.opt_text(0)?;
        if changes.is_none_or(|changes| changes::concern(changes, table)) {
            return Ok(false);
        }
    }
    Ok(true)
}
