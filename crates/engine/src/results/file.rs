//! The rows of a kept result on disk: chunks of Arrow IPC in one of the engine's temporary files.
//!
//! A chunk is a whole IPC stream without its schema, which is the same for all and stays in memory. So each can be read
//! alone, in any order and by any number of readers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::spill_file::{SpillFile, SpillWriter};

use crate::conform::conform;
use crate::{Error, Result};

/// Size of a chunk; it is exceeded by the batch that reaches it.
const CHUNK_BYTES: usize = 1 << 20;

/// The disk that all kept results may take together.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    max: u64,
}

/// Where a chunk lies, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) rows: u64,
}

/// The file of a result. It is deleted when nobody holds it any more.
pub(super) struct ResultFile {
    file: Arc<dyn SpillFile>,
    query_id: String,
    schema: SchemaRef,
    header: Buffer,
    taken: AtomicU64,
    budget: Arc<Budget>,
}

/// Writes the file.
pub(super) struct ResultWriter {
    file: Arc<ResultFile>,
    out: Box<dyn SpillWriter>,
    chunk: StreamWriter<Vec<u8>>,
    rows: u64,
    offset: u64,
}

impl Budget {
    pub(super) fn new(max: u64) -> Self {
        Self {
            used: AtomicU64::new(0),
            max,
        }
    }

    fn take(&self, bytes: u64) -> Result<()> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        if used.saturating_add(bytes) > self.max {
            self.give_back(bytes);
            return Err(Error::exhausted(format!(
                "kept results would take more than the {} bytes of disk that they may; read or cancel some, \
                 or wait until they expire (results.max_bytes)",
                self.max
            )));
        }
        Ok(())
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl ResultWriter {
    /// An empty file for rows of this schema.
    ///
    /// # Errors
    /// When the file cannot be made, or the schema has no IPC form.
    pub(super) fn create(
        disk: &Arc<DiskManager>,
        budget: &Arc<Budget>,
        query_id: &str,
        schema: &SchemaRef,
    ) -> Result<Self> {
        let translate = |error: ArrowError| Error::from_arrow(&error, query_id);
        let chunk = StreamWriter::try_new(Vec::new(), schema).map_err(translate)?;
        let failed = |error| Error::from_datafusion(&error, query_id);
        let file = disk.create_tmp_file("keeping a result").map_err(failed)?;
        let out = file.open_writer().map_err(failed)?;
        let file = ResultFile {
            file,
            query_id: query_id.to_owned(),
            schema: Arc::clone(schema),
            header: Buffer::from(chunk.get_ref().as_slice()),
            taken: AtomicU64::new(0),
            budget: Arc::clone(budget),
        };
        Ok(Self {
            file: Arc::new(file),
            out,
            chunk,
            rows: 0,
            offset: 0,
        })
    }

    pub(super) fn file(&self) -> &Arc<ResultFile> {
        &self.file
    }

    /// Adds a batch to the present chunk.
    ///
    /// # Errors
    /// When it has no IPC form.
    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let added = compact(batch).and_then(|batch| self.chunk.write(&batch));
        added.map_err(|error| self.file.translate(&error))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.chunk.get_ref().len() >= CHUNK_BYTES
    }

    /// Writes what was pushed; `None` when that is nothing.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at a limit of the disk.
    pub(super) fn flush(&mut self) -> Result<Option<Chunk>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let encoded = self.encoded();
        let encoded = encoded.map_err(|error| self.file.translate(&error))?;
        let encoded = encoded.get(self.file.header.len()..).unwrap_or_default();
        let bytes = encoded.len() as u64;
        self.file.budget.take(bytes)?;
        self.file.taken.fetch_add(bytes, Ordering::Relaxed);
        let written = self.out.write_all(encoded);
        written.map_err(|error| full(&error, &self.file.query_id))?;
        let chunk = Chunk {
            offset: self.offset,
            bytes,
            rows: std::mem::take(&mut self.rows),
        };
        self.offset += bytes;
        Ok(Some(chunk))
    }

    fn encoded(&mut self) -> Result<Vec<u8>, ArrowError> {
        let next = StreamWriter::try_new(Vec::new(), &self.file.schema)?;
        std::mem::replace(&mut self.chunk, next).into_inner()
    }
}

impl ResultFile {
    /// The rows of a chunk. It blocks.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(&self, chunk: Chunk) -> Result<Vec<RecordBatch>> {
        let failed = |error: std::io::Error| Error::internal(&self.query_id, error);
        let bytes = self.bytes(chunk).map_err(failed)?;
        self.decode(bytes).map_err(|error| self.translate(&error))
    }

    fn bytes(&self, chunk: Chunk) -> std::io::Result<Buffer> {
        let path = self.file.path();
        let path = path.ok_or_else(|| std::io::Error::other("a kept result is no local file"))?;
        let size = usize::try_from(chunk.bytes).map_err(std::io::Error::other)?;
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(chunk.offset))?;
        let mut bytes = MutableBuffer::from_len_zeroed(size);
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    fn decode(&self, mut bytes: Buffer) -> Result<Vec<RecordBatch>, ArrowError> {
        let mut decoder = StreamDecoder::new();
        decoder.decode(&mut self.header.clone())?;
        let mut batches = Vec::new();
        while let Some(batch) = decoder.decode(&mut bytes)? {
            batches.push(conform(&batch, &self.schema)?);
        }
        Ok(batches)
    }

    fn translate(&self, error: &ArrowError) -> Error {
        Error::from_arrow(error, &self.query_id)
    }
}

