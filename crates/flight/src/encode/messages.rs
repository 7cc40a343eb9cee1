use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, FieldRef, Schema};
use futures::{Stream, StreamExt};
use godwit_config::{WireCompression, WireProfile};

use super::convert::{convert, largest_dictionary};
use super::message::Message;
use super::shape::Shaper;
use super::{LARGEST_MESSAGE, WireSchema, ipc::Writer, size::message_bytes};
use crate::{Error, Result};

/// The most that a single row may take: offsets of the classic types have 31 bits, and so has the length of a message
/// in several clients.
const LARGEST_ROW: usize = i32::MAX as usize - (1 << 20);

/// The messages of a result: its schema, then its rows, in messages of about the wanted size.
///
/// Batches that are larger are cut, by the bytes that are really sent. Smaller ones are joined, but only with those
/// that are there already: rows never wait for others. It takes from its source no more than it needs for the next
/// message.
pub(crate) struct Messages<S> {
    source: S,
    ended: bool,
    schema: WireSchema,
    shaper: Shaper,
    writer: Writer,
    target: usize,
    limit: usize,
    max_rows: usize,
    /// What is left of the engine's last batch, not in wire form yet, the next part at the end.
    todo: Vec<Part>,
    /// In wire form, each too small for a message of its own, with the bytes they take together.
    small: Vec<RecordBatch>,
    small_bytes: usize,
    ready: VecDeque<Message>,
}

/// Rows that are not in wire form yet.
struct Part {
    rows: RecordBatch,
    /// How many of them to take at once.
    at_once: usize,
    /// What all of them take, where that was counted: it means to look at each row when there are views.
    bytes: Option<usize>,
}

impl<S: Stream<Item = Result<RecordBatch>> + Unpin> Messages<S> {
    /// `schema` is what the rows are brought into, `message_bytes` the size that messages aim at, as they are before
    /// they are compressed.
    ///
    /// # Errors
    /// When the codec is not built in, or the schema cannot be said in a message.
    pub(crate) fn new(
        source: S,
        schema: WireSchema,
        compression: WireCompression,
        message_bytes: usize,
    ) -> Result<Self> {
        let target = message_bytes.clamp(1, LARGEST_MESSAGE);
        let writer = Writer::new(schema.schema(), compression, schema.is_shaped())?;
        let ready = VecDeque::from([writer.schema(schema.schema())]);
        let shaper = Shaper::new(&schema);
        let max_rows = most_rows(schema.schema()).min(shaper.most_rows());
        Ok(Self {
            source,
            ended: false,
            schema,
            shaper,
            writer,
            target,
            limit: target.saturating_mul(2).min(LARGEST_MESSAGE),
            max_rows,
            todo: Vec::new(),
            small: Vec::new(),
            small_bytes: 0,
            ready,
        })
    }

