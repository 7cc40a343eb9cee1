use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use godwit_config::WireCompression;

/// Writes the messages of one stream: the schema, then batches. All that knows how bytes are laid out, so that another
/// way of framing needs to replace nothing else.
pub(super) struct Writer {
    generator: IpcDataGenerator,
    dictionaries: DictionaryTracker,
    options: IpcWriteOptions,
    context: IpcWriteContext,
}

impl Writer {
    /// # Errors
    /// When the codec is not built in.
    pub(super) fn new(compression: WireCompression) -> Result<Self, ArrowError> {
        let codec = match compression {
            WireCompression::None => None,
            WireCompression::Lz4 => Some(CompressionType::LZ4_FRAME),
            WireCompression::Zstd => Some(CompressionType::ZSTD),
        };
        Ok(Self {
            generator: IpcDataGenerator::default(),
            dictionaries: DictionaryTracker::new(false),
            options: IpcWriteOptions::default().try_with_compression(codec)?,
            context: IpcWriteContext::default(),
        })
    }

    /// The first message of a stream. It has no descriptor: the client knows what it asked for.
    pub(super) fn schema(&mut self, schema: &Schema) -> FlightData {
        self.generator
            .schema_to_bytes_with_dictionary_tracker(schema, &mut self.dictionaries, &self.options)
            .into()
    }

    /// Adds the message of a batch, and before it those of the dictionaries that the client does not have: a dictionary
    /// is sent once, and again as a whole when its values are others.
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
