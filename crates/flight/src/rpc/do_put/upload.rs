use std::panic::AssertUnwindSafe;

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use arrow_ipc::{CompressionType, RecordBatch as IpcBatch, root_as_message};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tonic::Status;

use crate::{Error, Result};

/// Reads all rows of an upload, at most `limit` bytes of them, compressed or not.
///
/// # Errors
/// When there are more, when they cannot be read, or when the client's stream fails.
pub(super) async fn read(
    first: FlightData,
    rest: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    limit: usize,
) -> Result<Vec<RecordBatch>> {
    let messages = stream::iter([Ok(first)]).chain(rest.map_err(Error::Request));
    let mut total = 0usize;
    let messages = messages.map(move |message| {
        let message = message?;
        total = total.saturating_add(size(&message)?);
        if total > limit {
            return Err(too_large(total, limit));
        }
        Ok(message)
    });
    // A message without a header carries a descriptor or metadata, but no rows.
    let messages = messages.try_filter(|message| {
        let has_rows = !message.data_header.is_empty();
        async move { has_rows }
    });
    let messages = messages.map_err(|error| FlightError::ExternalError(Box::new(error)));
    let decoding = FlightDataDecoder::new(messages).map_err(upload_error);
    let batches = decoding.try_filter_map(async |decoded| {
        Ok(match decoded.payload {
            DecodedPayload::RecordBatch(batch) => Some(batch),
            DecodedPayload::Schema(_) | DecodedPayload::None => None,
        })
    });
    // The decoder checks much, but not everything: what it stumbles over came from the client.
    let all = AssertUnwindSafe(batches.try_collect()).catch_unwind().await;
    all.unwrap_or_else(|_| Err(Error::Upload("its parts contradict each other".to_owned())))
}

/// What a message takes in memory: its bytes, and for compressed buffers what they say they become. The decoder
/// allocates that much before it has seen the first of those bytes.
fn size(message: &FlightData) -> Result<usize> {
    let sent = message.data_header.len() + message.data_body.len();
    if message.data_header.is_empty() {
        return Ok(sent);
    }
    let header = root_as_message(&message.data_header).map_err(|e| Error::Upload(e.to_string()))?;
    let batch = header.header_as_record_batch();
    let batch = batch.or_else(|| header.header_as_dictionary_batch().and_then(|d| d.data()));
    Ok(match batch {
        Some(batch) => sent.saturating_add(decompressed(batch, &message.data_body)?),
        None => sent,
    })
}

fn decompressed(batch: IpcBatch<'_>, body: &[u8]) -> Result<usize> {
    let outside = || Error::Upload("a buffer is outside of the message".to_owned());
    let compressed = match batch.compression() {
        Some(compression) => {
            let known = [CompressionType::LZ4_FRAME, CompressionType::ZSTD];
            if !known.contains(&compression.codec()) {
                return Err(Error::Upload("unknown compression".to_owned()));
            }
            true
        }
        None => false,
    };
    let mut total = 0usize;
    for buffer in batch.buffers().into_iter().flatten() {
        let start = usize::try_from(buffer.offset()).map_err(|_| outside())?;
        let length = usize::try_from(buffer.length()).map_err(|_| outside())?;
        let end = start.checked_add(length).ok_or_else(outside)?;
        let bytes = body.get(start..end).ok_or_else(outside)?;
        if !compressed || bytes.is_empty() {
            continue;
        }
        let prefix = bytes.first_chunk().ok_or_else(outside)?;
        match i64::from_le_bytes(*prefix) {
            // Minus one stands for "not compressed after all".
            -1 => {}
            becomes => {
                let becomes = usize::try_from(becomes).map_err(|_| outside())?;
                total = total.saturating_add(becomes);
            }
        }
    }
    Ok(total)
}

fn too_large(size: usize, limit: usize) -> Error {
    Error::TooLarge {
        what: "parameters",
        size,
        limit,
        key: " (wire.max_request_bytes)",
    }
}

fn upload_error(error: FlightError) -> Error {
    match error {
        FlightError::ExternalError(ours) => match ours.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::Upload(other.to_string()),
        },
        other => Error::Upload(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