    /// The same with at most so many rows in a message.
    pub(crate) fn with_max_rows(self, max_rows: usize) -> Self {
        Self {
            max_rows: max_rows.clamp(1, self.max_rows),
            ..self
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message>>> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(message)));
            }
            if let Some(part) = self.todo.pop() {
                self.advance(part)?;
                continue;
            }
            if self.ended {
                self.flush()?;
                return Poll::Ready(self.ready.pop_front().map(Ok));
            }
            match self.source.poll_next_unpin(cx) {
                Poll::Ready(Some(batch)) => self.start(batch?),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending if self.small.is_empty() => return Poll::Pending,
                Poll::Pending => self.flush()?,
            }
        }
    }

    /// Decides how many rows of a new batch are brought into wire form at once: about one message.
    fn start(&mut self, batch: RecordBatch) {
        let rows = batch.num_rows();
        if rows > 0 {
            let bytes = message_bytes(&batch, self.schema.profile());
            let pieces = bytes.div_ceil(self.target).clamp(1, rows);
            self.todo.push(Part {
                rows: batch,
                at_once: rows.div_ceil(pieces).min(self.max_rows),
                bytes: Some(bytes),
            });
        }
    }

    fn advance(&mut self, part: Part) -> Result<()> {
        let rows = part.at_once.min(part.rows.num_rows());
        let left = part.rows.num_rows() - rows;
        let (piece, counted) = if left > 0 {
            let piece = part.rows.slice(0, rows);
            self.todo.push(Part {
                rows: part.rows.slice(rows, left),
                at_once: rows,
                bytes: None,
            });
            (piece, None)
        } else {
            (part.rows, part.bytes)
        };
        let bytes = counted.unwrap_or_else(|| message_bytes(&piece, self.schema.profile()));
        if bytes > self.limit && rows > 1 {
            // Rows of very different size: cut again before copying into wire form.
            self.todo.push(Part {
                rows: piece,
                at_once: rows.div_ceil(2),
                bytes: None,
            });
            return Ok(());
        }
        if bytes > LARGEST_ROW {
            return Err(Error::TooLarge {
                what: "a row",
                size: bytes,
                limit: LARGEST_ROW,
                key: "",
            });
        }
        let piece = convert(&piece, &self.schema)?;
        self.accept(piece)
    }

    /// Takes a batch in wire form, whose size is now known exactly.
    fn accept(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let bytes = message_bytes(&batch, self.schema.profile()) + self.shaper.more_bytes(rows);
        if rows > 1 && (bytes > self.limit || self.has_large_dictionary(&batch)) {
            let half = rows.div_ceil(2);
            for part in [batch.slice(0, half), batch.slice(half, rows - half)] {
                // Once more, since a slice may hold more than its rows need.
                self.accept(convert(&part, &self.schema)?)?;
            }
            return Ok(());
        }
        let small_rows: usize = self.small.iter().map(RecordBatch::num_rows).sum();
        if self.small_bytes + bytes > self.target || small_rows + rows > self.max_rows {
            self.flush()?;
        }
        self.small_bytes += bytes;
        self.small.push(batch);
        if self.small_bytes > self.target / 4 * 3 {
            self.flush()?;
        }
        Ok(())
    }

    /// Whether a dictionary of the batch is too large for a message.
    fn has_large_dictionary(&self, batch: &RecordBatch) -> bool {
        let mut columns = batch.columns().iter();
        self.has_dictionaries()
            && columns.any(|column| largest_dictionary(column) > LARGEST_MESSAGE)
    }

    fn has_dictionaries(&self) -> bool {
        self.schema.profile() != WireProfile::Compat
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if !self.schema.is_shaped() {
            return Ok(self.writer.batch(batch, &mut self.ready)?);
        }
        let shaped = self.shaper.shape(batch)?;
        Ok(self.writer.batch(&shaped, &mut self.ready)?)
    }

    fn flush(&mut self) -> Result<()> {
        self.small_bytes = 0;
        match std::mem::take(&mut self.small).as_slice() {
            [] => Ok(()),
            [one] => self.write(one),
            many => {
                let joined = concat_batches(self.schema.plain(), many);
                match joined {
                    Ok(joined) if !self.has_large_dictionary(&joined) => self.write(&joined),
                    Err(error) if !self.has_dictionaries() => Err(error.into()),
                    // Together, the dictionaries are too much for their keys, or for a message.
                    Ok(_) | Err(_) => many.iter().try_for_each(|one| self.write(one)),
                }
            }
        }
    }
}

/// How many rows can be joined: runs with small ends count no further.
fn most_rows(schema: &Schema) -> usize {
    let small = |field: &FieldRef| match field.data_type() {
        DataType::RunEndEncoded(ends, _) => ends.data_type() == &DataType::Int16,
        _ => false,
    };
    if schema.fields().iter().any(small) {
        i16::MAX.unsigned_abs().into()
    } else {
        usize::MAX
    }
}

impl<S: Stream<Item = Result<RecordBatch>> + Unpin> Stream for Messages<S> {
    type Item = Result<Message>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let polled = this.poll_message(cx);
        if let Poll::Ready(Some(Err(_))) = &polled {
            // After an error the stream is over; rows that were cut or joined before it are not sent.
            this.ended = true;
            this.todo.clear();
            this.small.clear();
            this.ready.clear();
        }
        polled
    }
}

#[cfg(test)]
mod tests;
