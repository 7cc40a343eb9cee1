//! Columns of the profile `compact`, from a value for every row to runs and dictionaries.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, DictionaryArray, Int16Array, Int32Array, RecordBatch,
    RecordBatchOptions, UInt32Array, make_array,
};
use arrow::compute::{cast, concat, partition, take};
use arrow::datatypes::{DataType, Int16Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, SortField};

use super::WireSchema;

type Result<T> = std::result::Result<T, ArrowError>;

/// The most rows of a batch with dictionaries: so many values always fit their keys of 16 bits.
const MOST_ROWS: usize = i16::MAX as usize;

/// Above this a dictionary is begun anew: the client holds all of it. In bytes.
const LARGEST_DICTIONARY: usize = 1 << 20;

/// What a run takes besides its value, and a column of runs besides them, in bytes.
const RUN: usize = 4;
const RUNS: usize = 256;

/// Gives the columns of one stream their shapes.
#[derive(Debug)]
pub(super) struct Shaper {
    schema: SchemaRef,
    columns: Vec<Shaped>,
    runs: usize,
    dictionaries: usize,
}

#[derive(Debug)]
enum Shaped {
    Plain,
    /// The type of the runs.
    Runs(DataType),
    Dictionary(Growing),
}

impl Shaper {
    pub(super) fn new(schema: &WireSchema) -> Self {
        let fields = schema.schema().fields().iter().zip(schema.plain().fields());
        let columns = fields.map(|(to, from)| match to.data_type() {
            same if same == from.data_type() => Shaped::Plain,
            DataType::RunEndEncoded(_, _) => Shaped::Runs(to.data_type().clone()),
            _ => Shaped::Dictionary(Growing::default()),
        });
        let columns: Vec<_> = columns.collect();
        let count = |is: fn(&Shaped) -> bool| columns.iter().filter(|shaped| is(shaped)).count();
        Self {
            runs: count(|shaped| matches!(shaped, Shaped::Runs(_))),
            dictionaries: count(|shaped| matches!(shaped, Shaped::Dictionary(_))),
            schema: Arc::clone(schema.schema()),
            columns,
        }
    }

    /// The most rows that a batch may have.
    pub(super) fn most_rows(&self) -> usize {
        if self.dictionaries > 0 {
            MOST_ROWS
        } else {
            usize::MAX
        }
    }

    /// The most bytes that a message of so many rows has more than it would have without shapes: where every row is a run
    /// of its own. A dictionary has no more, since its values travel in another message.
    pub(super) fn more_bytes(&self, rows: usize) -> usize {
        self.runs * (rows * RUN + RUNS)
    }

    /// The batch in its shapes.
    ///
    /// # Errors
    /// When it has another schema than the stream, or more than [`Self::most_rows`].
    pub(super) fn shape(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch.columns().iter().zip(&mut self.columns);
        let columns = columns.map(|(column, shape)| match shape {
            Shaped::Plain => Ok(Arc::clone(column)),
            Shaped::Runs(to) => runs(column, to),
            Shaped::Dictionary(growing) => growing.dictionary(column),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = columns.collect::<Result<_>>()?;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

fn runs(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let ranges = partition(std::slice::from_ref(column))?.ranges();
    let count = |row: usize| {
        i32::try_from(row).map_err(|e| ArrowError::InvalidArgumentError(e.to_string()))
    };
    let ends = ranges.iter().map(|range| count(range.end));
    let ends = Int32Array::from(ends.collect::<Result<Vec<_>>>()?);
    let starts = ranges.iter().map(|range| count(range.start));
    let starts = Int32Array::from(starts.collect::<Result<Vec<_>>>()?);
    let values = take(column, &starts, None)?;
    let data = ArrayData::builder(to.clone())
        .len(column.len())
        .add_child_data(ends.into_data())
        .add_child_data(values.to_data());
    data.build().map(make_array)
}

/// A dictionary that gets the values that it does not have yet at its end. When it has become too large it is begun anew
/// with those of the batch at hand, and the client is sent that one in the place of the other: it is right whatever comes.
#[derive(Debug, Default)]
struct Growing(Option<Held>);

#[derive(Debug)]
struct Held {
    converter: RowConverter,
    keys: HashMap<OwnedRow, i16>,
    values: ArrayRef,
}

impl Growing {
    fn dictionary(&mut self, column: &ArrayRef) -> Result<ArrayRef> {
        let kind = DataType::Dictionary(
            Box::new(DataType::Int16),
            Box::new(column.data_type().clone()),
        );
        let own = cast(column, &kind)?;
        let own = own.as_dictionary::<Int16Type>();
        let mut held = match self.0.take() {
            Some(held) => held,
            None => Held::new(column)?,
        };
        let keys = match held.keys_of(own.values())? {
            Some(keys) => keys,
            None => {
                held = Held::new(column)?;
                held.keys_of(own.values())?.ok_or_else(too_many)?
            }
        };
        let place = |key: i16| {
            let key = usize::try_from(key).unwrap_or_default();
            // The key of a null may be anything.
            keys.get(key).copied().unwrap_or_default()
        };
        let renamed: Int16Array = own.keys().unary(place);
        let values = Arc::clone(&held.values);
        self.0 = Some(held);
        DictionaryArray::try_new(renamed, values).map(|dictionary| Arc::new(dictionary) as _)
    }
}

impl Held {
    /// One without values.
    fn new(column: &ArrayRef) -> Result<Self> {
        let field = SortField::new(column.data_type().clone());
        Ok(Self {
            converter: RowConverter::new(vec![field])?,
            keys: HashMap::new(),
            values: column.slice(0, 0),
        })
    }

    /// The keys of distinct values, new ones added; `None` when that would make it too large.
    fn keys_of(&mut self, values: &ArrayRef) -> Result<Option<Vec<i16>>> {
        let rows = self
            .converter
            .convert_columns(std::slice::from_ref(values))?;
        let mut keys = Vec::with_capacity(values.len());
        let (mut places, mut added) = (Vec::new(), Vec::new());
        for (at, row) in (0_u32..).zip(rows.iter()) {
            let row = row.owned();
            if let Some(key) = self.keys.get(&row) {
                keys.push(*key);
                continue;
            }
            let Ok(key) = i16::try_from(self.keys.len() + added.len()) else {
                return Ok(None);
            };
            keys.push(key);
            places.push(at);
            added.push((row, key));
        }
        if added.is_empty() {
            return Ok(Some(keys));
        }
        let more = take(values, &UInt32Array::from(places), None)?;
        let bytes = bytes_of(&self.values)?.saturating_add(bytes_of(&more)?);
        if bytes > LARGEST_DICTIONARY && !self.values.is_empty() {
            return Ok(None);
        }
        self.values = concat(&[self.values.as_ref(), more.as_ref()])?;
        self.keys.extend(added);
        Ok(Some(keys))
    }
}

fn bytes_of(values: &ArrayRef) -> Result<usize> {
    values.to_data().get_slice_memory_size()
}

fn too_many() -> ArrowError {
    ArrowError::InvalidArgumentError("more rows in a batch than a dictionary has keys".to_owned())
}
