//! Arrow data from clients: the messages of DoPut and DoExchange to batches.
//!
//! Whatever a client sends is either rows or an error, and costs memory in proportion to what it really sent. `measure`
//! says what a message takes before anything is made of it, `decode` makes batches of messages, one at a time,
//! [`parameters`] keeps all of a small upload, [`open`] hands on the rows of a large one as they arrive.

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use futures::{Stream, StreamExt, stream};
use godwit_engine::{Error as EngineError, Upload};
use tonic::{Code, Status};

use crate::Error;
use crate::status::{code, framing};

mod decode;
mod measure;
#[cfg(test)]
mod tests;

use decode::{Decoded, Decoder};
use measure::measure;

/// Why an upload cannot be read on.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is no Arrow data, or its parts contradict each other.
    Malformed(String),
    /// A message, or all parameters together, above `wire.max_request_bytes`.
    TooLarge {
        what: &'static str,
        size: usize,
        limit: usize,
    },
    /// gRPC could not take a message, or the client has gone.
    Request(Status),
}

/// Reads all rows of an upload of parameters, at most `limit` bytes of them, compressed or not.
///
/// # Errors
/// When there are more, when they cannot be read, or when the client's stream fails.
pub(crate) async fn parameters(
    first: FlightData,
    rest: impl Stream<Item = Result<FlightData, Status>>,
    limit: usize,
) -> Result<Vec<RecordBatch>, Fault> {
    let mut messages = std::pin::pin!(messages(first, rest));
    let mut decoder = Decoder::new(limit);
    let (mut batches, mut size) = (Vec::new(), 0usize);
    while let Some(message) = messages.next().await {
        let message = message?;
        size = size.saturating_add(measure(&message)?.bytes);
        if size > limit {
            let what = "parameters";
            return Err(Fault::TooLarge { what, size, limit });
        }
        if let Decoded::Rows(batch) = decoder.decode(message)? {
            batches.push(batch);
        }
    }
    Ok(batches)
}

/// Waits for the schema of an upload; then its rows can be read as they arrive, batches without any left out. Of these
/// never more than one message is in memory, and none may take more than `limit` bytes, compressed or not. `None` when
/// the client ends its stream without a schema.
///
/// # Errors
/// When what arrives is no schema, or when the client's stream fails. What is wrong with the rows comes through their
/// stream, which ends with it.
pub(crate) async fn open(
    first: FlightData,
    rest: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    limit: usize,
) -> Result<Option<Upload>, Fault> {
    let mut messages = messages(first, rest).boxed();
    let mut decoder = Decoder::new(limit);
    let schema = loop {
        let Some(message) = messages.next().await else {
            return Ok(None);
        };
        if let Decoded::Schema(schema) = decoder.decode(message?)? {
            break schema;
        }
    };
    let rows = stream::unfold(Some((messages, decoder)), async |state| {
        let (mut messages, mut decoder) = state?;
        loop {
            let decoded = match messages.next().await? {
                Ok(message) => decoder.decode(message),
                Err(fault) => Err(fault),
            };
            match decoded {
                Ok(Decoded::Rows(batch)) if batch.num_rows() > 0 => {
                    return Some((Ok(batch), Some((messages, decoder))));
                }
                Ok(_) => {}
                Err(fault) => return Some((Err(fault.into()), None)),
            }
        }
    });
    Ok(Some((schema, rows.boxed())))
}

/// The messages that have a header. One without carries a descriptor or metadata, but no rows.
fn messages(
    first: FlightData,
    rest: impl Stream<Item = Result<FlightData, Status>>,
) -> impl Stream<Item = Result<FlightData, Fault>> {
    let all = stream::iter([Ok(first)]).chain(rest);
    all.filter_map(async |message| match message {
        Ok(message) if message.data_header.is_empty() => None,
        Ok(message) => Some(Ok(message)),
        Err(status) => Some(Err(Fault::Request(named(status)))),
    })
}

/// The same; where a message was too large, with the key of the limit.
fn named(refused: Status) -> Status {
    match framing(&refused) {
        Some(code @ Code::ResourceExhausted) => Status::new(
            code,
            format!("{} (wire.max_request_bytes)", refused.message()),
        ),
        _ => refused,
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(text) => Self::Upload(text),
            Fault::TooLarge { what, size, limit } => Self::TooLarge {
                what,
                size,
                limit,
                key: " (wire.max_request_bytes)",
            },
            Fault::Request(status) => Self::Request(status),
        }
    }
}

/// The same under the code that the client would get without the engine between.
impl From<Fault> for EngineError {
    fn from(fault: Fault) -> Self {
        let error = Error::from(fault);
        let message = error.to_string();
        match code(&error) {
            Code::ResourceExhausted => Self::ResourcesExhausted { message },
            Code::InvalidArgument => Self::InvalidInput { message },
            Code::DeadlineExceeded => Self::Stalled { message },
            // The client's stream broke off.
            _ => Self::Cancelled,
        }
    }
}
