use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use unicode_width::UnicodeWidthStr;

use super::cells::{Cells, is_numeric};
use super::layout::{self, Wish};
use super::{Form, Out, Summary};
use crate::Result;
use crate::terminal::harmless;

/// Rows that decide how wide the columns are. The rest is cut where it is wider, or sticks out where nothing has to fit.
pub(super) const SAMPLE_ROWS: usize = 1000;

/// The same in bytes, so that a few long values do not fill the memory.
const SAMPLE_BYTES: usize = 8 << 20;

/// Columns under each other, between lines.
pub(super) struct Table {
    out: Out,
    /// Most characters of a line; absent where nothing is cut.
    total: Option<usize>,
    names: Vec<String>,
    numeric: Vec<bool>,
    sample: Vec<Vec<String>>,
    sample_bytes: usize,
    widths: Option<Vec<usize>>,
}

impl Table {
    pub(super) fn new(schema: &Schema, total: Option<usize>, out: Out) -> Self {
        let fields = schema.fields();
        Self {
            out,
            total,
            names: fields.iter().map(|field| harmless(field.name())).collect(),
            numeric: fields
                .iter()
                .map(|field| is_numeric(field.data_type()))
                .collect(),
            sample: Vec::new(),
            sample_bytes: 0,
            widths: None,
        }
    }

    /// Decides on the widths and writes what has waited for that.
    fn open(&mut self) -> Result<Vec<usize>> {
        let wish = |column: usize, name: &String| {
            let values = self.sample.iter().map(|row| row[column].width());
            Wish {
                width: values.max().unwrap_or(0).max(name.width()),
                numeric: self.numeric[column],
            }
        };
        let wishes: Vec<Wish> = self
            .names
            .iter()
            .enumerate()
            .map(|(column, name)| wish(column, name))
            .collect();
        let widths = layout::fit(&wishes, self.total);
        self.rule(&widths, ['┌', '┬', '┐'])?;
        let names = std::mem::take(&mut self.names);
        self.line(&widths, &names)?;
        self.names = names;
        self.rule(&widths, ['├', '┼', '┤'])?;
        for row in std::mem::take(&mut self.sample) {
            self.line(&widths, &row)?;
        }
        Ok(widths)
    }

    fn rule(&mut self, widths: &[usize], [left, middle, right]: [char; 3]) -> Result<()> {
        let mut line = String::from(left);
        for (column, width) in widths.iter().enumerate() {
            if column > 0 {
                line.push(middle);
            }
            line.extend(std::iter::repeat_n('─', width + 2));
        }
        line.push(right);
        Ok(writeln!(self.out, "{line}")?)
    }

    fn line(&mut self, widths: &[usize], row: &[String]) -> Result<()> {
        let mut line = String::from("│");
        for (column, width) in widths.iter().enumerate() {
            let text = &row[column];
            // Without a width that has to be kept, nothing is cut.
            let width = if self.total.is_none() {
                text.width().max(*width)
            } else {
                *width
            };
            line.push(' ');
            layout::pad(&mut line, text, width, self.numeric[column]);
            line.push_str(" │");
        }
        Ok(writeln!(self.out, "{line}")?)
    }
}

impl Form for Table {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::of(batch)?;
        for row in 0..batch.num_rows() {
            let texts = (0..cells.columns()).map(|column| harmless(&cells.text(row, column)));
            // What is cut anyway need not be kept.
            let texts: Vec<String> = match self.total {
                Some(total) => texts
                    .map(|text| layout::cut(&text, 2 * total).to_owned())
                    .collect(),
                None => texts.collect(),
            };
            if let Some(widths) = self.widths.take() {
                self.line(&widths, &texts)?;
                self.widths = Some(widths);
                continue;
            }
            self.sample_bytes += texts.iter().map(String::len).sum::<usize>();
            self.sample.push(texts);
            if self.sample.len() >= SAMPLE_ROWS || self.sample_bytes >= SAMPLE_BYTES {
                self.widths = Some(self.open()?);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Summary> {
        let all = self.numeric.len();
        if all == 0 {
            return Ok(Summary::default());
        }
        let widths = match self.widths.take() {
            Some(widths) => widths,
            None => self.open()?,
        };
        self.rule(&widths, ['└', '┴', '┘'])?;
        self.out.flush()?;
        Ok(Summary {
            hidden: (widths.len() < all).then_some((widths.len(), all)),
        })
    }
}
