//! A file that is being written, beside the one that it replaces, or an object that is not seen yet.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::FileWriter;
use arrow::json::LineDelimitedWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use rand::Rng;

use super::places::Place;
use super::upload::{Buffer, Upload};
use super::{Format, Options};
use crate::{Error, Result};

/// How much of a Parquet file is kept in memory before a row group is written, in bytes.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// Dropped before it is finished, it leaves nothing behind.
pub(super) struct Writing {
    target: Target,
    to: To,
    rows: u64,
}

enum Target {
    File(LocalFile),
    Object(Upload),
}

/// A file that has no name of its own yet.
struct LocalFile {
    file: PathBuf,
    temporary: PathBuf,
}

enum To {
    Csv(Box<arrow::csv::Writer<Out>>),
    Parquet(Box<ArrowWriter<Out>>),
    Json(LineDelimitedWriter<Out>),
    Arrow(Box<FileWriter<Out>>),
}

enum Out {
    File(BufWriter<File>),
    Buffer(Buffer),
}

impl Writing {
    /// # Errors
    /// When the directory cannot be written to, or the format cannot hold the columns.
    pub(super) async fn begin(place: Place, schema: &SchemaRef, options: &Options) -> Result<Self> {
        let name = match &place {
            Place::File(file) => file.display().to_string(),
            Place::Object(object) => object.url.clone(),
        };
        let (target, out) = match place {
            Place::File(file) => {
                let (file, out) = LocalFile::begin(&file).map_err(|error| failed(&name, &error))?;
                (Target::File(file), Out::File(BufWriter::new(out)))
            }
            Place::Object(object) => {
                let buffer = Buffer::default();
                let upload = Upload::new(object, buffer.clone());
                (Target::Object(upload), Out::Buffer(buffer))
            }
        };
        let to = To::begin(out, schema, options).map_err(|error| failed(&name, &error))?;
        let mut writing = Self {
            target,
            to,
            rows: 0,
        };
        // A file without rows has a header too.
        if options.format == Format::Csv {
            writing
                .write(&RecordBatch::new_empty(Arc::clone(schema)))
                .await?;
        }
        Ok(writing)
    }

    pub(super) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = self.to.write(batch);
        written.map_err(|error| failed(&self.target.name(), &error))?;
        if let Target::Object(upload) = &mut self.target {
            upload.send().await?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Makes the file safe and gives it its name. How many rows it has.
    pub(super) async fn finish(self) -> Result<u64> {
        let name = self.target.name();
        let broken = |error: &dyn std::fmt::Display| failed(&name, error);
        let out = self.to.finish().map_err(|error| broken(&error))?;
        match (self.target, out) {
            (Target::File(file), Out::File(out)) => {
                file.finish(out).map_err(|error| broken(&error))?;
            }
            (Target::Object(upload), _) => upload.finish().await?,
            (Target::File(_), Out::Buffer(_)) => {}
        }
        Ok(self.rows)
    }
}

impl Target {
    fn name(&self) -> String {
        match self {
            Self::File(local) => local.file.display().to_string(),
            Self::Object(upload) => upload.url().to_owned(),
        }
    }
}

impl LocalFile {
    fn begin(file: &Path) -> io::Result<(Self, File)> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let number: u64 = rand::rng().random();
        let temporary = file.with_file_name(format!(".{name}.{number:016x}.part"));
        let out = File::create_new(&temporary)?;
        let file = file.to_owned();
        Ok((Self { file, temporary }, out))
    }

    fn finish(self, mut out: BufWriter<File>) -> io::Result<()> {
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.file)?;
        match self.file.parent() {
            Some(dir) => File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for LocalFile {
    fn drop(&mut self) {
        // After the rename there is nothing of that name.
        let _ = fs::remove_file(&self.temporary);
    }
}

impl To {
    fn begin(out: Out, schema: &SchemaRef, options: &Options) -> Result<Self, String> {
        Ok(match options.format {
            Format::Csv => Self::Csv(Box::new(
                arrow::csv::WriterBuilder::new()
                    .with_header(options.header)
                    .with_delimiter(u8::try_from(options.delimiter).unwrap_or(b','))
                    .with_null(options.null.clone().unwrap_or_default())
                    .build(out),
            )),
            Format::Parquet => Self::Parquet(Box::new(
                ArrowWriter::try_new(out, Arc::clone(schema), None)
                    .map_err(|error| error.to_string())?,
            )),
            Format::Json => Self::Json(LineDelimitedWriter::new(out)),
            Format::Arrow => Self::Arrow(Box::new(
                FileWriter::try_new(out, schema).map_err(|error| error.to_string())?,
            )),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), String> {
        match self {
            Self::Csv(writer) => writer.write(batch).map_err(|error| text(&error)),
            Self::Json(writer) => writer.write(batch).map_err(|error| text(&error)),
            Self::Arrow(writer) => writer.write(batch).map_err(|error| text(&error)),
            Self::Parquet(writer) => {
                write_parquet(writer, batch).map_err(|error| error.to_string())
            }
        }
    }

    /// Writes what ends a file of its format.
    fn finish(self) -> Result<Out, String> {
        match self {
            Self::Csv(writer) => Ok((*writer).into_inner()),
            Self::Json(mut writer) => {
                writer.finish().map_err(|error| text(&error))?;
                Ok(writer.into_inner())
            }
            Self::Arrow(mut writer) => {
                writer.finish().map_err(|error| text(&error))?;
                writer.into_inner().map_err(|error| text(&error))
            }
            Self::Parquet(writer) => writer.into_inner().map_err(|error| error.to_string()),
        }
    }
}

impl Write for Out {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(written),
            Self::Buffer(buffer) => buffer.write(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Buffer(buffer) => buffer.flush(),
        }
    }
}

fn write_parquet(writer: &mut ArrowWriter<Out>, batch: &RecordBatch) -> Result<(), ParquetError> {
    writer.write(batch)?;
    if writer.in_progress_size() > ROW_GROUP_BYTES {
        writer.flush()?;
    }
    Ok(())
}

fn text(error: &ArrowError) -> String {
    match error {
        ArrowError::InvalidArgumentError(text)
        | ArrowError::NotYetImplemented(text)
        | ArrowError::CsvError(text)
        | ArrowError::JsonError(text) => text.clone(),
        error => error.to_string(),
    }
}

fn failed(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("COPY TO '{name}': {error}"))
}
