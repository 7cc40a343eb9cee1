use arrow_flight::FlightData;
use arrow_ipc::{CompressionType, RecordBatch as IpcBatch, root_as_message};

use super::Fault;

/// What a message says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// What it takes in memory: its bytes, and for compressed buffers what they say they become. The decoder allocates
    /// that much before it has seen the first of those bytes.
    pub(super) bytes: usize,
    /// The longest of its columns, nested ones included. Columns of nulls have rows without any bytes.
    pub(super) rows: usize,
    /// For values of a dictionary: which one, and whether they are added to those that it has.
    pub(super) dictionary: Option<(i64, bool)>,
}

/// What a message with a header says about itself.
///
/// # Errors
/// When its header cannot be read, or speaks of bytes that are not in its body.
pub(super) fn measure(message: &FlightData) -> Result<Claim, Fault> {
    let header = root_as_message(&message.data_header)
        .map_err(|error| Fault::Malformed(error.to_string()))?;
    let values = header.header_as_dictionary_batch();
    let batch = header
        .header_as_record_batch()
        .or_else(|| values.and_then(|values| values.data()));
    let sent = message.data_header.len() + message.data_body.len();
    let (bytes, rows) = match batch {
        Some(batch) => (decompressed(batch, &message.data_body)?, longest(batch)?),
        None => (0, 0),
    };
    Ok(Claim {
        bytes: sent.saturating_add(bytes),
        rows,
        dictionary: values.map(|values| (values.id(), values.isDelta())),
    })
}

fn longest(batch: IpcBatch<'_>) -> Result<usize, Fault> {
    let lengths = batch
        .nodes()
        .into_iter()
        .flatten()
        .map(|node| node.length());
    let longest = lengths.chain([batch.length()]).max().unwrap_or(0);
    usize::try_from(longest).map_err(|_| Fault::Malformed("a negative number of rows".to_owned()))
}

fn decompressed(batch: IpcBatch<'_>, body: &[u8]) -> Result<usize, Fault> {
    let outside = || Fault::Malformed("a buffer is outside of the message".to_owned());
    let compressed = match batch.compression() {
        Some(compression) => {
            let known = [CompressionType::LZ4_FRAME, CompressionType::ZSTD];
            if !known.contains(&compression.codec()) {
                return Err(Fault::Malformed("unknown compression".to_owned()));
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
