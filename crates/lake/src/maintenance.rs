//! What keeps a lake small and quick: small files are joined, old snapshots dropped, files removed that nobody needs.
//!
//! Nothing here changes what a snapshot that is kept says, and nothing wins over users: where somebody else commits first,
//! the work is left for the next time.

mod clean;
mod compact;
mod dead;
mod expire;
mod plan;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::{Lake, Result, SnapshotId, State, Table};

pub(crate) use clean::{below, table_path};
pub(crate) use expire::{TABLE_PATHS, is_absolute};

/// How long a round may begin new work where the configuration does not say how often there is one.
const ROUND: Duration = Duration::from_mins(1);

/// Which tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All.
    #[default]
    All,
    /// Those of a schema.
    Schema(String),
    /// One: schema and name.
    Table(String, String),
}

/// How much work may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// From then on no new work is begun.
    pub until: Option<Instant>,
    /// Whether everything is joined that can be; else only where there is much to be gained.
    pub thorough: bool,
}

/// Which snapshots are to go. The newest stays in any case, and so do those that open transactions began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expiry {
    /// Those that were committed before a moment.
    Before(DateTime<Utc>),
    /// These.
    Versions(Vec<SnapshotId>),
    /// All but so many, the newest ones.
    Keep(u64),
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Tables that it changed.
    pub tables: u64,
    /// Tables that were left for the next time, because somebody else changed them.
    pub postponed: u64,
    /// Files that are no longer read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows that the catalog kept and that are in a file now.
    pub flushed_rows: u64,
    /// Files that it wrote.
    pub written_files: u64,
    /// Their bytes.
    pub written_bytes: u64,
    /// Their rows.
    pub written_rows: u64,
}

/// What an expiry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Snapshots that are no more.
    pub snapshots: u64,
    /// Files that no snapshot needs any more, and that will be removed.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Rows of the catalog that went, those of users among them.
    pub rows: u64,
}

/// What a removal of files did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// Files that expired snapshots had.
    pub expired_files: u64,
    /// Files that no snapshot ever had.
    pub orphaned_files: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Small files that were joined.
    pub compacted: Compacted,
    /// Snapshots that were dropped.
    pub expired: Expired,
    /// Files that were removed.
    pub cleaned: Cleaned,
}

impl Lake {
    /// One round of everything, as the configuration wants it: to be called every `lake.maintenance_interval`. It begins
    /// no new work when half of that is over, but for the removal of files that the round before left for that reason.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`]; what was done before stays done.
    pub async fn maintain(&self) -> Result<Maintained> {
        let options = &self.inner.options;
        let time = options.maintenance_interval.unwrap_or(ROUND) / 2;
        let budget = Budget {
            until: Instant::now().checked_add(time),
            thorough: false,
        };
        let mut done = Maintained::default();
        let oldest = options
            .snapshot_retention
            .and_then(|kept| Utc::now().checked_sub_signed(chrono::Duration::from_std(kept).ok()?));
        let expiries = [
            oldest.map(Expiry::Before),
            options.max_snapshots.map(Expiry::Keep),
        ];
        for expiry in expiries.iter().flatten() {
            done.expired.add(&self.expire(expiry).await?);
        }
        done.compacted = self.compact(&Scope::All, budget).await?;
        // Where joining takes all of the time, round after round, files have to go all the same.
        let was_left = self.inner.cleaning_was_left.swap(false, Ordering::Relaxed);
        if was_left || !budget.is_spent() {
            done.cleaned = self.clean_up(options.orphan_grace).await?;
        } else {
            self.inner.cleaning_was_left.store(true, Ordering::Relaxed);
        }
        Ok(done)
    }
}

impl Budget {
    /// Everything that can be done, however long it takes.
    pub const THOROUGH: Self = Self {
        until: None,
        thorough: true,
    };

    fn is_spent(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

impl Scope {
    /// Whether a table is one of them.
    pub(crate) fn has(&self, table: &Table) -> bool {
        match self {
            Self::All => true,
            Self::Schema(schema) => table.schema == *schema,
            Self::Table(schema, name) => table.schema == *schema && table.name == *name,
        }
    }

    /// Schema and name of each of them.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when the one that is named does not exist.
    fn tables(&self, state: &State) -> Result<Vec<(String, String)>> {
        let missing = match self {
            Self::Schema(schema) if !state.schemas.contains_key(schema) => {
                Some(format!("schema {schema:?} does not exist"))
            }
            Self::Table(schema, name) if state.table(schema, name).is_none() => {
                Some(format!("table {schema:?}.{name:?} does not exist"))
            }
            _ => None,
        };
        if let Some(missing) = missing {
            return Err(crate::Error::not_found(missing));
        }
        let schemas = state.schemas.values();
        let tables = schemas.flat_map(|schema| schema.tables.values());
        let tables = tables.filter(|table| self.has(table));
        Ok(tables
            .map(|table| (table.schema.clone(), table.name.clone()))
            .collect())
    }
}
