//! Types as they are kept: no dictionaries, no views, no runs, which may hold on to more memory than their rows need.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, MutableArrayData, make_array};
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

/// The column in buffers of its own that are no larger than its rows need, with the number of their bytes. Columns of an
/// uploaded message are copied too, although they need all of it: the allocator gives blocks of that size back to the system
/// whenever a table is dropped, and to have them again costs more than the copy (1.2 s/GB of processor time beside 0.75).
pub(super) fn compact(column: &ArrayRef) -> Result<(ArrayRef, usize), ArrowError> {
    let held = column.get_buffer_memory_size();
    let needed = column.to_data().get_slice_memory_size()?;
    if held <= needed.saturating_add(needed / 8).saturating_add(256) {
        return Ok((Arc::clone(column), held));
    }
    let data = column.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    copy.try_extend(0, 0, data.len())?;
    let column = make_array(copy.freeze());
    let held = column.get_buffer_memory_size();
    Ok((column, held))
}
