use arrow::array::{
    Array, AsArray, GenericByteArray, GenericListArray, OffsetSizeTrait, RecordBatch, UnionArray,
};
use arrow::datatypes::{
    ArrowNativeType, BinaryType, ByteArrayType, DataType, LargeBinaryType, LargeUtf8Type,
    UnionMode, Utf8Type,
};

/// A buffer's padding to 64 bytes, and its place in the message's header.
const BUFFER: usize = 63 + 16;
/// An array's place in the message's header.
const NODE: usize = 16;
/// The rest of the header and of the frame.
const MESSAGE: usize = 512;

/// How many bytes the message of this batch has, or will have in wire form: never fewer, except that the values of
/// dictionaries, runs and list views count with their average.
pub(super) fn message_bytes(batch: &RecordBatch) -> usize {
    let columns = batch.columns().iter();
    MESSAGE + columns.map(|column| bytes(column)).sum::<usize>()
}

fn bytes(array: &dyn Array) -> usize {
    let rows = array.len();
    let validity = array.nulls().map_or(0, |_| rows.div_ceil(8)) + BUFFER;
    NODE + validity + values(array)
}

fn values(array: &dyn Array) -> usize {
    use DataType as T;
    let rows = array.len();
    match array.data_type() {
        T::Null => 0,
        T::Boolean => rows.div_ceil(8) + BUFFER,
        T::Float16 => rows * 4 + BUFFER,
        T::Decimal32(_, _) | T::Decimal64(_, _) => rows * 16 + BUFFER,
        T::FixedSizeBinary(width) => rows * usize::try_from(*width).unwrap_or_default() + BUFFER,
        T::Utf8 => byte_array::<Utf8Type>(array.as_bytes()),
        T::Binary => byte_array::<BinaryType>(array.as_bytes()),
        T::LargeUtf8 => byte_array::<LargeUtf8Type>(array.as_bytes()),
        T::LargeBinary => byte_array::<LargeBinaryType>(array.as_bytes()),
        T::Utf8View => views(rows, array.as_string_view().lengths()),
        T::BinaryView => views(rows, array.as_binary_view().lengths()),
        T::List(_) => list(array.as_list::<i32>()),
        T::LargeList(_) => list(array.as_list::<i64>()),
        T::ListView(_) => {
            let list = array.as_list_view::<i32>();
            let items = list.sizes().iter().map(|size| size.as_usize()).sum();
            offsets::<i32>(rows) + average(list.values(), items)
        }
        T::LargeListView(_) => {
            let list = array.as_list_view::<i64>();
            let items = list.sizes().iter().map(|size| size.as_usize()).sum();
            offsets::<i64>(rows) + average(list.values(), items)
        }
        T::FixedSizeList(_, _) => bytes(array.as_fixed_size_list().values()),
        T::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| bytes(column)).sum()
        }
        T::Map(_, _) => {
            let map = array.as_map();
            offsets::<i32>(rows) + range(map.entries(), map.offsets())
        }
        T::Union(_, mode) => union(array.as_union(), *mode),
        T::Dictionary(_, _) => average(array.as_any_dictionary().values(), rows),
        T::RunEndEncoded(_, _) => run_values(array).map_or(0, |values| average(&values, rows)),
        fixed => rows * fixed.primitive_width().unwrap_or_default() + BUFFER,
    }
}

fn byte_array<T: ByteArrayType>(array: &GenericByteArray<T>) -> usize {
    let offsets_of = array.value_offsets();
    let span = match (offsets_of.first(), offsets_of.last()) {
        (Some(first), Some(last)) => last.as_usize() - first.as_usize(),
        _ => 0,
    };
    offsets::<T::Offset>(array.len()) + span + BUFFER
}

fn views(rows: usize, lengths: impl Iterator<Item = u32>) -> usize {
    let span: u64 = lengths.map(u64::from).sum();
    offsets::<i32>(rows) + usize::try_from(span).unwrap_or(usize::MAX / 2) + BUFFER
}

fn list<O: OffsetSizeTrait>(array: &GenericListArray<O>) -> usize {
    offsets::<O>(array.len()) + range(array.values(), array.offsets())
}

fn union(union: &UnionArray, mode: UnionMode) -> usize {
    let fields = union.fields();
    let children: Vec<_> = fields.iter().map(|(id, _)| union.child(id)).collect();
    let whole: usize = children.iter().map(|child| bytes(child)).sum();
    match mode {
        UnionMode::Sparse => union.len() + BUFFER + whole,
        // Which child a row uses is not worth a walk over the rows: a slice is taken for its share of the whole.
        UnionMode::Dense => {
            let held = children.iter().map(|child| child.len()).sum();
            union.len() * 5 + 2 * BUFFER + share(whole, union.len(), held)
        }
    }
}

fn offsets<O: OffsetSizeTrait>(rows: usize) -> usize {
    (rows + 1) * size_of::<O>() + BUFFER
}

fn range<O: OffsetSizeTrait>(values: &dyn Array, offsets: &[O]) -> usize {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (first.as_usize(), last.as_usize());
            bytes(&values.slice(first, last - first))
        }
        _ => 0,
    }
}

fn average(values: &dyn Array, items: usize) -> usize {
    share(bytes(values), items, values.len())
}

fn share(whole: usize, items: usize, of: usize) -> usize {
    if of == 0 {
        return NODE + 2 * BUFFER;
    }
    let exact = (whole as u128) * (items as u128) / (of as u128);
    usize::try_from(exact).unwrap_or(usize::MAX / 2) + NODE + 2 * BUFFER
}

fn run_values(array: &dyn Array) -> Option<arrow::array::ArrayRef> {
    use arrow::array::RunArray;
    use arrow::datatypes::{Int16Type, Int32Type, Int64Type};
    let any = array.as_any();
    if let Some(runs) = any.downcast_ref::<RunArray<Int16Type>>() {
        return Some(runs.values_slice());
    }
    if let Some(runs) = any.downcast_ref::<RunArray<Int32Type>>() {
        return Some(runs.values_slice());
    }
    let runs = any.downcast_ref::<RunArray<Int64Type>>()?;
    Some(runs.values_slice())
}

#[cfg(test)]
mod tests;
