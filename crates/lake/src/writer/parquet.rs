use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use godwit_config::LakeCompression;
use object_store::buffered::BufWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_writer::{AsyncArrowWriter, AsyncFileWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;

use crate::lake::Inner;
use crate::storage::Storage;
use crate::{Error, Result};

/// As many as DuckDB writes.
const ROW_GROUP_ROWS: usize = 122_880;

/// How much of a file is sent at once, in bytes.
const CHUNK_BYTES: usize = 8 << 20;

/// What the last bytes of a file are besides the footer: its length and a word.
const FOOTER_END: u64 = 8;

/// A Parquet file that is being written to the store. It is there for others when it is finished.
pub(crate) struct ParquetFile {
    storage: Storage,
    path: String,
    writer: Option<AsyncArrowWriter<Upload>>,
}

/// A file that is there.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) footer_bytes: u64,
    pub(crate) metadata: ParquetMetaData,
}

impl fmt::Debug for ParquetFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ParquetFile").field(&self.path).finish()
    }
}

impl ParquetFile {
    pub(crate) fn begin(lake: &Inner, path: String, schema: SchemaRef) -> Result<Self> {
        let storage = lake.storage.clone();
        let place = storage.locate(&path)?.path;
        let upload = Upload {
            file: BufWriter::with_capacity(Arc::clone(storage.store()), place, CHUNK_BYTES),
            bytes: 0,
            tail: [0; FOOTER_END as usize],
        };
        let properties = WriterProperties::builder()
            .set_compression(compression(lake.options.compression)?)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_created_by(format!("Godwit {}", env!("CARGO_PKG_VERSION")))
            .build();
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = AsyncArrowWriter::try_new_with_options(upload, schema, options);
        let writer = writer.map_err(|error| failed(&storage, &path, error))?;
        Ok(Self {
            storage,
            path,
            writer: Some(writer),
        })
    }

    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = self.writer()?.write(batch).await;
        written.map_err(|error| failed(&self.storage, &self.path, error))
    }

    /// Writes what is in memory.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        let flushed = self.writer()?.flush().await;
        flushed.map_err(|error| failed(&self.storage, &self.path, error))
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let writer = self.writer.as_ref();
        CHUNK_BYTES + writer.map_or(0, AsyncArrowWriter::memory_size)
    }

    /// About how many bytes the file would have now.
    pub(crate) fn bytes(&self) -> u64 {
        let writer = self.writer.as_ref();
        writer.map_or(0, |writer| {
            (writer.bytes_written() + writer.in_progress_size()) as u64
        })
    }

    pub(crate) async fn finish(mut self) -> Result<Finished> {
        let metadata = self.writer()?.finish().await;
        let metadata = metadata.map_err(|error| failed(&self.storage, &self.path, error))?;
        let upload = self.writer.take().map(AsyncArrowWriter::into_inner);
        let upload = upload.ok_or_else(finished)?;
        let [a, b, c, d, ..] = upload.tail;
        Ok(Finished {
            path: std::mem::take(&mut self.path),
            bytes: upload.bytes,
            footer_bytes: u64::from(u32::from_le_bytes([a, b, c, d])),
            metadata,
        })
    }

    fn writer(&mut self) -> Result<&mut AsyncArrowWriter<Upload>> {
        self.writer.as_mut().ok_or_else(finished)
    }
}

impl Drop for ParquetFile {
    fn drop(&mut self) {
        // What was sent to an object store stays there, unseen and paid for, until it is told to forget it.
        if let Some(writer) = self.writer.take()
            && let Ok(runtime) = Handle::try_current()
        {
            let mut upload = writer.into_inner();
            let path = std::mem::take(&mut self.path);
            runtime.spawn(async move {
                if let Err(error) = upload.file.abort().await {
                    tracing::debug!(%error, path, "an upload was not taken back");
                }
            });
        }
    }
}

/// The way to the store. It counts what it sends and keeps the end of it.
#[derive(Debug)]
struct Upload {
    file: BufWriter,
    bytes: u64,
    tail: [u8; FOOTER_END as usize],
}

impl AsyncFileWriter for Upload {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, ParquetResult<()>> {
        async move {
            self.bytes += bytes.len() as u64;
            let last = &bytes[bytes.len().saturating_sub(self.tail.len())..];
            self.tail.rotate_left(last.len());
            let kept = self.tail.len() - last.len();
            self.tail[kept..].copy_from_slice(last);
            self.file.put(bytes).await.map_err(external)
        }
        .boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, ParquetResult<()>> {
        async move { self.file.shutdown().await.map_err(external) }.boxed()
    }
}

fn external(error: impl Into<Box<dyn StdError + Send + Sync>>) -> ParquetError {
    ParquetError::External(error.into())
}

fn finished() -> Error {
    Error::internal("a Parquet file is written after its end")
}

fn compression(compression: LakeCompression) -> Result<Compression> {
    Ok(match compression {
        LakeCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(1).map_err(Error::internal)?),
        LakeCompression::Snappy => Compression::SNAPPY,
        LakeCompression::Lz4 => Compression::LZ4_RAW,
        LakeCompression::None => Compression::UNCOMPRESSED,
    })
}

/// What the error of a file means.
fn failed(storage: &Storage, path: &str, error: ParquetError) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(why) = cause {
        if let Some(error) = why.downcast_ref::<object_store::Error>() {
            return storage.failed(path, error);
        }
        if let Some(error) = why.downcast_ref::<std::io::Error>() {
            // What the store said may be inside of it, where it is no cause.
            match error
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<object_store::Error>())
            {
                Some(inner) => return storage.failed(path, inner),
                None => return Error::unavailable(format!("{path}: {error}")),
            }
        }
        cause = why.source();
    }
    Error::internal(error)
}
