use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_flight::{FlightDescriptor, FlightInfo, Ticket};
use futures::{Stream, StreamExt, TryStreamExt};
use godwit_client::Client;
use prost::Message;

use crate::{Error, Result};

/// Most that is kept of an answer to a question about what there is, in bytes.
const MAX_FACTS: usize = 64 << 20;

/// What comes out of a ticket.
#[derive(Debug)]
pub(crate) enum Piece {
    Schema(SchemaRef),
    /// Rows, and how many bytes they were on the wire.
    Batch(RecordBatch, u64),
}

/// The pieces of a stream, as they arrive.
#[derive(Debug)]
pub(crate) struct Pieces(FlightDataDecoder);

impl Pieces {
    pub(crate) async fn of(client: &Client, ticket: Ticket) -> Result<Self> {
        let stream = client.stream(ticket).await?;
        let stream = stream.map_err(FlightError::from);
        Ok(Self(FlightDataDecoder::new(stream)))
    }
}

impl Stream for Pieces {
    type Item = Result<Piece>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(message) = ready!(self.0.poll_next_unpin(context)) else {
                return Poll::Ready(None);
            };
            let message = message?;
            let bytes = message.inner.encoded_len() as u64;
            return Poll::Ready(Some(Ok(match message.payload {
                DecodedPayload::None => continue,
                DecodedPayload::Schema(schema) => Piece::Schema(schema),
                DecodedPayload::RecordBatch(batch) => Piece::Batch(batch, bytes),
            })));
        }
    }
}

/// The tickets of a result, in order. Where they point elsewhere, this server is asked all the same: what servers say of
/// their own address is often wrong, and credentials go to nobody else.
pub(crate) fn tickets(info: &FlightInfo) -> Vec<Ticket> {
    let tickets = info.endpoint.iter();
    tickets.filter_map(|end| end.ticket.clone()).collect()
}

/// The batches of an answer that is small: what a metadata command stands for.
pub(crate) async fn facts(
    client: &Client,
    descriptor: FlightDescriptor,
) -> Result<Vec<RecordBatch>> {
    let info = client.info(descriptor).await?;
    let mut batches = Vec::new();
    let mut size = 0;
    for ticket in tickets(&info) {
        let mut pieces = Pieces::of(client, ticket).await?;
        while let Some(piece) = pieces.try_next().await? {
            if let Piece::Batch(batch, _) = piece {
                size += batch.get_array_memory_size();
                if size > MAX_FACTS {
                    return Err(Error::Failed(format!(
                        "the answer has more than {} MiB",
                        MAX_FACTS >> 20
                    )));
                }
                batches.push(batch);
            }
        }
    }
    Ok(batches)
}

/// A column as texts, whatever its type; all NULL where there is no such column.
pub(crate) fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(name);
    let text = column.and_then(|column| cast(column, &DataType::Utf8).ok());
    let text = text
        .as_ref()
        .and_then(|text| text.as_any().downcast_ref::<StringArray>());
    match text {
        Some(text) => text.iter().map(|value| value.map(str::to_owned)).collect(),
        None => vec![None; batch.num_rows()],
    }
}
