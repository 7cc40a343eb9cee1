//! Engine batches to the messages of a DoGet.
//!
//! [`Profile`] decides the wire schema, for FlightInfo, GetSchema, prepare and DoGet alike. `convert` brings a batch into
//! it, `size` says how many bytes a batch takes on the wire, [`Messages`] cuts and joins batches by that, and `ipc`
//! writes the message.

mod convert;
mod ipc;
mod messages;
mod profile;
#[cfg(test)]
mod samples;
mod size;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{Stream, stream};

use crate::Result;

pub(crate) use messages::Messages;
pub(crate) use profile::{Profile, WireSchema};

/// Every message stays below what most clients accept, 4 MiB, with room for its frame. Only a single row that is
/// larger makes a larger message.
pub(crate) const LARGEST_MESSAGE: usize = (4 << 20) - (64 << 10);

/// The messages of a result that is one batch in wire form.
pub(crate) fn one_batch(
    batch: RecordBatch,
    message_bytes: usize,
) -> Messages<impl Stream<Item = Result<RecordBatch>> + Unpin + use<>> {
    let schema = WireSchema::verbatim(SchemaRef::clone(batch.schema_ref()));
    Messages::new(stream::iter([Ok(batch)]), schema, message_bytes)
}
