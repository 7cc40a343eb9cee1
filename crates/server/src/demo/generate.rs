use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use indicatif::ProgressBar;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::manifest::{Place, Scale};
use super::progress;
use super::tables::{self, Table};
use crate::error::{Error, Result};

/// Rows of a row group: small enough that a scan of the largest table uses every core even at a small scale.
const GROUP_ROWS: usize = 128 * 1024;

/// The tables of a demo.
#[derive(Debug)]
pub(super) struct Tables {
    /// The directory that they are in.
    pub(super) dir: PathBuf,
    /// Whether this call made them.
    pub(super) made: bool,
}

/// Makes the tables if they are not there. The caller holds the data directory.
pub(super) fn ensure(data_dir: &Path, scale: Scale) -> Result<Tables> {
    let place = Place::new(data_dir);
    let made = !place.holds(scale)?;
    if made {
        place.start_draft()?;
        let rows = tables::ALL
            .iter()
            .map(|table| table.rows(scale.factor()))
            .sum();
        let bar = progress::start(rows, scale.factor());
        write_all(&place.draft, scale.factor(), &bar)?;
        bar.finish_and_clear();
        place.publish(scale)?;
    }
    Ok(Tables {
        dir: place.tables,
        made,
    })
}

/// Writes all tables, a thread for each core; each takes the next table until there is none.
fn write_all(dir: &Path, scale: f64, bar: &ProgressBar) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(table) = tables::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            write(*table, dir, scale, bar)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(tables::ALL.len()))
            .map(|_| scope.spawn(work))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            let panicked = |_| Error::internal("making TPC-H data failed, see above");
            worker.join().map_err(panicked)?
        })
    })
}

fn write(table: Table, dir: &Path, scale: f64, bar: &ProgressBar) -> Result<()> {
    let path = dir.join(table.file());
    try_write(table, &path, scale, bar).map_err(|why| Error::data_dir(&path, why))
}

fn try_write(
    table: Table,
    path: &Path,
    scale: f64,
    bar: &ProgressBar,
) -> std::result::Result<(), ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    // Without Arrow's own schema in the file it is what any other writer would have made of the table.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let batches = table.batches(scale);
    let schema = Arc::clone(batches.schema());
    let mut writer = ArrowWriter::try_new_with_options(File::create_new(path)?, schema, options)?;
    for batch in batches {
        writer.write(&batch)?;
        bar.inc(batch.num_rows() as u64);
    }
    let file = writer.into_inner()?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    #[test]
    fn tables_are_made_once() {
        let root = tempfile::tempdir().unwrap();
        let scale = Scale::parse("0.001").unwrap();
        let Tables { dir, made } = ensure(root.path(), scale).unwrap();
        assert!(made);
        let rows = |table: Table| {
            let file = File::open(dir.join(table.file())).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap()
        };
        for table in tables::ALL {
            let (found, wanted) = (rows(table), table.rows(scale.factor()));
            match table {
                Table::LineItem => assert!(found.abs_diff(wanted) < wanted / 10, "{found}"),
                _ => assert_eq!(found, wanted, "{}", table.name()),
            }
        }
        let again = ensure(root.path(), scale).unwrap();
        assert!(!again.made);
        assert_eq!(again.dir, dir);
    }
}
