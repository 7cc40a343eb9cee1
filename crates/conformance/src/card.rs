use std::collections::BTreeMap;

use serde::Serialize;

use crate::finding::Mark;

/// What was found out about a server.
#[derive(Debug, Clone)]
pub struct Card {
    /// Where it listens.
    pub server: String,
    /// The name and version that it gives itself, where it does.
    pub name: Option<String>,
    /// How we logged in.
    pub login: &'static str,
    /// One for each probe, in the order of the card.
    pub rows: Vec<Row>,
}

/// What one probe found.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// A name that stays the same, for machines.
    pub id: &'static str,
    /// The heading that it belongs under.
    pub group: &'static str,
    /// What was tried.
    pub what: &'static str,
    /// What came of it.
    pub mark: Mark,
    /// Why: the code and message of the server, or what was seen.
    pub reason: String,
}

impl Card {
    /// How many rows have each mark; marks that no row has are absent.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Mark, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.mark).or_default() += 1;
        }
        counts
    }
}
