//! Rows as files of Arrow and Parquet.

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{Form, Out, Summary};
use crate::Result;

/// The file format of Arrow IPC.
pub(super) struct ArrowFile(FileWriter<Out>);

/// The stream format of Arrow IPC.
pub(super) struct ArrowStream(StreamWriter<Out>);

/// A Parquet file.
pub(super) struct Parquet(ArrowWriter<Out>);

impl ArrowFile {
    pub(super) fn begin(schema: &Schema, out: Out) -> Result<Self> {
        Ok(Self(FileWriter::try_new(out, schema)?))
    }
}

impl ArrowStream {
    pub(super) fn begin(schema: &Schema, out: Out) -> Result<Self> {
        Ok(Self(StreamWriter::try_new(out, schema)?))
    }
}

impl Parquet {
    pub(super) fn begin(schema: SchemaRef, out: Out) -> Result<Self> {
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .build();
        Ok(Self(ArrowWriter::try_new(out, schema, Some(properties))?))
    }
}

impl Form for ArrowFile {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Summary> {
        self.0.finish()?;
        self.0.into_inner()?.flush()?;
        Ok(Summary::default())
    }
}

impl Form for ArrowStream {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<Summary> {
        self.0.finish()?;
        self.0.into_inner()?.flush()?;
        Ok(Summary::default())
    }
}

impl Form for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    fn finish(self: Box<Self>) -> Result<Summary> {
        self.0.into_inner()?.flush()?;
        Ok(Summary::default())
    }
}
