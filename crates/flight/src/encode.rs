//! Engine batches to the messages of a DoGet.
//!
//! [`WireSchema`] is the schema as the profile of the call has it, for FlightInfo, GetSchema, prepare and DoGet alike.
//! `convert` brings a batch into it, `size` says how many bytes a batch takes on the wire, [`Messages`] cuts and joins
//! batches by that, `shape` makes runs and dictionaries of columns where `compact` wants them, and `ipc` writes the
//! [`Message`], compressed where that is wanted.

mod convert;
mod ipc;
mod message;
mod messages;
mod profile;
#[cfg(test)]
mod samples;
mod shape;
mod size;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{Stream, stream};
use godwit_config::WireCompression;

use crate::Result;

pub(crate) use message::Message;
pub(crate) use messages::Messages;
pub(crate) use profile::WireSchema;

/// Every message stays below what most clients accept, 4 MiB, with room for its frame. Only a single row that is
/// larger makes a larger message.
pub(crate) const LARGEST_MESSAGE: usize = (4 << 20) - (64 << 10);

/// The messages of a result that is one batch in wire form.
///
/// # Errors
/// None that is known; as [`Messages::new`].
pub(crate) fn one_batch(
    batch: RecordBatch,
    message_bytes: usize,
) -> Result<Messages<impl Stream<Item = Result<RecordBatch>> + Unpin + use<>>> {
    let schema = WireSchema::verbatim(SchemaRef::clone(batch.schema_ref()));
    let rows = stream::iter([Ok(batch)]);
    Messages::new(rows, schema, WireCompression::None, message_bytes)
}
