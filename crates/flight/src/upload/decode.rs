use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{MessageHeader, root_as_message};

use super::Fault;
use super::measure::measure;

/// Decodes the messages of one stream, in their order. After a fault it is of no more use.
pub(super) struct Decoder {
    limit: usize,
    schema: Option<SchemaRef>,
    dictionaries: HashMap<i64, ArrayRef>,
    /// What each dictionary takes, in bytes, as its messages said.
    held: HashMap<i64, usize>,
}

/// What a message was.
pub(super) enum Decoded {
    Schema(SchemaRef),
    Rows(RecordBatch),
    /// Values of a dictionary, which following rows refer to, or nothing.
    Aside,
}

impl Decoder {
    /// No message, and not all dictionaries together, may take more than `limit` bytes, nor have as many rows.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            schema: None,
            dictionaries: HashMap::new(),
            held: HashMap::new(),
        }
    }

    /// Decodes a message that has a header.
    ///
    /// # Errors
    /// When it takes too much, cannot be read, or has no place here.
    pub(super) fn decode(&mut self, message: FlightData) -> Result<Decoded, Fault> {
        self.admit(&message)?;
        // The reader checks much, but not everything: what it stumbles over came from the client.
        let decoded = catch_unwind(AssertUnwindSafe(|| self.read(message)));
        decoded.unwrap_or_else(|_| malformed("its parts contradict each other"))
    }

    fn admit(&mut self, message: &FlightData) -> Result<(), Fault> {
        let claim = measure(message)?;
        self.within("an uploaded message", claim.bytes)?;
        self.within("an uploaded message, a byte for each row,", claim.rows)?;
        if let Some((id, is_delta)) = claim.dictionary {
            let held = self.held.entry(id).or_default();
            *held = claim.bytes.saturating_add(if is_delta { *held } else { 0 });
            let all = self
                .held
                .values()
                .fold(0usize, |sum, size| sum.saturating_add(*size));
            self.within("the dictionaries of an upload", all)?;
        }
        Ok(())
    }

    fn within(&self, what: &'static str, size: usize) -> Result<(), Fault> {
        let limit = self.limit;
        if size > limit {
            return Err(Fault::TooLarge { what, size, limit });
        }
        Ok(())
    }

    fn read(&mut self, message: FlightData) -> Result<Decoded, Fault> {
        let header = message.data_header.clone();
        let header = root_as_message(&header).map_err(|e| Fault::Malformed(e.to_string()))?;
        let kind = header.header_type();
        if kind == MessageHeader::Schema {
            if self.schema.is_some() {
                return malformed("a second schema");
            }
            let schema = Arc::new(Schema::try_from(&message).map_err(unreadable)?);
            self.schema = Some(Arc::clone(&schema));
            return Ok(Decoded::Schema(schema));
        }
        if kind == MessageHeader::NONE {
            return Ok(Decoded::Aside);
        }
        let Some(schema) = &self.schema else {
            return malformed("rows before their schema");
        };
        let body = Buffer::from(message.data_body);
        let version = header.version();
        if let Some(batch) = header.header_as_record_batch() {
            let schema = Arc::clone(schema);
            let batch = read_record_batch(&body, batch, schema, &self.dictionaries, None, &version);
            return batch.map(Decoded::Rows).map_err(unreadable);
        }
        if let Some(values) = header.header_as_dictionary_batch() {
            read_dictionary(&body, values, schema, &mut self.dictionaries, &version)
                .map_err(unreadable)?;
            return Ok(Decoded::Aside);
        }
        let name = kind.variant_name().unwrap_or("unknown");
        malformed(&format!("a message of kind {name}, which has no rows"))
    }
}

fn malformed<T>(why: &str) -> Result<T, Fault> {
    Err(Fault::Malformed(why.to_owned()))
}

fn unreadable(error: ArrowError) -> Fault {
    Fault::Malformed(error.to_string())
}
