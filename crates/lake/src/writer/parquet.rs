use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use godwit_config::LakeCompression;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
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
        let upload = Upload::begin(storage.store(), place);
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
            let upload = writer.into_inner();
            let path = std::mem::take(&mut self.path);
            runtime.spawn(async move {
                if let Err(error) = upload.take_back().await {
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
    store: Arc<dyn ObjectStore>,
    place: Path,
    is: Stage,
    bytes: u64,
    tail: [u8; FOOTER_END as usize],
}

#[derive(Debug)]
enum Stage {
    Open,
    /// The store was told that this is all, and has not answered.
    Ending,
    Ended,
}

impl Upload {
    fn begin(store: &Arc<dyn ObjectStore>, place: Path) -> Self {
        Self {
            file: BufWriter::with_capacity(Arc::clone(store), place.clone(), CHUNK_BYTES),
            store: Arc::clone(store),
            place,
            is: Stage::Open,
            bytes: 0,
            tail: [0; FOOTER_END as usize],
        }
    }

    /// Leaves nothing in the store of a file that nobody will know of.
    async fn take_back(mut self) -> ParquetResult<()> {
        match self.is {
            Stage::Open => self.file.abort().await.map_err(external),
            Stage::Ending => {
                // What ends can no longer be given up, only be removed.
                self.file.shutdown().await.map_err(external)?;
                self.store.delete(&self.place).await.map_err(external)
            }
            Stage::Ended => Ok(()),
        }
    }
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
        async move {
            self.is = Stage::Ending;
            let ended = self.file.shutdown().await;
            self.is = Stage::Ended;
            ended.map_err(external)
        }
        .boxed()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};
    use tokio::time::timeout;

    use super::*;

    /// A store that takes so long to take a file.
    fn slow(millis: u64) -> Arc<dyn ObjectStore> {
        let config = ThrottleConfig {
            wait_put_per_call: Duration::from_millis(millis),
            ..ThrottleConfig::default()
        };
        Arc::new(ThrottledStore::new(InMemory::new(), config))
    }

    #[tokio::test]
    async fn nothing_is_left_of_an_upload_at_whatever_stage_it_was_dropped() {
        let store = slow(200);
        for is_ending in [false, true] {
            let place = Path::from("a.parquet");
            let mut upload = Upload::begin(&store, place.clone());
            upload.write(Bytes::from_static(&[1; 100])).await.unwrap();
            if is_ending {
                let ended = timeout(Duration::from_millis(20), upload.complete()).await;
                assert!(ended.is_err(), "the store has answered already");
            }
            upload.take_back().await.unwrap();
            assert!(store.head(&place).await.is_err());
        }
        let mut whole = Upload::begin(&store, Path::from("b.parquet"));
        whole.complete().await.unwrap();
        whole.take_back().await.unwrap();
        assert!(store.head(&Path::from("b.parquet")).await.is_ok());
    }
}
