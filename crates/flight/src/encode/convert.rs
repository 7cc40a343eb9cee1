use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, Int32Array, MapArray,
    OffsetSizeTrait, RecordBatch, RecordBatchOptions, StructArray, UnionArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{
    BinaryViewType, DataType, FieldRef, Fields, Int16Type, Int32Type, Int64Type, StringViewType,
    UnionFields, UnionMode,
};
use arrow::error::ArrowError;

use super::WireSchema;

mod apart;

pub(super) use apart::largest_dictionary;

type Result<T> = std::result::Result<T, ArrowError>;

/// The batch in its wire form, before columns get their shapes. Work is in proportion to the rows of the batch, even when it is a slice of a large one.
///
/// # Errors
/// When the batch does not have the schema that the wire schema was made from, or holds nulls where that has none.
pub(super) fn convert(batch: &RecordBatch, to: &WireSchema) -> Result<RecordBatch> {
    let fields = to.plain().fields();
    if fields.len() != batch.num_columns() {
        return Err(mismatch(batch.num_columns(), fields.len()));
    }
    let columns = batch.columns().iter().zip(fields);
    let columns = columns.map(|(column, field)| array(column, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        Arc::clone(to.plain()),
        columns.collect::<Result<_>>()?,
        &options,
    )
}

fn array(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if from.data_type() == to && !may_hold_more(to) {
        return Ok(Arc::clone(from));
    }
    match (from.data_type(), to) {
        (DataType::Utf8View, DataType::Utf8View) => Ok(apart::views::<StringViewType>(from)),
        (DataType::BinaryView, DataType::BinaryView) => Ok(apart::views::<BinaryViewType>(from)),
        (DataType::Dictionary(keys, _), DataType::Dictionary(wanted, values)) if keys == wanted => {
            apart::dictionary(from, values)
        }
        (DataType::RunEndEncoded(_, _), DataType::RunEndEncoded(ends, values)) => {
            match ends.data_type() {
                DataType::Int16 => apart::runs::<Int16Type>(from, to, values),
                DataType::Int32 => apart::runs::<Int32Type>(from, to, values),
                _ => apart::runs::<Int64Type>(from, to, values),
            }
        }
        (DataType::ListView(_), DataType::ListView(item)) => apart::list_view::<i32>(from, item),
        (DataType::LargeListView(_), DataType::LargeListView(item)) => {
            apart::list_view::<i64>(from, item)
        }
        (DataType::Dictionary(_, _), _) => {
            let dictionary = from.as_any_dictionary();
            array(&take(dictionary.values(), dictionary.keys(), None)?, to)
        }
        (DataType::RunEndEncoded(_, values), _) => array(&cast(from, values.data_type())?, to),
        (DataType::ListView(item), DataType::List(_)) => {
            array(&cast(from, &DataType::List(Arc::clone(item)))?, to)
        }
        (DataType::LargeListView(item), DataType::LargeList(_)) => {
            array(&cast(from, &DataType::LargeList(Arc::clone(item)))?, to)
        }
        (DataType::List(_), DataType::List(item)) => list::<i32>(from, item),
        (DataType::LargeList(_), DataType::LargeList(item)) => list::<i64>(from, item),
        (DataType::FixedSizeList(_, _), DataType::FixedSizeList(item, size)) => {
            fixed_size_list(from, item, *size)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => structure(from, fields),
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => map(from, entries, *sorted),
        (DataType::Union(_, _), DataType::Union(fields, mode)) => union(from, fields, *mode),
        (_, _) => cast(from, to),
    }
}

fn cast(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    // A value that does not fit is an error, never a null that nobody asked for.
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(from, to, &options)
}

fn list<O: OffsetSizeTrait>(from: &ArrayRef, item: &FieldRef) -> Result<ArrayRef> {
    let list = from.as_list::<O>();
    let (offsets, values) = window(list.offsets(), list.values());
    let values = array(&values, item.data_type())?;
    let nulls = list.nulls().cloned();
    GenericListArray::try_new(Arc::clone(item), offsets, values, nulls)
        .map(|list| Arc::new(list) as _)
}

fn map(from: &ArrayRef, entries: &FieldRef, sorted: bool) -> Result<ArrayRef> {
    let map = from.as_map();
    let all: ArrayRef = Arc::new(map.entries().clone());
    let (offsets, values) = window(map.offsets(), &all);
    let values = array(&values, entries.data_type())?;
    let values = values.as_struct().clone();
    let nulls = map.nulls().cloned();
    MapArray::try_new(Arc::clone(entries), offsets, values, nulls, sorted)
        .map(|map| Arc::new(map) as _)
}

fn fixed_size_list(from: &ArrayRef, item: &FieldRef, size: i32) -> Result<ArrayRef> {
    let list = from.as_fixed_size_list();
    let values = array(list.values(), item.data_type())?;
    let nulls = list.nulls().cloned();
    FixedSizeListArray::try_new_with_length(Arc::clone(item), size, values, nulls, list.len())
        .map(|list| Arc::new(list) as _)
}

fn structure(from: &ArrayRef, fields: &Fields) -> Result<ArrayRef> {
    let from = from.as_struct();
    if from.num_columns() != fields.len() {
        return Err(mismatch(from.num_columns(), fields.len()));
    }
    let columns = from.columns().iter().zip(fields);
    let columns = columns.map(|(column, field)| array(column, field.data_type()));
    let columns = columns.collect::<Result<_>>()?;
    let nulls = from.nulls().cloned();
    StructArray::try_new_with_length(fields.clone(), columns, nulls, from.len())
        .map(|structure| Arc::new(structure) as _)
}

fn union(from: &ArrayRef, fields: &UnionFields, mode: UnionMode) -> Result<ArrayRef> {
    let union = from.as_union();
    let type_ids = union.type_ids().clone();
    let (offsets, children) = match mode {
        UnionMode::Sparse => {
            let children = fields.iter();
            let children = children.map(|(id, field)| array(union.child(id), field.data_type()));
            (None, children.collect::<Result<Vec<_>>>()?)
        }
        UnionMode::Dense => {
            let (offsets, children) = dense(union, fields)?;
            (Some(offsets), children)
        }
    };
    UnionArray::try_new(fields.clone(), type_ids, offsets, children)
        .map(|union| Arc::new(union) as _)
}

/// The children of a dense union with no more than the values that its rows use: a slice shares the children of the
/// whole, and the writer sends children whole.
fn dense(union: &UnionArray, fields: &UnionFields) -> Result<(ScalarBuffer<i32>, Vec<ArrayRef>)> {
    let mut used: [Vec<i32>; 128] = std::array::from_fn(|_| Vec::new());
    let rows = (0..union.len()).map(|row| {
        let id = usize::try_from(union.type_id(row)).unwrap_or_default();
        let at = i32::try_from(union.value_offset(row))?;
        let offset = i32::try_from(used[id].len())?;
        used[id].push(at);
        Ok::<_, std::num::TryFromIntError>(offset)
    });
    let offsets = rows
        .collect::<std::result::Result<Vec<i32>, _>>()
        .map_err(|e| ArrowError::InvalidArgumentError(e.to_string()))?;
    let children = fields.iter().map(|(id, field)| {
        let child = union.child(id);
        let wanted = std::mem::take(&mut used[usize::try_from(id).unwrap_or_default()]);
        let whole = wanted.len() == child.len()
            && (0i32..)
                .zip(&wanted)
                .all(|(index, wanted)| index == *wanted);
        if whole {
            return array(child, field.data_type());
        }
        array(
            &take(child, &Int32Array::from(wanted), None)?,
            field.data_type(),
        )
    });
    let children = children.collect::<Result<Vec<_>>>()?;
    Ok((ScalarBuffer::from(offsets), children))
}

/// The part of `values` that the offsets refer to, and the offsets into that.
fn window<O: OffsetSizeTrait>(
    offsets: &OffsetBuffer<O>,
    values: &ArrayRef,
) -> (OffsetBuffer<O>, ArrayRef) {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return (OffsetBuffer::new_empty(), values.slice(0, 0));
    };
    let (start, end) = (first.as_usize(), last.as_usize());
    if start == 0 && end == values.len() {
        return (offsets.clone(), Arc::clone(values));
    }
    let shifted = offsets.iter().map(|offset| *offset - first);
    let shifted = OffsetBuffer::new(shifted.collect());
    (shifted, values.slice(start, end - start))
}

/// Whether an array of that type may hold, and the writer would send, values that none of its rows has.
fn may_hold_more(data_type: &DataType) -> bool {
    use DataType as T;
    match data_type {
        T::Union(_, _) | T::Utf8View | T::BinaryView => true,
        T::Dictionary(_, _) | T::ListView(_) | T::LargeListView(_) => true,
        T::List(item)
        | T::LargeList(item)
        | T::FixedSizeList(item, _)
        | T::Map(item, _)
        | T::RunEndEncoded(_, item) => may_hold_more(item.data_type()),
        T::Struct(fields) => fields.iter().any(|field| may_hold_more(field.data_type())),
        _ => false,
    }
}

fn mismatch(found: usize, expected: usize) -> ArrowError {
    ArrowError::SchemaError(format!("{found} columns where {expected} were described"))
}

#[cfg(test)]
mod tests;
