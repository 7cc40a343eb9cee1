use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use super::Results;
use super::file::{Chunk, ResultFile};
use super::shared::{Shared, Written};
use crate::audit::Facts;
use crate::inner::Inner;
use crate::query::{Message, WAITING_BATCHES};
use crate::running::{Phase, Record};
use crate::{Error, QueryStream, Result};

/// How long a query runs on when its readers have gone: a client whose connection broke may come back.
const WAIT_FOR_READERS: Duration = Duration::from_secs(5);

/// Starts to read a part.
///
/// # Errors
/// [`Error::ShuttingDown`].
pub(super) fn start(inner: &Inner, shared: Arc<Shared>, part: u32) -> Result<QueryStream> {
    let query_id = shared.id.to_string();
    // Registered, so that a server that stops waits for its end.
    let record = inner.running.begin(Facts {
        id: &query_id,
        user: &shared.user,
        session: None,
        kind: "result",
        sql: &shared.sql,
        snapshot: None,
    })?;
    let (key, live, span) = (record.key(), Arc::clone(record.live()), record.span());
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let reading = Reading::begin(inner, &shared, part);
    let reader = Reader {
        written: shared.watch(),
        source: Source::of(&shared, part),
        messages: sender,
        record,
    };
    let task = inner.runtime.spawn(reader.drive().instrument(span));
    inner.running.attach(key, task.abort_handle());
    let schema = Arc::clone(&shared.schema);
    let rows = QueryStream::new(
        schema,
        shared.max_batch_rows,
        query_id,
        receiver,
        Some(task),
    );
    Ok(rows.with_reading(reading).with_live(live))
}

/// Somebody reads a part. A result is not forgotten meanwhile.
#[derive(Debug)]
pub(crate) struct Reading {
    shared: Arc<Shared>,
    results: Arc<Results>,
    runtime: Handle,
    part: u32,
}

impl Reading {
    fn begin(inner: &Inner, shared: &Arc<Shared>, part: u32) -> Self {
        shared.reader_came();
        Self {
            shared: Arc::clone(shared),
            results: Arc::clone(&inner.results),
            runtime: inner.runtime.handle(),
            part,
        }
    }

    /// The reader has taken the last row.
    pub(crate) fn finish(self) {
        self.shared.was_read(self.part);
    }
}

impl Drop for Reading {
    /// A query whose readers have all gone before its end is stopped, unless one comes back soon.
    fn drop(&mut self) {
        self.shared.reader_went();
        if self.shared.is_done() {
            self.results.remove(self.shared.id);
        }
        let Some(came) = self.shared.left_by() else {
            return;
        };
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            tokio::time::sleep(WAIT_FOR_READERS).await;
            if shared.left_by() == Some(came) {
                tracing::info!(query_id = %shared.id, "nobody reads the result any more");
                shared.cancel();
            }
        });
    }
}

/// Sends the rows of a part.
struct Reader {
    written: watch::Receiver<Written>,
    source: Source,
    messages: mpsc::Sender<Message>,
    record: Record,
}

/// What is left to read.
enum Source {
    /// Every so many chunks, from one of them on.
    Every { next: usize, step: usize },
    /// One of so many equal ranges of rows, once it is known how many rows there are.
    Range { part: u64, parts: u64 },
    /// These rows.
    Pieces(VecDeque<Piece>),
}

/// Rows of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    chunk: Chunk,
    skip: usize,
    take: usize,
}

impl Source {
    fn of(shared: &Shared, part: u32) -> Self {
        if shared.ordered && shared.parts > 1 {
            let (part, parts) = (u64::from(part), u64::from(shared.parts));
            Self::Range { part, parts }
        } else {
            let (next, step) = (part as usize, shared.parts as usize);
            Self::Every { next, step }
        }
    }

    /// What to do next, by what is there.
    fn step(&mut self, written: &Written) -> Step {
        let ended = match &written.end {
            Some(Err(error)) => return Step::Fail(error.clone()),
            Some(Ok(())) => true,
            None => false,
        };
        if let (Self::Range { part, parts }, true) = (&*self, ended) {
            *self = Self::Pieces(pieces(&written.chunks, *part, *parts));
        }
        let piece = match self {
            Self::Every { next, step } => written.chunks.get(*next).map(|chunk| {
                *next += *step;
                Piece::whole(*chunk)
            }),
            Self::Pieces(pieces) => pieces.pop_front(),
            Self::Range { .. } => None,
        };
        match (piece, &written.file) {
            (Some(piece), Some(file)) => Step::Read(piece, Arc::clone(file)),
            _ if ended => Step::Finish,
            _ => Step::Wait,
        }
    }
}

enum Step {
    Read(Piece, Arc<ResultFile>),
    Wait,
    Finish,
    Fail(Error),
}

