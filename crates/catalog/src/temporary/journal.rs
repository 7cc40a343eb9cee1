//! What a transaction changes of temporary tables, so that it can be taken back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Tables, TempTable, TempTables};

/// The tables that were changed, as they were before: since the beginning, and since each mark. A table that nobody
/// changes is not in it, so that others may change it meanwhile.
#[derive(Debug)]
pub struct TempJournal {
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    /// One since the beginning, and one for each mark.
    levels: Vec<Before>,
    is_rolled_back: bool,
}

/// Tables by name; `None` where there was none.
type Before = BTreeMap<String, Option<Arc<TempTable>>>;

impl Default for TempJournal {
    fn default() -> Self {
        Self {
            log: Mutex::new(Log {
                levels: vec![Before::new()],
                is_rolled_back: false,
            }),
        }
    }
}

impl TempJournal {
    /// A mark to go back to: how many there are now.
    pub fn mark(&self) -> usize {
        let mut log = self.lock();
        log.levels.push(Before::new());
        log.levels.len() - 1
    }

    /// Forgets a mark and those after it. What was changed since belongs to the mark before.
    pub fn release(&self, mark: usize) {
        let mut log = self.lock();
        while log.levels.len() > mark.max(1) {
            let (Some(top), Some(below)) = (log.levels.pop(), log.levels.last_mut()) else {
                return;
            };
            for (name, before) in top {
                below.entry(name).or_insert(before);
            }
        }
    }

    /// Forgets everything: what was changed stays.
    pub fn clear(&self) {
        let levels = std::mem::take(&mut self.lock().levels);
        drop(levels);
    }

    /// Remembers a change. `false` when the transaction is rolled back and nothing may change in it any more.
    pub(super) fn record(&self, now: &Tables, then: &Tables) -> bool {
        let mut log = self.lock();
        if log.is_rolled_back {
            return false;
        }
        let Some(level) = log.levels.last_mut() else {
            return true;
        };
        for name in now.keys().chain(then.keys()) {
            let (before, after) = (now.get(name), then.get(name));
            let is_same = match (before, after) {
                (Some(before), Some(after)) => Arc::ptr_eq(before, after),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !is_same && !level.contains_key(name) {
                level.insert(name.clone(), before.cloned());
            }
        }
        true
    }

    /// What is to be put back, and in its place nothing: the marks up to this one stay.
    fn take(&self, mark: usize, ends: bool) -> Before {
        let mut log = self.lock();
        let mut all = Before::new();
        let from = mark.min(log.levels.len());
        // The oldest state of a table is the one to go back to.
        for level in log.levels.drain(from..) {
            for (name, before) in level {
                all.entry(name).or_insert(before);
            }
        }
        log.levels.push(Before::new());
        log.is_rolled_back |= ends;
        all
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TempTables {
    /// The same tables; what is changed through this handle is remembered.
    pub fn journaled(&self, journal: &Arc<TempJournal>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            journal: Some(Arc::clone(journal)),
        }
    }

    /// Takes back what was changed since a mark, as soon as the change that is being made has ended. The mark stays.
    pub async fn undo(&self, journal: &TempJournal, mark: usize) {
        self.put_back(journal, mark, false).await;
    }

    /// Takes back all that was changed. What is still being changed with this journal will change nothing.
    pub async fn undo_all(&self, journal: &TempJournal) {
        self.put_back(journal, 0, true).await;
    }

    async fn put_back(&self, journal: &TempJournal, mark: usize, ends: bool) {
        let writing = Arc::clone(&self.inner.writing).lock_owned().await;
        let before = journal.take(mark, ends);
        let mut dropped = Vec::new();
        let mut tables = self.lock();
        for (name, table) in before {
            dropped.extend(match table {
                Some(table) => tables.insert(name, table),
                None => tables.remove(&name),
            });
        }
        drop(tables);
        drop(writing);
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::execution::memory_pool::UnboundedMemoryPool;

    use super::*;

    fn tables() -> TempTables {
        TempTables::new(u64::MAX, Arc::new(UnboundedMemoryPool::default()))
    }

    async fn put(tables: &TempTables, name: &str, column: &str) {
        let schema = Schema::new(vec![Field::new(column, DataType::Int64, true)]);
        let writer = tables.write().await;
        writer
            .put(name, Arc::new(schema), BTreeMap::default(), Vec::new())
            .unwrap();
        writer.commit();
    }

    async fn drop_table(tables: &TempTables, name: &str) {
        let writer = tables.write().await;
        writer.remove(name);
        writer.commit();
    }

    fn shown(tables: &TempTables) -> String {
        let columns = tables.entries().into_iter().map(|entry| {
            let table = tables.get(&entry.name).unwrap();
            format!("{}({})", entry.name, table.schema().field(0).name())
        });
        columns.collect::<Vec<_>>().join(" ")
    }

    #[tokio::test]
    async fn what_is_undone_is_as_it_was_and_the_rest_stays() {
        let all = tables();
        put(&all, "a", "before").await;
        put(&all, "b", "before").await;
        let journal = Arc::new(TempJournal::default());
        let mine = all.journaled(&journal);
        put(&mine, "a", "first").await;
        let mark = journal.mark();
        put(&mine, "a", "second").await;
        put(&mine, "c", "new").await;
        drop_table(&mine, "b").await;
        put(&all, "other", "of nobody").await;
        assert_eq!(shown(&all), "a(second) c(new) other(of nobody)");
        all.undo(&journal, mark).await;
        assert_eq!(shown(&all), "a(first) b(before) other(of nobody)");
        put(&mine, "a", "third").await;
        let inner = journal.mark();
        put(&mine, "a", "fourth").await;
        journal.release(inner);
        all.undo(&journal, mark).await;
        assert_eq!(shown(&all), "a(first) b(before) other(of nobody)");
        journal.release(mark);
        all.undo_all(&journal).await;
        assert_eq!(shown(&all), "a(before) b(before) other(of nobody)");
        put(&mine, "late", "nothing").await;
        assert_eq!(shown(&all), "a(before) b(before) other(of nobody)");
    }
}
