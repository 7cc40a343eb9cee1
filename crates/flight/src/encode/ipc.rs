use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};

/// Writes the messages of one stream: the schema, then batches. All that knows how bytes are laid out, so that another
/// way of framing needs to replace nothing else.
pub(super) struct Writer {
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    options: IpcWriteOptions,
    context: IpcWriteContext,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(false),
            options: IpcWriteOptions::default(),
            context: IpcWriteContext::default(),
        }
    }

    /// The first message of a stream. It has no descriptor: the client knows what it asked for.
    pub(super) fn schema(&mut self, schema: &Schema) -> FlightData {
        self.generator
            .schema_to_bytes_with_dictionary_tracker(schema, &mut self.dictionaries, &self.options)
            .into()
    }

    /// Adds the message of a batch, and before it those of dictionaries that it needs.
    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        out: &mut VecDeque<FlightData>,
    ) -> Result<(), ArrowError> {
        let (dictionaries, batch) = self.generator.encode(
            batch,
            &mut self.dictionaries,
            &self.options,
            &mut self.context,
        )?;
        out.extend(dictionaries.into_iter().map(FlightData::from));
        out.push_back(batch.into());
        Ok(())
    }
}
