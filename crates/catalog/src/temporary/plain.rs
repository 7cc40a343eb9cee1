//! Types as they are kept: no dictionaries, no views, no runs, which may hold on to more memory than their rows need.

use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayData, ArrayRef, MutableArrayData, make_array};
use datafusion::arrow::compute::can_cast_types;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

/// The columns of a temporary table that keeps rows of this schema: plain types, without metadata.
pub fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        Field::new(
            field.name(),
            plain_type(field.data_type()),
            field.is_nullable(),
        )
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The type that values of this type are kept as.
pub fn plain_type(data_type: &DataType) -> DataType {
    let plain = written_out(data_type);
    if can_cast_types(data_type, &plain) {
        plain
    } else {
        data_type.clone()
    }
}

fn written_out(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => written_out(values),
        DataType::RunEndEncoded(_, values) => written_out(values.data_type()),
        DataType::List(item) | DataType::ListView(item) => DataType::List(item_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => {
            DataType::LargeList(item_field(item))
        }
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(item_field(item), *size),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(item_field).collect::<Fields>())
        }
        DataType::Map(entries, sorted) => DataType::Map(item_field(entries), *sorted),
        other => other.clone(),
    }
}

fn item_field(field: &FieldRef) -> FieldRef {
    let plain = written_out(field.data_type());
    if plain == *field.data_type() {
        return Arc::clone(field);
    }
    Arc::new(field.as_ref().clone().with_data_type(plain))
}

/// The columns of a batch in buffers that are no larger than its rows need, with the number of their bytes: as they are
/// where they share such buffers among themselves, as those of an uploaded message do, else each in buffers of its own.
pub(super) fn compact(columns: &[ArrayRef]) -> Result<(Vec<ArrayRef>, usize), ArrowError> {
    let mut shared = Held::default();
    let mut needed = 0;
    for column in columns {
        let data = column.to_data();
        needed += data.get_slice_memory_size()?;
        shared.add(&data);
    }
    if is_close(shared.bytes, needed, columns.len()) {
        return Ok((columns.to_vec(), shared.bytes));
    }
    let mut held = 0;
    let columns = columns.iter().map(|column| {
        let (column, bytes) = alone(column)?;
        held += bytes;
        Ok(column)
    });
    let columns = columns.collect::<Result<_, ArrowError>>()?;
    Ok((columns, held))
}

/// The allocations that some columns hold on to, each counted once.
#[derive(Default)]
struct Held {
    allocations: HashSet<NonNull<u8>>,
    bytes: usize,
}

impl Held {
    fn add(&mut self, data: &ArrayData) {
        let nulls = data.nulls().map(|nulls| nulls.buffer());
        for buffer in data.buffers().iter().chain(nulls) {
            if self.allocations.insert(buffer.data_ptr()) {
                self.bytes += buffer.capacity();
            }
        }
        for child in data.child_data() {
            self.add(child);
        }
    }
}

/// Whether what is held is so little more than what is needed that a copy is not worth it.
fn is_close(held: usize, needed: usize, columns: usize) -> bool {
    held <= needed
        .saturating_add(needed / 8)
        .saturating_add(256 * columns)
}

fn alone(column: &ArrayRef) -> Result<(ArrayRef, usize), ArrowError> {
    let data = column.to_data();
    let held = column.get_buffer_memory_size();
    if is_close(held, data.get_slice_memory_size()?, 1) {
        return Ok((Arc::clone(column), held));
    }
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    let column = make_array(copy.freeze());
    let held = column.get_buffer_memory_size();
    Ok((column, held))
}