impl Drop for ResultFile {
    fn drop(&mut self) {
        self.budget.give_back(*self.taken.get_mut());
    }
}

/// Why nothing more can be written. The limit of the engine's own files is told in words that name its key.
fn full(error: &std::io::Error, query_id: &str) -> Error {
    if error.to_string().contains("max_temp_directory_size") {
        return Error::exhausted(
            "what queries spill and results keep takes all of the disk that it may (memory.spill_limit)",
        );
    }
    Error::from_datafusion(
        &std::io::Error::new(error.kind(), error.to_string()).into(),
        query_id,
    )
}

/// The batch without what its columns of views hold on to and do not show.
fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(compact_column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn compact_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => Arc::clone(column),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int64Array, StringViewArray};
    use arrow::datatypes::{Field, Int8Type, Schema};
    use datafusion::execution::disk_manager::DiskManagerBuilder;

    use super::*;

    fn schema() -> SchemaRef {
        let words = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("text", DataType::Utf8View, true),
            Field::new("word", words, true),
        ]))
    }

    fn batch(from: i64) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(from..from + 3);
        let texts = StringViewArray::from_iter(
            (from..from + 3).map(|n| (n % 2 == 0).then(|| format!("a text that is long: {n}"))),
        );
        let word = format!("word {from}");
        let words: DictionaryArray<Int8Type> =
            [Some(word.as_str()), None, Some("x")].into_iter().collect();
        let columns: Vec<ArrayRef> = vec![Arc::new(numbers), Arc::new(texts), Arc::new(words)];
        RecordBatch::try_new(schema(), columns).unwrap()
    }

    fn writer(disk: &Arc<DiskManager>, budget: &Arc<Budget>) -> ResultWriter {
        ResultWriter::create(disk, budget, "q", &schema()).unwrap()
    }

    fn disk() -> Arc<DiskManager> {
        Arc::new(DiskManagerBuilder::default().build().unwrap())
    }

    #[test]
    fn chunks_are_read_in_any_order_and_the_file_goes_with_its_last_holder() {
        let (disk, budget) = (disk(), Arc::new(Budget::new(1 << 20)));
        let mut writer = writer(&disk, &budget);
        assert_eq!(writer.flush().unwrap(), None);
        let chunks: Vec<Chunk> = [0, 10, 20]
            .map(|from| {
                writer.push(&batch(from)).unwrap();
                writer.push(&batch(from + 3)).unwrap();
                writer.flush().unwrap().unwrap()
            })
            .to_vec();
        let file = Arc::clone(writer.file());
        drop(writer);
        for (chunk, from) in chunks.iter().zip([0, 10, 20]).rev() {
            assert_eq!(chunk.rows, 6);
            assert_eq!(file.read(*chunk).unwrap(), [batch(from), batch(from + 3)]);
        }
        let bytes: u64 = chunks.iter().map(|chunk| chunk.bytes).sum();
        assert_eq!(budget.used.load(Ordering::Relaxed), bytes);
        assert_eq!(disk.used_disk_space(), bytes);
        drop(file);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        assert_eq!(disk.used_disk_space(), 0);
    }

    #[test]
    fn rows_without_columns_are_kept_too() {
        let (disk, budget) = (disk(), Arc::new(Budget::new(1 << 20)));
        let empty: SchemaRef = Arc::new(Schema::empty());
        let options = RecordBatchOptions::new().with_row_count(Some(7));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&empty), vec![], &options);
        let batch = batch.unwrap();
        let mut writer = ResultWriter::create(&disk, &budget, "q", &empty).unwrap();
        writer.push(&batch).unwrap();
        let chunk = writer.flush().unwrap().unwrap();
        assert_eq!(writer.file().read(chunk).unwrap(), [batch]);
    }

    #[test]
    fn a_slice_of_views_does_not_bring_the_whole_along() {
        let long = StringViewArray::from_iter_values((0..1000).map(|n| format!("{n:0>100}")));
        let column = Arc::new(long.slice(0, 2)) as ArrayRef;
        assert!(compact_column(&column).get_buffer_memory_size() < 20_000);
    }

    #[test]
    fn both_limits_name_their_keys() {
        let disk = DiskManagerBuilder::default().with_max_temp_directory_size(100);
        let disk = Arc::new(disk.build().unwrap());
        for (budget, key) in [(50, "results.max_bytes"), (1 << 20, "memory.spill_limit")] {
            let budget = Arc::new(Budget::new(budget));
            let mut writer = writer(&disk, &budget);
            writer.push(&batch(0)).unwrap();
            let Err(Error::ResourcesExhausted { message }) = writer.flush() else {
                panic!("it fits");
            };
            assert!(message.contains(key), "{message}");
            drop(writer);
            assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        }
    }
}
