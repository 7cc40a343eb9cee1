//! Arrays whose values lie apart from their rows: views, dictionaries, runs, list views. A slice of one holds the
//! values of the whole, and the writer would send all of them, so a small part gets values of its own here.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, GenericListViewArray, OffsetSizeTrait,
    PrimitiveArray, RunArray, UInt64Array, downcast_dictionary_array, make_array,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::take;
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, ByteViewType, DataType, FieldRef, RunEndIndexType,
};
use arrow::error::ArrowError;

use super::{Result, array};
use crate::encode::size::{dictionary_bytes, held_at_most};

/// A dictionary above this is cut down to the values that a batch uses. Below it, the whole is sent once for many
/// batches.
const LARGEST_WHOLE_DICTIONARY: usize = 1 << 20;

/// The largest message that the dictionaries of an array make, in bytes; zero when it has none.
pub(in crate::encode) fn largest_dictionary(array: &dyn Array) -> usize {
    let largest = |children: &[ArrayRef]| {
        let sizes = children.iter().map(|child| largest_dictionary(child));
        sizes.max().unwrap_or_default()
    };
    use DataType as T;
    match array.data_type() {
        T::Dictionary(_, _) => {
            let values = array.as_any_dictionary().values();
            dictionary_bytes(values).max(largest_dictionary(values))
        }
        T::RunEndEncoded(_, _)
        | T::List(_)
        | T::LargeList(_)
        | T::ListView(_)
        | T::LargeListView(_)
        | T::FixedSizeList(_, _)
        | T::Struct(_)
        | T::Map(_, _)
        | T::Union(_, _) => {
            let data = array.to_data();
            let children = data.child_data().iter().cloned().map(make_array);
            largest(&children.collect::<Vec<_>>())
        }
        _ => 0,
    }
}

/// Views of whose buffers most is used.
pub(super) fn views<T: ByteViewType>(from: &ArrayRef) -> ArrayRef {
    let views = from.as_byte_view::<T>();
    let buffers = views.data_buffers();
    let held: usize = buffers.iter().map(|buffer| buffer.len()).sum();
    if held > held_at_most(views) || buffers.len() > views.len() {
        return Arc::new(views.gc());
    }
    Arc::clone(from)
}

/// A dictionary, its values in their wire form.
pub(super) fn dictionary(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let whole = from.as_any_dictionary();
    let from = if dictionary_bytes(whole.values()) > LARGEST_WHOLE_DICTIONARY {
        used(from)?
    } else {
        Arc::clone(from)
    };
    let dictionary = from.as_any_dictionary();
    let values = array(dictionary.values(), to)?;
    if Arc::ptr_eq(&values, dictionary.values()) {
        return Ok(from);
    }
    Ok(dictionary.with_values(values))
}

/// The dictionary without the values that no row has.
fn used(dictionary: &ArrayRef) -> Result<ArrayRef> {
    let array: &dyn Array = dictionary;
    downcast_dictionary_array!(
        array => used_of(array),
        _ => Ok(Arc::clone(dictionary))
    )
}

fn used_of<K: ArrowDictionaryKeyType>(dictionary: &DictionaryArray<K>) -> Result<ArrayRef> {
    let places = dictionary.occupancy();
    let mut keys = vec![K::Native::default(); dictionary.values().len()];
    let mut kept = Vec::with_capacity(places.count_set_bits());
    for place in places.set_indices() {
        keys[place] = K::Native::from_usize(kept.len()).unwrap_or_default();
        kept.push(place as u64);
    }
    // The key of a null may be anything.
    let renamed = |key: K::Native| keys.get(key.as_usize()).copied().unwrap_or_default();
    let keys: PrimitiveArray<K> = dictionary.keys().unary(renamed);
    let values = take(dictionary.values(), &UInt64Array::from(kept), None)?;
    DictionaryArray::try_new(keys, values).map(|dictionary| Arc::new(dictionary) as _)
}

/// Runs, their values in their wire form, and only those of the rows.
pub(super) fn runs<R: RunEndIndexType>(
    from: &ArrayRef,
    to: &DataType,
    values: &FieldRef,
) -> Result<ArrayRef> {
    let runs: &RunArray<R> = from.as_run();
    let values = array(&runs.values_slice(), values.data_type())?;
    let ends: PrimitiveArray<R> = runs
        .run_ends()
        .sliced_values()
        .map(Some)
        .collect::<Vec<_>>()
        .into_iter()
        .collect();
    let data = arrow::array::ArrayData::builder(to.clone())
        .len(runs.len())
        .add_child_data(ends.into_data())
        .add_child_data(values.to_data());
    data.build().map(make_array)
}

/// List views with no more items than their rows have.
pub(super) fn list_view<O: OffsetSizeTrait>(from: &ArrayRef, item: &FieldRef) -> Result<ArrayRef> {
    let list = from.as_list_view::<O>();
    let wanted: usize = list.sizes().iter().map(|size| size.as_usize()).sum();
    let (offsets, values) = if wanted < list.values().len() {
        own_items(list)?
    } else {
        (list.offsets().clone(), Arc::clone(list.values()))
    };
    let values = array(&values, item.data_type())?;
    let nulls = list.nulls().cloned();
    GenericListViewArray::try_new(
        Arc::clone(item),
        offsets,
        list.sizes().clone(),
        values,
        nulls,
    )
    .map(|list| Arc::new(list) as _)
}

fn own_items<O: OffsetSizeTrait>(
    list: &GenericListViewArray<O>,
) -> Result<(ScalarBuffer<O>, ArrayRef)> {
    let mut items = Vec::new();
    let mut offsets = Vec::with_capacity(list.len());
    for (offset, size) in list.offsets().iter().zip(list.sizes()) {
        let offset_of = O::from_usize(items.len());
        offsets.push(offset_of.ok_or_else(too_many)?);
        let (start, size) = (offset.as_usize() as u64, size.as_usize() as u64);
        items.extend(start..start + size);
    }
    let values = take(list.values(), &UInt64Array::from(items), None)?;
    Ok((offsets.into(), values))
}

fn too_many() -> ArrowError {
    ArrowError::InvalidArgumentError("more items than the offsets of a list can count".to_owned())
}
