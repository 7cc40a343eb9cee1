use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use unicode_width::UnicodeWidthStr;

use super::cells::Cells;
use super::{Form, Out, Summary, layout};
use crate::Result;
use crate::terminal::harmless;

/// Each value in a line of its own, whole.
pub(super) struct Expanded {
    out: Out,
    names: Vec<String>,
    width: usize,
    rows: u64,
}

impl Expanded {
    pub(super) fn new(schema: &Schema, out: Out) -> Self {
        let fields = schema.fields().iter();
        let names: Vec<String> = fields.map(|field| harmless(field.name())).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        Self {
            out,
            names,
            width,
            rows: 0,
        }
    }
}

impl Form for Expanded {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::of(batch)?;
        for row in 0..batch.num_rows() {
            self.rows += 1;
            writeln!(self.out, "─[ row {} ]─", self.rows)?;
            for (column, name) in self.names.iter().enumerate() {
                let mut line = String::new();
                layout::pad(&mut line, name, self.width, false);
                writeln!(self.out, "{line} │ {}", harmless(&cells.text(row, column)))?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Summary> {
        self.out.flush()?;
        Ok(Summary::default())
    }
}
