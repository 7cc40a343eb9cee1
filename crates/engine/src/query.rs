use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::results::Reading;
use crate::running::Live;
use crate::runtime::Task;
use crate::{Error, Result};

/// How many batches wait between a query and its reader.
pub(crate) const WAITING_BATCHES: usize = 2;

/// The rows of a running query, as they are made. Only a few batches wait to be taken; dropping the stream cancels
/// the query.
pub struct QueryStream {
    schema: SchemaRef,
    max_batch_rows: Option<usize>,
    query_id: String,
    /// What was there with the word that the query is planned.
    first: VecDeque<Message>,
    messages: mpsc::Receiver<Message>,
    /// What makes the rows; none when all of them are there.
    task: Option<Task<()>>,
    /// What is told that the reader has come to the end.
    reading: Option<Reading>,
    /// What knows whether it was killed.
    live: Option<Arc<Live>>,
    ended: bool,
}

/// Stops a query whose stream is somebody else's, whether that is read or not.
#[derive(Debug, Clone)]
pub struct Canceller(Option<AbortHandle>);

impl Canceller {
    /// Stops the query; its stream ends with [`Error::Cancelled`]. Nothing happens when it has ended.
    pub fn cancel(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// What a query sends its reader.
#[derive(Debug)]
pub(crate) enum Message {
    Batch(RecordBatch),
    Failed(Error),
    /// All rows were sent. A channel that closes without it belongs to a query that was cut off.
    Finished,
}

impl QueryStream {
    pub(crate) fn new(
        schema: SchemaRef,
        max_batch_rows: Option<usize>,
        query_id: String,
        messages: mpsc::Receiver<Message>,
        task: Option<Task<()>>,
    ) -> Self {
        Self {
            schema,
            max_batch_rows,
            query_id,
            first: VecDeque::new(),
            messages,
            task,
            reading: None,
            live: None,
            ended: false,
        }
    }

    /// The same for a reader of a kept result.
    pub(crate) fn with_reading(self, reading: Reading) -> Self {
        Self {
            reading: Some(reading),
            ..self
        }
    }

    /// The same with what comes before all other messages.
    pub(crate) fn with_first(self, first: Vec<Message>) -> Self {
        Self {
            first: first.into(),
            ..self
        }
    }

    /// The same with what says why it was cut off.
    pub(crate) fn with_live(self, live: Arc<Live>) -> Self {
        Self {
            live: Some(live),
            ..self
        }
    }

    /// What stops the query from elsewhere.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.task.as_ref().map(Task::abort_handle))
    }

    /// Schema of every batch: the statement's, to the nullability.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// How many rows the session wants to receive at a time (`SET batch_rows`). All batches but the last have so many;
    /// whoever sends them must not join them. `None` leaves it to the sender.
    pub fn max_batch_rows(&self) -> Option<usize> {
        self.max_batch_rows
    }
}

impl QueryStream {
    fn explain(&self, error: Error) -> Error {
        match &self.live {
            Some(live) => live.explain(error),
            None => error,
        }
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = match self.first.pop_front() {
            Some(first) => Poll::Ready(Some(first)),
            None => self.messages.poll_recv(context),
        };
        let item = match next {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Message::Batch(batch))) => return Poll::Ready(Some(Ok(batch))),
            Poll::Ready(Some(Message::Finished)) => {
                if let Some(reading) = self.reading.take() {
                    reading.finish();
                }
                None
            }
            Poll::Ready(Some(Message::Failed(error))) => Some(Err(error)),
            Poll::Ready(None) => {
                match self.task.as_mut().map(|task| Pin::new(task).poll(context)) {
                    Some(Poll::Pending) => return Poll::Pending,
                    None | Some(Poll::Ready(Ok(()))) => Some(Err(Error::Cancelled)),
                    Some(Poll::Ready(Err(error))) => {
                        Some(Err(Error::from_join(&error, &self.query_id)))
                    }
                }
            }
        };
        self.ended = true;
        Poll::Ready(item.map(|end| end.map_err(|error| self.explain(error))))
    }
}

impl fmt::Debug for QueryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStream")
            .field("query_id", &self.query_id)
            .finish_non_exhaustive()
    }
}
