use arrow::array::{
    Array, ArrayRef, AsArray, GenericByteArray, GenericByteViewArray, GenericListArray,
    GenericListViewArray, OffsetSizeTrait, RecordBatch, RunArray, UnionArray,
};
use arrow::datatypes::{
    ArrowNativeType, BinaryType, BinaryViewType, ByteArrayType, ByteViewType, DataType, Int16Type,
    Int32Type, Int64Type, LargeBinaryType, LargeUtf8Type, RunEndIndexType, StringViewType,
    UnionMode, Utf8Type,
};
use godwit_config::WireProfile as Profile;

/// A buffer's padding to 64 bytes, its place in the message's header, and the length that stands before a compressed
/// one. A buffer that does not become smaller is sent as it is, so compression adds nothing else.
const BUFFER: usize = 63 + 16 + 8;
/// An array's place in the message's header.
const NODE: usize = 16;
/// The rest of the header and of the frame.
const MESSAGE: usize = 512;
/// A view, and the longest value that it holds itself.
const VIEW: usize = 16;

/// How many bytes the message of this batch has, or will have in the wire form of the profile, before it is compressed:
/// never fewer, except that the values of dictionaries, runs and list views that are not in that form yet count with
/// their average. A dictionary that is sent as one has a message of its own, which does not count.
pub(super) fn message_bytes(batch: &RecordBatch, profile: Profile) -> usize {
    let columns = batch.columns().iter();
    MESSAGE
        + columns
            .map(|column| Sizes(profile).of(column))
            .sum::<usize>()
}

/// How many bytes the message of a dictionary with these values has.
pub(super) fn dictionary_bytes(values: &dyn Array) -> usize {
    MESSAGE + Sizes(Profile::Native).of(values)
}

/// The most that views may hold besides the values of their rows: a copy of those costs more than a few bytes sent in
/// vain.
pub(super) fn held_at_most<T: ByteViewType>(views: &GenericByteViewArray<T>) -> usize {
    let used = views.total_buffer_bytes_used();
    used + used / 4
}

struct Sizes(Profile);

impl Sizes {
    fn of(&self, array: &dyn Array) -> usize {
        let rows = array.len();
        let validity = array.nulls().map_or(0, |_| rows.div_ceil(8)) + BUFFER;
        NODE + validity + self.values(array)
    }

    fn values(&self, array: &dyn Array) -> usize {
        use DataType as T;
        let rows = array.len();
        match array.data_type() {
            T::Null => 0,
            T::Boolean => rows.div_ceil(8) + BUFFER,
            T::Float16 => rows * self.width(2, 4) + BUFFER,
            T::Decimal32(_, _) => rows * self.width(4, 16) + BUFFER,
            T::Decimal64(_, _) => rows * self.width(8, 16) + BUFFER,
            T::FixedSizeBinary(width) => {
                rows * usize::try_from(*width).unwrap_or_default() + BUFFER
            }
            T::Utf8 => byte_array::<Utf8Type>(array.as_bytes()),
            T::Binary => byte_array::<BinaryType>(array.as_bytes()),
            T::LargeUtf8 => byte_array::<LargeUtf8Type>(array.as_bytes()),
            T::LargeBinary => byte_array::<LargeBinaryType>(array.as_bytes()),
            T::Utf8View => self.views::<StringViewType>(array.as_byte_view()),
            T::BinaryView => self.views::<BinaryViewType>(array.as_byte_view()),
            T::List(_) => self.list(array.as_list::<i32>()),
            T::LargeList(_) => self.list(array.as_list::<i64>()),
            T::ListView(_) => self.list_view(array.as_list_view::<i32>()),
            T::LargeListView(_) => self.list_view(array.as_list_view::<i64>()),
            T::FixedSizeList(_, _) => self.of(array.as_fixed_size_list().values()),
            T::Struct(_) => {
                let columns = array.as_struct().columns().iter();
                columns.map(|column| self.of(column)).sum()
            }
            T::Map(_, _) => {
                let map = array.as_map();
                offsets::<i32>(rows) + self.range(map.entries(), map.offsets())
            }
            T::Union(_, mode) => self.union(array.as_union(), *mode),
            T::Dictionary(keys, _) => match self.0 {
                Profile::Compat => self.average(array.as_any_dictionary().values(), rows),
                Profile::Native | Profile::Compact => {
                    rows * keys.primitive_width().unwrap_or(8) + BUFFER
                }
            },
            T::RunEndEncoded(ends, _) => {
                let width = ends.data_type().primitive_width().unwrap_or(8);
                run_values(array).map_or(0, |values| match self.0 {
                    Profile::Compat => self.average(&values, rows),
                    Profile::Native | Profile::Compact => {
                        (values.len() + 1) * width + NODE + 2 * BUFFER + self.of(&values)
                    }
                })
            }
            fixed => rows * fixed.primitive_width().unwrap_or_default() + BUFFER,
        }
    }

