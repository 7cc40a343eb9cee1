//! Temporary tables: rows in memory that one session sees, for as long as it lives.
//!
//! A table is a list of chunks that never change. A change makes a new list, which may share chunks with the old one,
//! and puts it in the old one's place; who reads the old one keeps it. Every chunk is counted against the memory pool
//! until its last reader lets go of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::logical_expr::Expr;
use tokio::sync::OwnedMutexGuard;

use crate::{Error, ResolvedTable, Result, TEMP, TableEntry, TableKind};

mod journal;
mod plain;
mod scan;
mod staging;

pub use journal::TempJournal;
pub use plain::{plain_schema, plain_type};
pub use staging::Staging;

/// What a table takes besides its rows, and what each of its columns takes besides its name, in bytes.
const TABLE_BYTES: u64 = 1024;
const COLUMN_BYTES: u64 = 256;

/// Tells one content of a table from every other content of every other table of this process.
static SNAPSHOTS: AtomicU64 = AtomicU64::new(1);

/// The temporary tables of one session. A clone is cheap and has the same tables.
#[derive(Debug, Clone)]
pub struct TempTables {
    inner: Arc<Inner>,
    /// What remembers the changes that are made through this handle.
    journal: Option<Arc<TempJournal>>,
}

#[derive(Debug)]
struct Inner {
    limit: u64,
    pool: Arc<dyn MemoryPool>,
    tables: RwLock<Tables>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

type Tables = BTreeMap<String, Arc<TempTable>>;

/// A temporary table as it is between two changes.
#[derive(Debug)]
pub struct TempTable {
    schema: SchemaRef,
    defaults: BTreeMap<String, ColumnDefault>,
    chunks: Vec<Arc<Chunk>>,
    rows: u64,
    snapshot: u64,
    /// For what a table without rows takes.
    head: Arc<MemoryReservation>,
}

/// What a column gets when a row says nothing about it.
#[derive(Debug, Clone)]
pub struct ColumnDefault {
    /// The expression as it was written.
    pub sql: String,
    /// The expression, without columns, not cast to the column's type yet.
    pub expr: Expr,
}

/// Some rows of a table, with the memory that they are counted for.
#[derive(Debug)]
pub struct Chunk {
    batch: RecordBatch,
    bytes: u64,
    _memory: MemoryReservation,
}

/// One change of the temporary tables of a session, which nobody sees before [`TempWriter::commit`]. No other change
/// is made meanwhile.
#[derive(Debug)]
pub struct TempWriter {
    tables: TempTables,
    draft: TempTables,
    _writing: OwnedMutexGuard<()>,
}

impl TempTables {
    /// No tables yet. All together may take `limit` bytes, which are taken from the pool too.
    pub fn new(limit: u64, pool: Arc<dyn MemoryPool>) -> Self {
        Self::of(limit, pool, BTreeMap::new())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// A table as it is now.
    pub fn get(&self, name: &str) -> Option<Arc<TempTable>> {
        self.read().get(name).cloned()
    }

    /// A table as a statement finds it. Its content stays as it is now.
    pub fn table(&self, name: &str) -> Option<ResolvedTable> {
        self.get(name).map(|table| ResolvedTable {
            snapshot: table.snapshot,
            provider: Arc::new(scan::TempScan::new(table)),
            kind: TableKind::Temporary,
        })
    }

    /// All tables, sorted by name.
    pub fn entries(&self) -> Vec<TableEntry> {
        let tables = self.read();
        tables
            .keys()
            .map(|name| TableEntry {
                schema: TEMP.to_owned(),
                name: name.clone(),
                kind: TableKind::Temporary,
            })
            .collect()
    }

    /// What all tables take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.read().values().map(|table| table.bytes()).sum()
    }

    /// Begins a change, as soon as the one before has ended.
    pub async fn write(&self) -> TempWriter {
        let writing = Arc::clone(&self.inner.writing).lock_owned().await;
        let draft = Self::of(
            self.inner.limit,
            Arc::clone(&self.inner.pool),
            self.read().clone(),
        );
        TempWriter {
            tables: self.clone(),
            draft,
            _writing: writing,
        }
    }

    fn of(limit: u64, pool: Arc<dyn MemoryPool>, tables: Tables) -> Self {
        Self {
            inner: Arc::new(Inner {
                limit,
                pool,
                tables: RwLock::new(tables),
                writing: Arc::default(),
            }),
            journal: None,
        }
    }

    /// Takes memory for the head of a table, or for nothing yet.
    fn reserve(&self, bytes: u64) -> Result<MemoryReservation> {
        let reservation = MemoryConsumer::new("temporary tables").register(&self.inner.pool);
        grow(&reservation, bytes)?;
        Ok(reservation)
    }

