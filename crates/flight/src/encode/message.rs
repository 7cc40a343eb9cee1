use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_ipc::root_as_message;
use bytes::{Bytes, BytesMut};

/// An Arrow IPC message: its header, and its body in pieces that are the columns' own buffers, so that none is copied.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) header: Bytes,
    pub(crate) body: Vec<Bytes>,
}

impl Message {
    /// How long the body is.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }
}

impl From<Message> for FlightData {
    /// Copies the pieces together, where there are several.
    fn from(message: Message) -> Self {
        let bytes = message.body_bytes();
        let data_body = match <[Bytes; 1]>::try_from(message.body) {
            Ok([whole]) => whole,
            Err(pieces) => {
                let mut whole = BytesMut::with_capacity(bytes);
                pieces
                    .iter()
                    .for_each(|piece| whole.extend_from_slice(piece));
                whole.freeze()
            }
        };
        Self {
            data_header: message.header,
            data_body,
            ..Self::default()
        }
    }
}

struct Owner(Buffer);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn piece(buffer: Buffer) -> Bytes {
    Bytes::from_owner(Owner(buffer))
}

/// The length of the prefix of a message in an IPC stream: a mark, and the length of what comes up to the body.
const PREFIX: usize = 8;

/// The messages of an IPC stream that comes in whole buffers, as Arrow's encoder hands them over: prefix, header, padding
/// and each buffer of the body by itself.
///
/// # Errors
/// When they are laid out otherwise.
pub(super) fn messages(stream: Vec<Buffer>) -> Result<Vec<Message>, ArrowError> {
    let mut messages = Vec::new();
    let mut buffers = stream.into_iter().filter(|buffer| !buffer.is_empty());
    while let Some(prefix) = buffers.next() {
        let length = header_length(&prefix).ok_or_else(misfit)?;
        let header = buffers.next().ok_or_else(misfit)?;
        let mut padding = length.checked_sub(header.len()).ok_or_else(misfit)?;
        while padding > 0 {
            let rest = buffers.next().ok_or_else(misfit)?;
            padding = padding.checked_sub(rest.len()).ok_or_else(misfit)?;
        }
        let parsed = root_as_message(&header).map_err(|_| misfit())?;
        let mut left = usize::try_from(parsed.bodyLength()).map_err(|_| misfit())?;
        let mut body = Vec::new();
        while left > 0 {
            let buffer = buffers.next().ok_or_else(misfit)?;
            left = left.checked_sub(buffer.len()).ok_or_else(misfit)?;
            body.push(piece(buffer));
        }
        let header = piece(header);
        messages.push(Message { header, body });
    }
    Ok(messages)
}

fn header_length(prefix: &Buffer) -> Option<usize> {
    let prefix = <[u8; PREFIX]>::try_from(prefix.as_slice()).ok()?;
    let [_, _, _, _, length @ ..] = prefix;
    usize::try_from(i32::from_le_bytes(length)).ok()
}

fn misfit() -> ArrowError {
    ArrowError::IpcError("an encoded message is laid out in an unknown way".to_owned())
}