    fn width(&self, native: usize, classic: usize) -> usize {
        match self.0 {
            Profile::Compat => classic,
            Profile::Native | Profile::Compact => native,
        }
    }

    /// The same for what `compact` has as `compat` has it.
    fn view_width(&self, native: usize, classic: usize) -> usize {
        match self.0 {
            Profile::Compat | Profile::Compact => classic,
            Profile::Native => native,
        }
    }

    fn views<T: ByteViewType>(&self, views: &GenericByteViewArray<T>) -> usize {
        let rows = views.len();
        match self.0 {
            Profile::Compat | Profile::Compact => {
                let span: u64 = views.lengths().map(u64::from).sum();
                offsets::<i32>(rows) + usize::try_from(span).unwrap_or(usize::MAX / 2) + BUFFER
            }
            Profile::Native => {
                let buffers = views.data_buffers().len().min(rows);
                rows * VIEW + held_at_most(views) + (1 + buffers) * BUFFER
            }
        }
    }

    fn list<O: OffsetSizeTrait>(&self, array: &GenericListArray<O>) -> usize {
        offsets::<O>(array.len()) + self.range(array.values(), array.offsets())
    }

    fn list_view<O: OffsetSizeTrait>(&self, array: &GenericListViewArray<O>) -> usize {
        let items = array.sizes().iter().map(|size| size.as_usize()).sum();
        let places = offsets::<O>(array.len()) * self.view_width(2, 1);
        places + self.average(array.values(), items)
    }

    fn union(&self, union: &UnionArray, mode: UnionMode) -> usize {
        let fields = union.fields();
        let children: Vec<_> = fields.iter().map(|(id, _)| union.child(id)).collect();
        let whole: usize = children.iter().map(|child| self.of(child)).sum();
        match mode {
            UnionMode::Sparse => union.len() + BUFFER + whole,
            // Which child a row uses is not worth a walk over the rows: a slice is taken for its share of the whole.
            UnionMode::Dense => {
                let held = children.iter().map(|child| child.len()).sum();
                union.len() * 5 + 2 * BUFFER + share(whole, union.len(), held)
            }
        }
    }

    fn range<O: OffsetSizeTrait>(&self, values: &dyn Array, offsets: &[O]) -> usize {
        match (offsets.first(), offsets.last()) {
            (Some(first), Some(last)) => {
                let (first, last) = (first.as_usize(), last.as_usize());
                self.of(&values.slice(first, last - first))
            }
            _ => 0,
        }
    }

    fn average(&self, values: &dyn Array, items: usize) -> usize {
        share(self.of(values), items, values.len())
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

fn offsets<O: OffsetSizeTrait>(rows: usize) -> usize {
    (rows + 1) * size_of::<O>() + BUFFER
}

fn share(whole: usize, items: usize, of: usize) -> usize {
    if of == 0 {
        return NODE + 2 * BUFFER;
    }
    let exact = (whole as u128) * (items as u128) / (of as u128);
    usize::try_from(exact).unwrap_or(usize::MAX / 2) + NODE + 2 * BUFFER
}

/// The values of the runs that the rows of a slice are in.
fn run_values(array: &dyn Array) -> Option<ArrayRef> {
    fn slice<R: RunEndIndexType>(array: &dyn Array) -> Option<ArrayRef> {
        let runs = array.as_any().downcast_ref::<RunArray<R>>()?;
        Some(runs.values_slice())
    }
    slice::<Int16Type>(array)
        .or_else(|| slice::<Int32Type>(array))
        .or_else(|| slice::<Int64Type>(array))
}

#[cfg(test)]
mod tests;
