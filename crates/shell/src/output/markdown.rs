use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::cells::{Cells, is_numeric};
use super::{Form, Out, Summary};
use crate::Result;

/// A table of GitHub's Markdown.
pub(super) struct Markdown {
    out: Out,
}

impl Markdown {
    pub(super) fn begin(schema: &Schema, mut out: Out) -> Result<Self> {
        let fields = schema.fields();
        let names = fields.iter().map(|field| escaped(field.name()));
        writeln!(out, "| {} |", names.collect::<Vec<_>>().join(" | "))?;
        let lines = fields
            .iter()
            .map(|field| match is_numeric(field.data_type()) {
                true => "---:",
                false => "---",
            });
        writeln!(out, "| {} |", lines.collect::<Vec<_>>().join(" | "))?;
        Ok(Self { out })
    }
}

impl Form for Markdown {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::of(batch)?;
        for row in 0..batch.num_rows() {
            let texts = (0..cells.columns()).map(|column| escaped(&cells.text(row, column)));
            writeln!(self.out, "| {} |", texts.collect::<Vec<_>>().join(" | "))?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Summary> {
        self.out.flush()?;
        Ok(Summary::default())
    }
}

/// What would end a cell or begin a tag, written so that it does not.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' => escaped.push_str("<br>"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #[test]
    fn cells_stay_cells() {
        let text = "a|b\nc <i> \\ *d*";
        assert_eq!(super::escaped(text), "a\\|b<br>c &lt;i> \\\\ \\*d\\*");
    }
}