impl Reader {
    async fn drive(mut self) {
        self.record.live().enter(Phase::Executing);
        match self.send_all().await {
            Ok(()) => {
                self.record.finish();
                let _ = self.messages.send(Message::Finished).await;
            }
            Err(error) => {
                let error = self.record.fail(error);
                let _ = self.messages.send(Message::Failed(error)).await;
            }
        }
        // Not before: a server that stops waits for the readings that have a record.
        drop(self.record);
    }

    /// Sends all rows. When nobody takes them any more, that is as good as cancelled.
    async fn send_all(&mut self) -> Result<()> {
        loop {
            let step = self.source.step(&self.written.borrow_and_update());
            match step {
                Step::Read(piece, file) => self.send(piece, file).await?,
                Step::Wait => self.written.changed().await.map_err(|_| Error::Cancelled)?,
                Step::Finish => return Ok(()),
                Step::Fail(error) => return Err(error),
            }
        }
    }

    async fn send(&mut self, piece: Piece, file: Arc<ResultFile>) -> Result<()> {
        let read = tokio::task::spawn_blocking(move || file.read(piece.chunk));
        let batches = read
            .await
            .map_err(|error| Error::from_join(&error, "read"))??;
        let Piece {
            mut skip, mut take, ..
        } = piece;
        for batch in batches {
            let from = skip.min(batch.num_rows());
            let rows = take.min(batch.num_rows() - from);
            (skip, take) = (skip - from, take - rows);
            if rows == 0 {
                continue;
            }
            let batch = batch.slice(from, rows);
            self.record.count(rows, batch.get_array_memory_size());
            self.record.live().enter(Phase::Sending);
            let sent = self.messages.send(Message::Batch(batch)).await;
            self.record.live().enter(Phase::Executing);
            sent.map_err(|_| Error::Cancelled)?;
        }
        Ok(())
    }
}

impl Piece {
    fn whole(chunk: Chunk) -> Self {
        Self {
            chunk,
            skip: 0,
            take: usize::try_from(chunk.rows).unwrap_or(usize::MAX),
        }
    }
}

/// The rows of one of so many ranges that are as equal as can be, and together all rows in their order.
fn pieces(chunks: &[Chunk], part: u64, parts: u64) -> VecDeque<Piece> {
    let all: u64 = chunks.iter().map(|chunk| chunk.rows).sum();
    let bound = |part: u64| {
        let rows = u128::from(all) * u128::from(part) / u128::from(parts.max(1));
        u64::try_from(rows).unwrap_or(all)
    };
    let (first, end) = (bound(part), bound(part + 1));
    let mut start = 0;
    let mut pieces = VecDeque::new();
    for chunk in chunks {
        let skip = first.saturating_sub(start).min(chunk.rows);
        let stop = end.saturating_sub(start).min(chunk.rows);
        start += chunk.rows;
        if let (Ok(skip), Ok(take)) = (
            usize::try_from(skip),
            usize::try_from(stop - skip.min(stop)),
        ) && take > 0
        {
            pieces.push_back(Piece {
                chunk: *chunk,
                skip,
                take,
            });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(rows: &[u64]) -> Vec<Chunk> {
        let chunk = |(at, rows): (usize, &u64)| Chunk {
            offset: at as u64,
            bytes: 1,
            rows: *rows,
        };
        rows.iter().enumerate().map(chunk).collect()
    }

    /// The rows of a part, counted through all chunks.
    fn rows_of(chunks: &[Chunk], part: u64, parts: u64) -> Vec<u64> {
        let start = |piece: &Piece| {
            let before = chunks.iter().take_while(|chunk| *chunk != &piece.chunk);
            before.map(|chunk| chunk.rows).sum::<u64>() + piece.skip as u64
        };
        let pieces = pieces(chunks, part, parts);
        pieces
            .iter()
            .flat_map(|piece| start(piece)..start(piece) + piece.take as u64)
            .collect()
    }

    #[test]
    fn ranges_are_all_rows_in_their_order() {
        for sizes in [&[][..], &[1], &[100], &[3, 1, 50, 2], &[1; 64], &[7, 7, 7]] {
            let chunks = chunks(sizes);
            let all: u64 = sizes.iter().sum();
            for parts in [1, 2, 3, 4, 7, 64] {
                let parts_of = (0..parts).map(|part| rows_of(&chunks, part, parts));
                let parts_of: Vec<_> = parts_of.collect();
                let lengths = parts_of.iter().map(|rows| rows.len() as u64);
                assert!(
                    lengths.max() <= Some(all.div_ceil(parts)),
                    "{sizes:?} {parts}"
                );
                let together: Vec<_> = parts_of.concat();
                assert_eq!(together, (0..all).collect::<Vec<_>>(), "{sizes:?} {parts}");
            }
        }
    }
}