    fn check_limit(&self, bytes: u64) -> Result<()> {
        if bytes <= self.inner.limit {
            return Ok(());
        }
        Err(Error::Full {
            why: format!(
                "the temporary tables of the session would take {bytes} bytes, {} are allowed (sessions.temp_bytes)",
                self.inner.limit
            ),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.inner
            .tables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Tables> {
        self.inner
            .tables
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl TempWriter {
    /// The tables with what was changed so far.
    pub fn draft(&self) -> &TempTables {
        &self.draft
    }

    /// Puts a table in place of the one of that name, if there is one.
    ///
    /// # Errors
    /// [`Error::Full`] when the tables of the session would take more than they may.
    pub fn put(
        &self,
        name: &str,
        schema: SchemaRef,
        defaults: BTreeMap<String, ColumnDefault>,
        chunks: Vec<Arc<Chunk>>,
    ) -> Result<()> {
        let head = name.len() as u64 + head_bytes(&schema, &defaults);
        let head = Arc::new(self.draft.reserve(head)?);
        self.place(name, TempTable::of(schema, defaults, chunks, head))
    }

    /// Gives a table other rows.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn refill(&self, name: &str, table: &TempTable, chunks: Vec<Arc<Chunk>>) -> Result<()> {
        let (schema, defaults) = (Arc::clone(&table.schema), table.defaults.clone());
        let head = Arc::clone(&table.head);
        self.place(name, TempTable::of(schema, defaults, chunks, head))
    }

    /// Takes a table away.
    pub fn remove(&self, name: &str) {
        self.draft.lock().remove(name);
    }

    /// Shows the changes to the session, all at once; unless they belong to a transaction that was rolled back meanwhile.
    pub fn commit(self) {
        let changed = self.draft.read().clone();
        if let Some(journal) = &self.tables.journal
            && !journal.record(&self.tables.read(), &changed)
        {
            return;
        }
        let before = std::mem::replace(&mut *self.tables.lock(), changed);
        drop(before);
    }

    fn place(&self, name: &str, table: TempTable) -> Result<()> {
        let mut tables = self.draft.lock();
        let others = tables.iter().filter(|(other, _)| other.as_str() != name);
        let bytes: u64 = others.map(|(_, table)| table.bytes()).sum();
        self.draft
            .check_limit(bytes.saturating_add(table.bytes()))?;
        tables.insert(name.to_owned(), Arc::new(table));
        Ok(())
    }
}

impl TempTable {
    fn of(
        schema: SchemaRef,
        defaults: BTreeMap<String, ColumnDefault>,
        chunks: Vec<Arc<Chunk>>,
        head: Arc<MemoryReservation>,
    ) -> Self {
        Self {
            schema,
            defaults,
            rows: chunks
                .iter()
                .map(|chunk| chunk.batch.num_rows() as u64)
                .sum(),
            chunks,
            snapshot: SNAPSHOTS.fetch_add(1, Ordering::Relaxed),
            head,
        }
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The default of a column that has one.
    pub fn default_of(&self, column: &str) -> Option<&ColumnDefault> {
        self.defaults.get(column)
    }

    /// Its rows, in order.
    pub fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// Tells this content from every other of this or another table.
    pub fn snapshot(&self) -> u64 {
        self.snapshot
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What it takes, in bytes.
    pub fn bytes(&self) -> u64 {
        let rows: u64 = self.chunks.iter().map(|chunk| chunk.bytes).sum();
        rows.saturating_add(self.head.size() as u64)
    }

    /// The table with the number of each row, from zero, in a column before all others.
    pub fn numbered(self: &Arc<Self>, column: &str) -> ResolvedTable {
        ResolvedTable {
            snapshot: self.snapshot,
            provider: Arc::new(scan::NumberedScan::new(Arc::clone(self), column)),
            kind: TableKind::Temporary,
        }
    }
}

impl Chunk {
    /// The rows.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// What they take, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn head_bytes(schema: &SchemaRef, defaults: &BTreeMap<String, ColumnDefault>) -> u64 {
    let names = schema
        .fields()
        .iter()
        .map(|field| field.name().len() as u64);
    let texts = defaults.values().map(|default| default.sql.len() as u64);
    names
        .map(|bytes| bytes + COLUMN_BYTES)
        .chain(texts)
        .fold(TABLE_BYTES, u64::saturating_add)
}

fn grow(reservation: &MemoryReservation, bytes: u64) -> Result<()> {
    let more = usize::try_from(bytes).unwrap_or(usize::MAX);
    reservation.try_grow(more).map_err(|_| Error::Full {
        why: format!(
            "there is no memory for {bytes} bytes more of temporary tables beside what else the server holds (memory.limit)"
        ),
    })
}
