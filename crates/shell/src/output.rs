//! Rows as text and as files.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::terminal;
use crate::{Error, Result};

mod cells;
mod expanded;
mod files;
mod format;
mod layout;
mod markdown;
mod plain;
mod table;

pub use format::Format;

/// Something that writes rows in one form.
trait Form {
    /// Writes rows, or keeps some of them until it knows how wide they are.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what comes after the last row.
    fn finish(self: Box<Self>) -> Result<Summary>;
}

/// What there is to say about a result.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Columns that did not fit, of so many.
    pub(crate) hidden: Option<(usize, usize)>,
}

type Out = Box<dyn Write + Send>;

/// How rows are written, and where.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    /// Whether each value of a table has a line of its own.
    pub(crate) expanded: bool,
    /// Width of tables; absent means that of the terminal.
    pub(crate) width: Option<usize>,
    target: Option<Target>,
}

#[derive(Debug)]
struct Target {
    path: PathBuf,
    file: File,
    used: bool,
}

impl Output {
    pub(crate) fn new(format: Format, width: Option<usize>) -> Self {
        Self {
            format,
            expanded: false,
            width,
            target: None,
        }
    }

    /// Writes to a file from now on, which is made anew, or to standard output again.
    pub(crate) fn redirect(&mut self, path: Option<&Path>) -> Result<()> {
        self.target = match path {
            None => None,
            Some(path) => {
                let file = File::create(path);
                let file =
                    file.map_err(|error| Error::Failed(format!("{}: {error}", path.display())))?;
                Some(Target {
                    path: path.to_owned(),
                    file,
                    used: false,
                })
            }
        };
        Ok(())
    }

    /// Where the next result goes. Nothing is written before [`Rows::begin`].
    pub(crate) fn rows(&mut self) -> Result<Rows> {
        let binary = matches!(self.format, Format::Arrow | Format::Parquet);
        let shown = self.target.is_none() && terminal::shows_output();
        if binary && shown {
            return Err(Error::Failed(format!(
                "{} is nothing for a terminal; \\o FILE or --output names a file",
                self.format
            )));
        }
        let pipe = Pipe::default();
        let (out, in_file): (Out, bool) = match &mut self.target {
            None => (Box::new(BufWriter::new(pipe.clone())), false),
            Some(target) => {
                if binary && target.used {
                    return Err(Error::Failed(format!(
                        "{} holds a result already, and {} files hold one; \\o FILE names another",
                        target.path.display(),
                        self.format
                    )));
                }
                target.used = true;
                (Box::new(BufWriter::new(target.file.try_clone()?)), true)
            }
        };
        let terminal = if shown { terminal::width() } else { None };
        Ok(Rows {
            format: self.format,
            expanded: self.expanded,
            width: self.width.or(terminal),
            shown,
            in_file,
            pipe,
            form: None,
            out: Some(out),
            count: 0,
            summary: Summary::default(),
        })
    }
}

/// Standard output, and whether its reader has gone: not every library that writes to it says which error that was.
#[derive(Debug, Clone, Default)]
struct Pipe {
    closed: Arc<AtomicBool>,
}

impl Pipe {
    fn judge(&self, error: Error) -> Error {
        match self.closed.load(Ordering::Relaxed) {
            true => Error::Closed,
            false => error,
        }
    }

    fn noticed<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if matches!(&done, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            self.closed.store(true, Ordering::Relaxed);
        }
        done
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = io::stdout().write(bytes);
        self.noticed(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = io::stdout().flush();
        self.noticed(done)
    }
}

/// One result on its way out.
pub(crate) struct Rows {
    format: Format,
    expanded: bool,
    width: Option<usize>,
    shown: bool,
    in_file: bool,
    pipe: Pipe,
    form: Option<Box<dyn Form>>,
    out: Option<Out>,
    count: u64,
    summary: Summary,
}

impl Rows {
    /// Says which columns there are. Every stream of a result says so again, which changes nothing.
    pub(crate) fn begin(&mut self, schema: SchemaRef) -> Result<()> {
        let done = self.open(schema);
        done.map_err(|error| self.pipe.judge(error))
    }

    fn open(&mut self, schema: SchemaRef) -> Result<()> {
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        self.form = Some(match self.format {
            Format::Table if self.expanded => Box::new(expanded::Expanded::new(&schema, out)),
            Format::Table => Box::new(table::Table::new(&schema, self.width, out)),
            Format::Markdown => Box::new(markdown::Markdown::begin(&schema, out)?),
            Format::Csv => Box::new(plain::Csv::begin(schema, out)?),
            Format::Json => Box::new(plain::Json::array(out)),
            Format::Ndjson => Box::new(plain::Json::lines(out)),
            Format::Arrow if self.in_file => Box::new(files::ArrowFile::begin(&schema, out)?),
            Format::Arrow => Box::new(files::ArrowStream::begin(&schema, out)?),
            Format::Parquet => Box::new(files::Parquet::begin(schema, out)?),
        });
        Ok(())
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.begin(batch.schema())?;
        self.count += batch.num_rows() as u64;
        let done = match &mut self.form {
            Some(form) => form.write(batch),
            None => Ok(()),
        };
        done.map_err(|error| self.pipe.judge(error))
    }

    /// Whether writing this batch puts something onto the terminal.
    pub(crate) fn is_about_to_show(&self, batch: &RecordBatch) -> bool {
        let all = self.count + batch.num_rows() as u64;
        let kept = self.format == Format::Table && !self.expanded;
        self.shown && !(kept && all < table::SAMPLE_ROWS as u64)
    }

    pub(crate) fn finish(&mut self) -> Result<()> {
        if let Some(form) = self.form.take() {
            let done = form.finish();
            self.summary = done.map_err(|error| self.pipe.judge(error))?;
        }
        Ok(())
    }

    /// How many rows were written.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What there is to say about them.
    pub(crate) fn summary(&self) -> &Summary {
        &self.summary
    }
}
