use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{
    DictionaryHandling, DictionaryTracker, IpcDataGenerator, IpcWriteOptions, StreamEncoder,
};
use godwit_config::WireCompression;

use super::message::{Message, messages};

/// Writes the messages of one stream: the schema, then batches. All that knows how bytes are laid out, so that another
/// way of framing needs to replace nothing else.
pub(super) struct Writer {
    encoder: StreamEncoder,
    options: IpcWriteOptions,
    /// The encoder writes the schema before its first batch, and here it went out already.
    began: bool,
}

impl Writer {
    /// `grows` says that dictionaries get values more while rows are sent: then only those are sent.
    ///
    /// # Errors
    /// When the codec is not built in, or the schema cannot be said in a message.
    pub(super) fn new(
        schema: &Schema,
        compression: WireCompression,
        grows: bool,
    ) -> Result<Self, ArrowError> {
        let codec = match compression {
            WireCompression::None => None,
            WireCompression::Lz4 => Some(CompressionType::LZ4_FRAME),
            WireCompression::Zstd => Some(CompressionType::ZSTD),
        };
        let handling = if grows {
            DictionaryHandling::Delta
        } else {
            DictionaryHandling::Resend
        };
        let options = IpcWriteOptions::default()
            .with_dictionary_handling(handling)
            .try_with_compression(codec)?;
        Ok(Self {
            encoder: StreamEncoder::try_new_with_options(schema, options.clone())?,
            options,
            began: false,
        })
    }

    /// The first message of a stream. It has no descriptor: the client knows what it asked for.
    pub(super) fn schema(&self, schema: &Schema) -> Message {
        let encoded = IpcDataGenerator::default().schema_to_bytes_with_dictionary_tracker(
            schema,
            &mut DictionaryTracker::new(false),
            &self.options,
        );
        Message {
            header: encoded.ipc_message.into(),
            body: Vec::new(),
        }
    }

    /// Adds the message of a batch, and before it those of the dictionaries that the client does not have: a dictionary
    /// is sent once, and again as a whole when its values are others. What one has more is sent alone, if it grows.
    pub(super) fn batch(
        &mut self,
        batch: &RecordBatch,
        out: &mut VecDeque<Message>,
    ) -> Result<(), ArrowError> {
        let encoded = messages(self.encoder.encode(batch)?)?;
        let schema = usize::from(!std::mem::replace(&mut self.began, true));
        out.extend(encoded.into_iter().skip(schema));
        Ok(())
    }
}
