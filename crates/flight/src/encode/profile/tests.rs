use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{IntervalUnit, TimeUnit, UnionMode};

use super::*;

fn wire(data_type: &DataType) -> DataType {
    let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
    let wire = WireSchema::new(&schema, Profile::Compat);
    wire.schema().field(0).data_type().clone()
}

fn field(data_type: DataType) -> FieldRef {
    Arc::new(Field::new("item", data_type, true))
}

/// Pairs of an engine type and its wire form.
pub(in crate::encode) fn leaves() -> Vec<(DataType, DataType)> {
    use DataType as T;
    let same = [
        T::Null,
        T::Boolean,
        T::Int8,
        T::Int16,
        T::Int32,
        T::Int64,
        T::UInt8,
        T::UInt16,
        T::UInt32,
        T::UInt64,
        T::Float32,
        T::Float64,
        T::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        T::Timestamp(TimeUnit::Second, None),
        T::Date32,
        T::Date64,
        T::Time32(TimeUnit::Millisecond),
        T::Time64(TimeUnit::Microsecond),
        T::Duration(TimeUnit::Microsecond),
        T::Interval(IntervalUnit::YearMonth),
        T::Interval(IntervalUnit::DayTime),
        T::Interval(IntervalUnit::MonthDayNano),
        T::Binary,
        T::FixedSizeBinary(3),
        T::LargeBinary,
        T::Utf8,
        T::LargeUtf8,
        T::Decimal128(38, 10),
        T::Decimal256(76, 10),
    ];
    let changed = [
        (T::Utf8View, T::Utf8),
        (T::BinaryView, T::Binary),
        (T::Float16, T::Float32),
        (T::Decimal32(9, 2), T::Decimal128(9, 2)),
        (T::Decimal64(18, -3), T::Decimal128(18, -3)),
        (T::Dictionary(T::Int8.into(), T::Utf8.into()), T::Utf8),
        (T::Dictionary(T::UInt32.into(), T::Utf8View.into()), T::Utf8),
        (
            T::RunEndEncoded(
                Arc::new(Field::new("run_ends", T::Int32, false)),
                Arc::new(Field::new("values", T::Utf8View, true)),
            ),
            T::Utf8,
        ),
    ];
    let same = same.into_iter().map(|same| (same.clone(), same));
    same.chain(changed).collect()
}

/// Every way to nest a type, with the wire form of it.
pub(in crate::encode) fn nested(from: &DataType, to: &DataType) -> Vec<(DataType, DataType)> {
    use DataType as T;
    let entries = |value: &DataType| {
        let key = Arc::new(Field::new("keys", T::Utf8, false));
        let value = Arc::new(Field::new("values", value.clone(), true));
        Arc::new(Field::new(
            "entries",
            T::Struct(vec![key, value].into()),
            false,
        ))
    };
    let union = |member: &DataType, mode| {
        let members = [(3, field(member.clone())), (7, field(T::Int32))];
        T::Union(members.into_iter().collect(), mode)
    };
    let structure =
        |member: &DataType| T::Struct(vec![field(member.clone()), field(T::Int8)].into());
    let mut pairs = vec![
        (T::List(field(from.clone())), T::List(field(to.clone()))),
        (T::ListView(field(from.clone())), T::List(field(to.clone()))),
        (
            T::LargeList(field(from.clone())),
            T::LargeList(field(to.clone())),
        ),
        (
            T::LargeListView(field(from.clone())),
            T::LargeList(field(to.clone())),
        ),
        (
            T::FixedSizeList(field(from.clone()), 2),
            T::FixedSizeList(field(to.clone()), 2),
        ),
        (structure(from), structure(to)),
        (T::Map(entries(from), false), T::Map(entries(to), false)),
    ];
    for mode in [UnionMode::Sparse, UnionMode::Dense] {
        pairs.push((union(from, mode), union(to, mode)));
    }
    pairs
}

#[test]
fn every_type_has_its_wire_form_at_any_depth() {
    for (from, to) in leaves() {
        assert_eq!(wire(&from), to);
        for (from, to) in nested(&from, &to) {
            assert_eq!(wire(&from), to);
            for (from, to) in nested(&from, &to) {
                assert_eq!(wire(&from), to);
            }
        }
    }
}

#[test]
fn native_types_stay_as_they_are_at_any_depth() {
    let native = |data_type: &DataType| {
        let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
        let wire = WireSchema::new(&schema, Profile::Native);
        wire.schema().field(0).data_type().clone()
    };
    for (from, to) in leaves() {
        assert_eq!(native(&from), from);
        for (from, to) in nested(&from, &to) {
            assert_eq!(native(&from), from);
            for (from, _) in nested(&from, &to) {
                assert_eq!(native(&from), from);
            }
        }
    }
}

