//! What the commits of this process know of the catalog, for as long as nobody else writes to it.

use std::collections::{HashMap, VecDeque};

use super::Made;
use super::numbers::Newest;
use super::stats::TableStats;
use crate::Result;
use crate::database::{Moment, Writing};

/// How many tables are remembered, and how many commits.
const TABLES: usize = 64;
const COMMITS: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When the last transaction began whose outcome it knows.
    moment: Option<Moment>,
    newest: Option<Newest>,
    /// What the newest commits said, one after the other.
    said: VecDeque<(i64, String)>,
    tables: HashMap<i64, KeptTable>,
}

/// What is known of a table.
#[derive(Debug, Clone)]
pub(super) struct KeptTable {
    pub(super) stats: TableStats,
    /// The catalog's newest table for its inlined rows, with its schema version.
    pub(super) inlined: Option<(i64, String)>,
}

impl Memory {
    /// A transaction has begun. What somebody else may have changed since the last one is forgotten.
    pub(super) fn begin(&mut self, moment: Option<Moment>) {
        let follows = match (moment, self.moment) {
            (Some(now), Some(before)) => now.follows(before),
            _ => false,
        };
        if !follows {
            *self = Self::default();
        }
        self.moment = moment;
    }

    /// The newest snapshot, if it is known.
    pub(super) fn newest(&self) -> Option<Newest> {
        self.newest
    }

    pub(super) fn table(&self, id: i64) -> Option<&KeptTable> {
        self.tables.get(&id)
    }

    /// What all commits after one said, if all are known.
    pub(super) fn said_after(&self, base: i64) -> Option<impl Iterator<Item = (i64, &str)>> {
        let (first, _) = self.said.front()?;
        let skipped = usize::try_from(base + 1 - first).ok()?;
        let said = self.said.iter().skip(skipped);
        Some(said.map(|(snapshot, words)| (*snapshot, words.as_str())))
    }

    /// A commit was written.
    pub(super) fn learn(&mut self, made: &mut Made) {
        self.newest = Some(made.newest);
        self.said.push_back((made.snapshot.0, made.words.clone()));
        if self.said.len() > COMMITS {
            self.said.pop_front();
        }
        self.tables.extend(made.tables.drain());
    }

    /// Writes what the commits have left to be written.
    pub(super) async fn settle(&mut self, writing: &mut Writing) -> Result<()> {
        for table in self.tables.values_mut() {
            table.stats.write(writing).await?;
        }
        if self.tables.len() > TABLES {
            self.tables.clear();
        }
        Ok(())
    }

    /// Of tables nothing is known any more.
    pub(super) fn forget_tables(&mut self) {
        self.tables.clear();
    }
}
