//! How many bytes an array takes where every row has its own value: Arrow's classic layout without padding.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, GenericByteArray, GenericByteViewArray, Int32Array, OffsetSizeTrait,
    UnionArray, make_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{
    BinaryType, BinaryViewType, ByteArrayType, ByteViewType, DataType, LargeBinaryType,
    LargeUtf8Type, StringViewType, UnionMode, Utf8Type,
};
use arrow::error::ArrowError;

type Result<T> = std::result::Result<T, ArrowError>;

/// The bytes of an array: its values, offsets and type ids, and one bit a row where some are null. Rows of dictionaries
/// and runs count with the values that they stand for, views as the strings that they show.
///
/// # Errors
/// When there are more values than Arrow's kernels can unfold at once.
pub(super) fn bytes(array: &dyn Array) -> Result<u64> {
    match array.data_type() {
        // Their nulls are those of their values.
        DataType::Dictionary(_, _) | DataType::RunEndEncoded(_, _) => {
            bytes(&unfolded(&make_array(array.to_data()))?)
        }
        _ => Ok(validity(array) + values(array)?),
    }
}

/// The array with a value in every row.
///
/// # Errors
/// As [`bytes`].
pub(crate) fn unfolded(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            unfolded(&take(dictionary.values(), dictionary.keys(), None)?)
        }
        DataType::RunEndEncoded(_, values) => unfolded(&cast(array, values.data_type())?),
        _ => Ok(ArrayRef::clone(array)),
    }
}

/// One bit a row, where some are null.
pub(super) fn validity(array: &dyn Array) -> u64 {
    if array.null_count() > 0 {
        bits(array.len())
    } else {
        0
    }
}

fn values(array: &dyn Array) -> Result<u64> {
    use DataType as T;
    let rows = array.len() as u64;
    Ok(match array.data_type() {
        T::Null => 0,
        T::Boolean => bits(array.len()),
        T::FixedSizeBinary(width) => rows * u64::try_from(*width).unwrap_or_default(),
        T::Utf8 => byte_array::<Utf8Type>(array.as_bytes()),
        T::Binary => byte_array::<BinaryType>(array.as_bytes()),
        T::LargeUtf8 => byte_array::<LargeUtf8Type>(array.as_bytes()),
        T::LargeBinary => byte_array::<LargeBinaryType>(array.as_bytes()),
        T::Utf8View => views::<StringViewType>(array.as_byte_view()),
        T::BinaryView => views::<BinaryViewType>(array.as_byte_view()),
        T::List(_) => {
            let list = array.as_list::<i32>();
            offsets::<i32>(array.len()) + within(list.values(), list.offsets())?
        }
        T::LargeList(_) => {
            let list = array.as_list::<i64>();
            offsets::<i64>(array.len()) + within(list.values(), list.offsets())?
        }
        T::ListView(item) => values(&cast(array, &T::List(Arc::clone(item)))?)?,
        T::LargeListView(item) => values(&cast(array, &T::LargeList(Arc::clone(item)))?)?,
        T::FixedSizeList(_, _) => bytes(array.as_fixed_size_list().values())?,
        T::Map(_, _) => {
            let map = array.as_map();
            offsets::<i32>(array.len()) + within(map.entries(), map.offsets())?
        }
        T::Struct(_) => {
            let columns = array.as_struct().columns().iter();
            columns.map(|column| bytes(column)).sum::<Result<u64>>()?
        }
        T::Union(_, mode) => union(array.as_union(), *mode)?,
        fixed => rows * fixed.primitive_width().unwrap_or_default() as u64,
    })
}

fn bits(rows: usize) -> u64 {
    rows.div_ceil(8) as u64
}

fn offsets<O: OffsetSizeTrait>(rows: usize) -> u64 {
    ((rows + 1) * size_of::<O>()) as u64
}

fn byte_array<T: ByteArrayType>(array: &GenericByteArray<T>) -> u64 {
    use arrow::datatypes::ArrowNativeType;
    let lengths = array.offsets().lengths().enumerate();
    // What lies behind a null is nobody's value.
    let lengths = lengths.map(|(row, length)| if array.is_valid(row) { length } else { 0 });
    let width = T::Offset::get_byte_width();
    (lengths.sum::<usize>() + (array.len() + 1) * width) as u64
}

fn views<T: ByteViewType>(array: &GenericByteViewArray<T>) -> u64 {
    let lengths = array.lengths().enumerate();
    let lengths = lengths.map(|(row, length)| {
        if array.is_valid(row) {
            u64::from(length)
        } else {
            0
        }
    });
    lengths.sum::<u64>() + offsets::<i32>(array.len())
}

/// The bytes of the items that the offsets refer to.
fn within<O: OffsetSizeTrait>(items: &dyn Array, offsets: &[O]) -> Result<u64> {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (first.as_usize(), last.as_usize());
            bytes(&items.slice(first, last - first))
        }
        _ => Ok(0),
    }
}

fn union(union: &UnionArray, mode: UnionMode) -> Result<u64> {
    let rows = union.len() as u64;
    let mut total = match mode {
        UnionMode::Sparse => rows,
        UnionMode::Dense => rows * 5,
    };
    for (id, _) in union.fields().iter() {
        let child = union.child(id);
        total += match mode {
            UnionMode::Sparse => bytes(child)?,
            // A slice shares the children of the whole: only what its rows refer to counts.
            UnionMode::Dense => {
                let mine = (0..union.len()).filter(|row| union.type_id(*row) == id);
                let places = mine.map(|row| i32::try_from(union.value_offset(row)).ok());
                bytes(&take(child, &Int32Array::from_iter(places), None)?)?
            }
        };
    }
    Ok(total)
}