#[test]
fn compact_types_are_native_ones_without_views() {
    use DataType as T;
    let compact = |data_type: &DataType| {
        let schema = Schema::new(vec![Field::new("c", data_type.clone(), true)]);
        let wire = WireSchema::new(&schema, Profile::Compact);
        wire.schema().field(0).data_type().clone()
    };
    for (from, to) in leaves() {
        let small = match &from {
            T::Utf8View | T::BinaryView => to.clone(),
            T::Dictionary(keys, values) if **values == T::Utf8View => {
                T::Dictionary(keys.clone(), Box::new(T::Utf8))
            }
            T::RunEndEncoded(ends, values) if *values.data_type() == T::Utf8View => {
                let values = values.as_ref().clone().with_data_type(T::Utf8);
                T::RunEndEncoded(Arc::clone(ends), Arc::new(values))
            }
            _ => from.clone(),
        };
        assert_eq!(compact(&from), small);
    }
    assert_eq!(
        compact(&T::ListView(field(T::Utf8View))),
        T::List(field(T::Utf8))
    );
    let keyed = |values| T::Dictionary(Box::new(T::Int8), Box::new(values));
    assert_eq!(compact(&keyed(T::Utf8View)), keyed(T::Utf8));
}

fn format(shapes: &[Shape]) -> WireFormat {
    WireFormat {
        profile: Profile::Compact,
        shapes: shapes.iter().copied().collect(),
        ..WireFormat::default()
    }
}

#[test]
fn columns_have_the_shapes_of_the_format_where_their_types_have_them() {
    use DataType as T;
    let list = T::List(field(T::Int32));
    let uuid = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    let schema = Schema::new(vec![
        Field::new("a", T::Utf8View, false),
        Field::new("b", T::Int64, true),
        Field::new("c", list.clone(), true),
        Field::new("d", T::Boolean, true),
        Field::new("e", T::Utf8, true).with_metadata(uuid),
        Field::new("f", T::Utf8View, true),
    ]);
    let (runs, dictionary) = (Shape::Runs, Shape::Dictionary);
    let of = [dictionary, runs, runs, dictionary, runs];
    let wire = WireSchema::of(&schema, &format(&of));
    let types = wire
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().clone());
    let ends = Arc::new(Field::new("run_ends", T::Int32, false));
    let values = Arc::new(Field::new("values", T::Int64, true));
    let expected = [
        T::Dictionary(Box::new(T::Int16), Box::new(T::Utf8)),
        T::RunEndEncoded(ends, values),
        list,
        T::Boolean,
        T::Utf8,
        T::Utf8,
    ];
    assert_eq!(types.collect::<Vec<_>>(), expected);
    assert!(!wire.schema().field(0).is_nullable() && wire.schema().field(1).is_nullable());
    assert_eq!(
        wire.plain(),
        WireSchema::new(&schema, Profile::Compact).schema()
    );
    for profile in [Profile::Compat, Profile::Native] {
        let other = WireFormat {
            profile,
            ..format(&of)
        };
        assert_eq!(
            WireSchema::of(&schema, &other),
            WireSchema::new(&schema, profile)
        );
    }
}

#[test]
fn the_wire_form_of_a_wire_form_is_itself() {
    for (_, to) in leaves() {
        assert_eq!(wire(&to), to);
    }
}

#[test]
fn names_and_nullability_stay_and_only_extension_names_do_of_metadata() {
    let metadata = [
        ("ARROW:extension:name", "arrow.uuid"),
        ("ARROW:extension:metadata", ""),
        ("PARQUET:field_id", "1"),
        ("ARROW:FLIGHT:SQL:REMARKS", "shown as a label by JDBC"),
        ("comment", "about the file"),
    ];
    let metadata: HashMap<_, _> = metadata
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let inner = Field::new("item", DataType::Utf8View, false).with_metadata(metadata.clone());
    let outer = Field::new("c", DataType::List(Arc::new(inner)), false).with_metadata(metadata);
    let schema = Schema::new_with_metadata(
        vec![outer],
        HashMap::from([("pandas".to_owned(), "{}".to_owned())]),
    );
    for profile in [Profile::Compat, Profile::Native, Profile::Compact] {
        let wire = WireSchema::new(&schema, profile);
        let wire = wire.schema();
        assert!(wire.metadata().is_empty());
        let outer = wire.field(0);
        let DataType::List(inner) = outer.data_type() else {
            panic!("{outer}");
        };
        for field in [outer, inner] {
            assert!(!field.is_nullable());
            let mut keys: Vec<_> = field.metadata().keys().map(String::as_str).collect();
            keys.sort_unstable();
            assert_eq!(keys, ["ARROW:extension:metadata", "ARROW:extension:name"]);
        }
    }
}

#[test]
fn parameters_are_nullable() {
    let schema = Schema::new(vec![Field::new("$1", DataType::Utf8View, false)]);
    let parameters = WireSchema::new(&schema, Profile::Compat).nullable();
    assert_eq!(
        parameters.schema().as_ref(),
        &Schema::new(vec![Field::new("$1", DataType::Utf8, true)])
    );
}
