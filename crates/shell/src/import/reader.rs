use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use arrow::csv::reader::{Format, ReaderBuilder as CsvBuilder};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::json::reader::{ReaderBuilder as JsonBuilder, infer_json_schema_from_seekable};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{Error, Result};

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// What the endings of file names mean.
const ENDINGS: &str =
    ".csv, .tsv, .ndjson, .jsonl, .json, .arrow, .arrows, .feather, .ipc, .parquet";

/// How every file of Arrow's file format begins.
const ARROW_MAGIC: &[u8] = b"ARROW1";

/// Batches, each with how much of the file was read until then: 0 to 1.
pub(super) type Batches = Box<dyn Iterator<Item = Result<(RecordBatch, f64), ArrowError>> + Send>;

/// A file as rows.
pub(super) struct Reader {
    pub(super) schema: SchemaRef,
    pub(super) batches: Batches,
}

impl Reader {
    /// Opens a file, and reads as much of it as is needed to know its columns: of text all, unless the table that it goes
    /// into says what they are.
    pub(super) fn open(path: &Path, known: Option<&Schema>) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        let ending = ending
            .as_deref()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        let opened = match ending {
            "csv" => csv(path, b',', known),
            "tsv" => csv(path, b'\t', known),
            "ndjson" | "jsonl" | "json" => json(path, known),
            "arrow" | "arrows" | "feather" | "ipc" => arrow(path),
            "parquet" => parquet(path),
            _ => {
                return Err(Error::Failed(format!(
                    "{}: what kind of file it is shows in its name, which may end with {ENDINGS}",
                    path.display()
                )));
            }
        };
        opened.map_err(|error| match error {
            Error::Failed(why) => Error::Failed(format!("{}: {why}", path.display())),
            other => other,
        })
    }

    fn new<E: Into<ArrowError>>(
        schema: SchemaRef,
        read: Counter,
        batches: impl Iterator<Item = Result<RecordBatch, E>> + Send + 'static,
    ) -> Self {
        let batches = batches.map(move |batch| {
            let batch = batch.map_err(Into::into)?;
            Ok((batch, read.fraction()))
        });
        Self {
            schema,
            batches: Box::new(batches),
        }
    }
}

fn csv(path: &Path, delimiter: u8, known: Option<&Schema>) -> Result<Reader> {
    let format = Format::default()
        .with_header(true)
        .with_delimiter(delimiter);
    let schema = match known {
        Some(known) => {
            // The header alone.
            let (header, _) = format.infer_schema(File::open(path)?, Some(0))?;
            by_header(&header, known)?
        }
        None => {
            format
                .infer_schema(BufReader::new(File::open(path)?), None)?
                .0
        }
    };
    let schema = Arc::new(schema);
    let (file, read) = counted(path)?;
    let reader = CsvBuilder::new(Arc::clone(&schema))
        .with_format(format)
        .with_batch_size(BATCH_ROWS)
        .build(file)?;
    Ok(Reader::new(schema, read, reader))
}

/// The columns of a header with the types of the table that they go into.
fn by_header(header: &Schema, known: &Schema) -> Result<Schema> {
    let field = |name: &String| -> Result<Field> {
        let mut same = known.fields().iter();
        let found = same.find(|field| field.name() == name).or_else(|| {
            let mut similar = known.fields().iter();
            similar.find(|field| field.name().eq_ignore_ascii_case(name))
        });
        let found = found.ok_or_else(|| {
            let names: Vec<&str> = known
                .fields()
                .iter()
                .map(|field| field.name().as_str())
                .collect();
            Error::Failed(format!(
                "its column {name:?} is none of the table, which has {}",
                names.join(", ")
            ))
        })?;
        Ok(Field::new(found.name(), found.data_type().clone(), true))
    };
    let fields: Result<Vec<Field>> = header
        .fields()
        .iter()
        .map(|own| field(own.name()))
        .collect();
    Ok(Schema::new(fields?))
}

fn json(path: &Path, known: Option<&Schema>) -> Result<Reader> {
    let schema = match known {
        Some(known) => {
            let fields = known.fields().iter();
            let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
            Schema::new(fields.collect::<Vec<_>>())
        }
        None => {
            let mut file = BufReader::new(File::open(path)?);
            infer_json_schema_from_seekable(&mut file, None)?.0
        }
    };
    let schema = Arc::new(schema);
    let (file, read) = counted(path)?;
    let reader = JsonBuilder::new(Arc::clone(&schema))
        .with_strict_mode(true)
        .with_batch_size(BATCH_ROWS)
        .build(BufReader::new(file))?;
    Ok(Reader::new(schema, read, reader))
}

fn arrow(path: &Path) -> Result<Reader> {
    let mut file = File::open(path)?;
    let mut magic = Vec::new();
    (&mut file)
        .take(ARROW_MAGIC.len() as u64)
        .read_to_end(&mut magic)?;
    file.rewind()?;
    let (counted, read) = counting(file)?;
    if magic == ARROW_MAGIC {
        let reader = FileReader::try_new(BufReader::new(counted), None)?;
        Ok(Reader::new(reader.schema(), read, reader))
    } else {
        let reader = StreamReader::try_new(BufReader::new(counted), None)?;
        Ok(Reader::new(reader.schema(), read, reader))
    }
}

fn parquet(path: &Path) -> Result<Reader> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
    let total = builder.metadata().file_metadata().num_rows();
    let read = Counter {
        done: Arc::default(),
        total: u64::try_from(total).unwrap_or(0),
    };
    let done = Arc::clone(&read.done);
    let schema = Arc::clone(builder.schema());
    let reader = builder.with_batch_size(BATCH_ROWS).build()?;
    let batches = reader.inspect(move |batch| {
        let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
        done.fetch_add(rows as u64, Ordering::Relaxed);
    });
    Ok(Reader::new(schema, read, batches))
}

/// How much was read of how much: bytes, or rows.
struct Counter {
    done: Arc<AtomicU64>,
    total: u64,
}

impl Counter {
    #[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
    fn fraction(&self) -> f64 {
        self.done.load(Ordering::Relaxed) as f64 / self.total.max(1) as f64
    }
}

/// A file that counts what is read of it.
struct Counted {
    file: File,
    done: Arc<AtomicU64>,
}

fn counted(path: &Path) -> io::Result<(Counted, Counter)> {
    counting(File::open(path)?)
}

fn counting(file: File) -> io::Result<(Counted, Counter)> {
    let done = Arc::new(AtomicU64::new(0));
    let total = file.metadata()?.len();
    let counter = Counter {
        done: Arc::clone(&done),
        total,
    };
    Ok((Counted { file, done }, counter))
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Counted {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
