//! A file that is being written, beside the one that it replaces.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
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

use super::{Format, Options};
use crate::{Error, Result};

/// How much of a Parquet file is kept in memory before a row group is written, in bytes.
const ROW_GROUP_BYTES: usize = 64 << 20;

type Out = BufWriter<File>;

/// Dropped before it is finished, it leaves nothing behind.
pub(super) struct Writing {
    file: PathBuf,
    temporary: PathBuf,
    to: Option<To>,
    rows: u64,
}

enum To {
    Csv(Box<arrow::csv::Writer<Out>>),
    Parquet(Box<ArrowWriter<Out>>),
    Json(LineDelimitedWriter<Out>),
    Arrow(Box<FileWriter<Out>>),
}

impl Writing {
    /// # Errors
    /// When the directory cannot be written to, or the format cannot hold the columns.
    pub(super) fn begin(file: &Path, schema: &SchemaRef, options: &Options) -> Result<Self> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let number: u64 = rand::rng().random();
        let temporary = file.with_file_name(format!(".{name}.{number:016x}.part"));
        let broken = |error: &dyn std::fmt::Display| failed(file, error);
        let out = File::create_new(&temporary).map_err(|error| broken(&error))?;
        let mut writing = Self {
            file: file.to_owned(),
            temporary,
            to: None,
            rows: 0,
        };
        let out = BufWriter::new(out);
        writing.to = Some(match options.format {
            Format::Csv => To::Csv(Box::new(
                arrow::csv::WriterBuilder::new()
                    .with_header(options.header)
                    .with_delimiter(u8::try_from(options.delimiter).unwrap_or(b','))
                    .with_null(options.null.clone().unwrap_or_default())
                    .build(out),
            )),
            Format::Parquet => To::Parquet(Box::new(
                ArrowWriter::try_new(out, Arc::clone(schema), None)
                    .map_err(|error| broken(&error))?,
            )),
            Format::Json => To::Json(LineDelimitedWriter::new(out)),
            Format::Arrow => To::Arrow(Box::new(
                FileWriter::try_new(out, schema).map_err(|error| broken(&error))?,
            )),
        });
        // A file without rows has a header too.
        if options.format == Format::Csv {
            writing.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
        }
        Ok(writing)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let written = match &mut self.to {
            Some(To::Csv(writer)) => writer.write(batch).map_err(|error| text(&error)),
            Some(To::Json(writer)) => writer.write(batch).map_err(|error| text(&error)),
            Some(To::Arrow(writer)) => writer.write(batch).map_err(|error| text(&error)),
            Some(To::Parquet(writer)) => {
                write_parquet(writer, batch).map_err(|error| error.to_string())
            }
            None => Ok(()),
        };
        written.map_err(|error| failed(&self.file, &error))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Makes the file safe on disk and gives it its name. How many rows it has.
    pub(super) fn finish(mut self) -> Result<u64> {
        let Some(to) = self.to.take() else {
            return Ok(self.rows);
        };
        let file = self.file.clone();
        let broken = |error: &dyn std::fmt::Display| failed(&file, error);
        let mut out = match to {
            To::Csv(writer) => (*writer).into_inner(),
            To::Json(mut writer) => {
                writer.finish().map_err(|error| broken(&text(&error)))?;
                writer.into_inner()
            }
            To::Arrow(mut writer) => {
                writer.finish().map_err(|error| broken(&text(&error)))?;
                writer.into_inner().map_err(|error| broken(&text(&error)))?
            }
            To::Parquet(writer) => writer.into_inner().map_err(|error| broken(&error))?,
        };
        out.flush().map_err(|error| broken(&error))?;
        out.get_ref().sync_all().map_err(|error| broken(&error))?;
        fs::rename(&self.temporary, &self.file).map_err(|error| broken(&error))?;
        if let Some(dir) = self.file.parent() {
            let synced = File::open(dir).and_then(|dir| dir.sync_all());
            synced.map_err(|error| broken(&error))?;
        }
        Ok(self.rows)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // After the rename there is nothing of that name.
        let _ = fs::remove_file(&self.temporary);
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

fn failed(file: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("COPY TO '{}': {error}", file.display()))
}
