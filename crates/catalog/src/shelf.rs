//! Columns of small files as they were decoded last, for queries that read the same ones again and again: to look up a row
//! takes far less than to decompress and decode what it is in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::table::Kept;

/// How often the same columns are read before they are kept. What was too much or failed is tried again at twice as many.
const READS: u32 = 4;
/// How many sets of columns may share the room, each as large as may be.
const PARTS: usize = 4;
/// How many sets of columns are counted at most.
const COUNTED: usize = 1024;

/// The room for decoded columns, which all tables over files share.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// In bytes: `memory.kept_columns`.
    limit: usize,
    next: AtomicU64,
    sets: Mutex<Sets>,
}

/// What one part of a table has on the shelf. It goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Compartment {
    shelf: Arc<Shelf>,
    number: u64,
}

/// What is there of some columns.
pub(crate) enum Found {
    Kept(Arc<Kept>),
    /// They are read so often that they are to be kept, if they take no more bytes than this.
    Wanted(usize),
    Nothing,
}

#[derive(Debug, Default)]
struct Sets {
    used: usize,
    clock: u64,
    sets: HashMap<Key, Set>,
}

/// A compartment, and the positions of the columns; none means all of them.
type Key = (u64, Option<Vec<usize>>);

#[derive(Debug, Default)]
struct Set {
    kept: Option<Arc<Kept>>,
    reads: u32,
    last: u64,
}

impl Shelf {
    /// With room for so many bytes.
    pub(crate) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            next: AtomicU64::new(0),
            sets: Mutex::default(),
        })
    }

    /// A new place on it.
    pub(crate) fn compartment(self: &Arc<Self>) -> Compartment {
        Compartment {
            shelf: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compartment {
    /// Counts that columns are read, and tells what there is of them.
    pub(crate) fn read(&self, columns: Option<&Vec<usize>>) -> Found {
        let most = self.shelf.limit / PARTS;
        if most == 0 {
            return Found::Nothing;
        }
        let key = (self.number, columns.cloned());
        let mut sets = self.shelf.lock();
        sets.clock += 1;
        let now = sets.clock;
        if sets.sets.len() >= COUNTED && !sets.sets.contains_key(&key) {
            sets.drop_oldest();
        }
        let set = sets.sets.entry(key).or_default();
        set.last = now;
        set.reads = set.reads.saturating_add(1);
        match &set.kept {
            Some(kept) => Found::Kept(Arc::clone(kept)),
            None if set.reads >= READS && set.reads.is_power_of_two() => Found::Wanted(most),
            None => Found::Nothing,
        }
    }

    /// Keeps columns, in place of those that were not read for longest.
    pub(crate) fn keep(&self, columns: Option<&Vec<usize>>, kept: &Arc<Kept>) {
        let key = (self.number, columns.cloned());
        let mut sets = self.shelf.lock();
        sets.remove(&key);
        while !sets.sets.is_empty() && sets.used + kept.bytes() > self.shelf.limit {
            sets.drop_oldest();
        }
        sets.clock += 1;
        sets.used += kept.bytes();
        let set = Set {
            kept: Some(Arc::clone(kept)),
            reads: READS,
            last: sets.clock,
        };
        sets.sets.insert(key, set);
    }
}

impl Drop for Compartment {
    fn drop(&mut self) {
        let mut sets = self.shelf.lock();
        let mine = sets.sets.keys().filter(|key| key.0 == self.number);
        let mine: Vec<_> = mine.cloned().collect();
        for key in &mine {
            sets.remove(key);
        }
    }
}

impl Sets {
    fn drop_oldest(&mut self) {
        let oldest = self.sets.iter().min_by_key(|(_, set)| set.last);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.remove(&key);
        }
    }

    fn remove(&mut self, key: &Key) {
        if let Some(kept) = self.sets.remove(key).and_then(|set| set.kept) {
            self.used = self.used.saturating_sub(kept.bytes());
            kept.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(place: &Compartment, columns: &[usize], times: u32) -> Found {
        let columns = columns.to_vec();
        for _ in 1..times {
            place.read(Some(&columns));
        }
        place.read(Some(&columns))
    }

    fn is_kept(place: &Compartment, columns: &[usize]) -> bool {
        matches!(place.read(Some(&columns.to_vec())), Found::Kept(_))
    }

    #[test]
    fn what_is_read_often_is_wanted() {
        let shelf = Shelf::new(1000);
        let place = shelf.compartment();
        assert!(matches!(reads(&place, &[0], 3), Found::Nothing));
        assert!(matches!(reads(&place, &[0], 1), Found::Wanted(250)));
        assert!(matches!(reads(&place, &[0], 3), Found::Nothing));
        assert!(matches!(reads(&place, &[0], 1), Found::Wanted(_)));
        assert!(matches!(reads(&place, &[0, 1], 1), Found::Nothing));
        assert!(matches!(
            reads(&shelf.compartment(), &[0], 1),
            Found::Nothing
        ));
        let none = Shelf::new(0).compartment();
        assert!(matches!(reads(&none, &[0], 4), Found::Nothing));
    }

    #[test]
    fn what_was_not_read_for_longest_goes() {
        let shelf = Shelf::new(1000);
        let place = shelf.compartment();
        let large = Arc::new(Kept::of_size(400));
        place.keep(Some(&vec![0]), &large);
        place.keep(Some(&vec![1]), &large);
        assert!(is_kept(&place, &[1]) && is_kept(&place, &[0]));
        place.keep(Some(&vec![2]), &large);
        assert!(is_kept(&place, &[0]) && is_kept(&place, &[2]));
        assert!(!is_kept(&place, &[1]));
        assert_eq!(shelf.lock().used, 800);
        drop(place);
        assert_eq!(shelf.lock().used, 0);
        assert_eq!(Arc::strong_count(&large), 1);
    }
}
