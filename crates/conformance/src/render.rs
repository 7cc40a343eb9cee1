use std::fmt::Write;

use crate::card::{Card, Row};
use crate::finding::Mark;

#[cfg(test)]
mod tests;

/// How a card is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Aligned text for a terminal.
    Text,
    /// Tables for a document.
    Markdown,
    /// One object for machines.
    Json,
}

impl Card {
    /// The card as text that ends with a line feed.
    #[must_use]
    pub fn render(&self, format: Format) -> String {
        match format {
            Format::Text => self.text(),
            Format::Markdown => self.markdown(),
            Format::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let what = width(self.rows.iter().map(|row| row.what));
        let mark = width(Mark::ALL.map(Mark::word));
        let mut out = format!("{}\n", self.heading());
        for (group, rows) in self.groups() {
            // Writing to a string cannot fail, here and below.
            let _ = writeln!(out, "\n{group}");
            for row in rows {
                let line = format!("  {:what$}  {:mark$}  {}", row.what, row.mark, row.reason);
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
        let _ = writeln!(out, "\n{}", self.totals());
        out
    }

    fn markdown(&self) -> String {
        let mut out = format!("{}\n\n{}\n", escaped(&self.heading()), self.totals());
        for (group, rows) in self.groups() {
            let _ = write!(out, "\n| {} | | |\n| --- | --- | --- |\n", escaped(group));
            for row in rows {
                let mark = match row.mark {
                    Mark::Yes => "**yes**",
                    other => other.word(),
                };
                let (what, reason) = (escaped(row.what), escaped(&row.reason));
                let _ = writeln!(out, "| {what} | {mark} | {reason} |");
            }
        }
        out
    }

    fn json(&self) -> String {
        let counts: serde_json::Map<String, serde_json::Value> = self
            .counts()
            .into_iter()
            .map(|(mark, count)| (mark.word().to_owned(), count.into()))
            .collect();
        let value = serde_json::json!({
            "server": self.server,
            "name": self.name,
            "login": self.login,
            "counts": counts,
            "rows": self.rows,
        });
        format!("{value:#}\n")
    }

    fn heading(&self) -> String {
        let name = self.name.as_deref().unwrap_or("a server without a name");
        format!("{name} at {}, {}", self.server, self.login)
    }

    fn totals(&self) -> String {
        let counts = self.counts();
        let parts = counts.iter().map(|(mark, count)| format!("{count} {mark}"));
        format!(
            "{} rows: {}",
            self.rows.len(),
            parts.collect::<Vec<_>>().join(", ")
        )
    }

    /// Rows under their headings, in the order of the card.
    fn groups(&self) -> Vec<(&'static str, &[Row])> {
        let runs = self.rows.chunk_by(|a, b| a.group == b.group);
        runs.filter_map(|rows| Some((rows.first()?.group, rows)))
            .collect()
    }
}

fn width<'a>(words: impl IntoIterator<Item = &'a str>) -> usize {
    words
        .into_iter()
        .map(|word| word.chars().count())
        .max()
        .unwrap_or(0)
}

/// Text that Markdown takes for nothing but text.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(
            c,
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '~'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
