use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use arrow_flight::FlightData;
use arrow_flight::decode::{DecodedPayload, FlightDataDecoder};
use arrow_flight::error::FlightError;
use futures::{Stream, TryStreamExt};
use prost::Message;
use tonic::Status;

use crate::finding::{Finding, Outcome};

/// Most that is read of one answer, in bytes; no probe asks for as much.
const MAX_BYTES: usize = 128 << 20;

/// A stream of Arrow data, read to its end.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The schema message; absent when there was none.
    pub(crate) schema: Option<SchemaRef>,
    pub(crate) batches: Vec<RecordBatch>,
    /// Size of the largest message, in bytes.
    pub(crate) largest: usize,
}

impl Rows {
    pub(crate) async fn read(
        stream: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    ) -> Outcome<Self> {
        let mut decoder = FlightDataDecoder::new(stream.map_err(FlightError::from));
        let mut rows = Self {
            schema: None,
            batches: Vec::new(),
            largest: 0,
        };
        let mut total = 0;
        while let Some(message) = decoder.try_next().await? {
            let size = message.inner.encoded_len();
            rows.largest = rows.largest.max(size);
            total += size;
            if total > MAX_BYTES {
                return Err(Finding::broken(format_args!(
                    "more than {} MiB of data",
                    MAX_BYTES >> 20
                )));
            }
            match message.payload {
                DecodedPayload::None => {}
                DecodedPayload::Schema(schema) => rows.schema = Some(schema),
                DecodedPayload::RecordBatch(batch) => rows.batches.push(batch),
            }
        }
        Ok(rows)
    }

    pub(crate) fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The schema, which every stream must begin with.
    pub(crate) fn schema(&self) -> Outcome<&SchemaRef> {
        let missing = || Finding::broken("the stream has no schema message");
        self.schema.as_ref().ok_or_else(missing)
    }

    /// The first value of the first column as text.
    pub(crate) fn first(&self) -> Outcome<String> {
        let batch = self.batches.iter().find(|batch| batch.num_rows() > 0);
        match batch {
            Some(batch) if batch.num_columns() > 0 => {
                Ok(array_value_to_string(batch.column(0), 0)?)
            }
            _ => Err(Finding::broken("no row came back")),
        }
    }

    /// A column of text, by name; nulls and other types are left out.
    pub(crate) fn texts(&self, name: &str) -> Vec<Option<String>> {
        let mut texts = Vec::new();
        for batch in &self.batches {
            let column = batch.column_by_name(name);
            for row in 0..batch.num_rows() {
                let value = column.filter(|column| !column.is_null(row));
                texts.push(value.and_then(|column| array_value_to_string(column, row).ok()));
            }
        }
        texts
    }
}
