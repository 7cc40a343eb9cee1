use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

/// How far two files of one table may differ in a column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The files say what they hold: only a type that keeps every value of both will do.
    Declared,
    /// The types were guessed from text: any two plain ones meet in text.
    Guessed,
}

/// The type that holds the values of both, if there is one.
pub(crate) fn common_type(a: &DataType, b: &DataType, rule: Rule) -> Option<DataType> {
    use DataType::{
        Date32, Date64, Dictionary, FixedSizeBinary, Null, RunEndEncoded, Time32, Time64, Timestamp,
    };
    match (a, b) {
        _ if a == b => Some(a.clone()),
        (Null, other) | (other, Null) => Some(other.clone()),
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => {
            common_type(value, other, rule)
        }
        (RunEndEncoded(_, value), other) | (other, RunEndEncoded(_, value)) => {
            common_type(value.data_type(), other, rule)
        }
        (Timestamp(x, zone), Timestamp(y, other)) if zone == other => {
            Some(Timestamp(finer(*x, *y), zone.clone()))
        }
        (Date32, Date64) | (Date64, Date32) => Some(Date64),
        (Time32(x) | Time64(x), Time32(y) | Time64(y)) => {
            Some(Time64(finer(finer(*x, *y), TimeUnit::Microsecond)))
        }
        (FixedSizeBinary(_), other) | (other, FixedSizeBinary(_)) if is_binary(other) => {
            Some(other.clone())
        }
        (FixedSizeBinary(_), FixedSizeBinary(_)) => Some(DataType::Binary),
        _ if is_text(a) && is_text(b) => Some(DataType::Utf8View),
        _ if is_binary(a) && is_binary(b) => Some(DataType::BinaryView),
        _ if a.is_nested() || b.is_nested() => nested(a, b, rule),
        _ => number(a, b, rule).or_else(|| (rule == Rule::Guessed).then_some(DataType::Utf8)),
    }
}

/// The field that holds the values of both, which have the same name.
pub(crate) fn common_field(a: &Field, b: &Field, rule: Rule) -> Option<Field> {
    let data_type = common_type(a.data_type(), b.data_type(), rule)?;
    let nullable = a.is_nullable() || b.is_nullable();
    Some(a.clone().with_data_type(data_type).with_nullable(nullable))
}

fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    )
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn nested(a: &DataType, b: &DataType, rule: Rule) -> Option<DataType> {
    use DataType::{FixedSizeList, LargeList, List, Struct};
    Some(match (a, b) {
        (List(x), List(y)) => List(Arc::new(common_field(x, y, rule)?)),
        (LargeList(x), LargeList(y) | List(y)) | (List(y), LargeList(x)) => {
            LargeList(Arc::new(common_field(x, y, rule)?))
        }
        (FixedSizeList(x, n), FixedSizeList(y, m)) if n == m => {
            FixedSizeList(Arc::new(common_field(x, y, rule)?), *n)
        }
        (Struct(x), Struct(y)) => Struct(common_fields(x, y, rule)?),
        _ => return None,
    })
}

fn common_fields(a: &Fields, b: &Fields, rule: Rule) -> Option<Fields> {
    let optional = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    let mut merged = Vec::with_capacity(a.len());
    for field in a {
        merged.push(match b.find(field.name()) {
            Some((_, other)) => Arc::new(common_field(field, other, rule)?),
            None => optional(field),
        });
    }
    merged.extend(
        b.iter()
            .filter(|field| a.find(field.name()).is_none())
            .map(optional),
    );
    Some(merged.into())
}

fn number(a: &DataType, b: &DataType, rule: Rule) -> Option<DataType> {
    use DataType::{
        Float16, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    let wider = |x: DataType, y: DataType| {
        if x.primitive_width() >= y.primitive_width() {
            x
        } else {
            y
        }
    };
    if let (Some((whole, scale)), Some((other, other_scale))) = (decimal(a), decimal(b)) {
        let (whole, scale) = (whole.max(other), scale.max(other_scale));
        let precision = u8::try_from(whole + i16::from(scale)).ok()?;
        return match precision {
            0..=38 => Some(DataType::Decimal128(precision, scale)),
            39..=76 => Some(DataType::Decimal256(precision, scale)),
            _ => None,
        };
    }
    if a.is_signed_integer() && b.is_signed_integer()
        || a.is_unsigned_integer() && b.is_unsigned_integer()
    {
        return Some(wider(a.clone(), b.clone()));
    }
    if a.is_integer() && b.is_integer() {
        let (signed, unsigned) = if a.is_signed_integer() {
            (a, b)
        } else {
            (b, a)
        };
        let room = match unsigned {
            UInt8 => Int16,
            UInt16 => Int32,
            UInt32 => Int64,
            _ => return None,
        };
        return Some(wider(signed.clone(), room));
    }
    match (a, b) {
        (Float16 | Float32 | Float64, Float16 | Float32 | Float64) => {
            Some(wider(a.clone(), b.clone()))
        }
        (Float16 | Float32 | Float64, integer) | (integer, Float16 | Float32 | Float64) => {
            match integer {
                Int8 | UInt8 | Int16 | UInt16 => {
                    let float = if a.is_floating() { a } else { b };
                    Some(wider(float.clone(), Float32))
                }
                Int32 | UInt32 => Some(Float64),
                Int64 | UInt64 if rule == Rule::Guessed => Some(Float64),
                _ => None,
            }
        }
        _ => None,
    }
}

/// How many digits a decimal has before and after the point.
fn decimal(data_type: &DataType) -> Option<(i16, i8)> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    match data_type {
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => Some((i16::from(*precision) - i16::from(*scale), *scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    fn declared(a: DataType, b: DataType) -> Option<DataType> {
        let found = common_type(&a, &b, Rule::Declared);
        assert_eq!(
            found,
            common_type(&b, &a, Rule::Declared),
            "{a} and {b}, the other way round"
        );
        found
    }

    fn list(data_type: DataType) -> DataType {
        List(Arc::new(Field::new("item", data_type, true)))
    }

    #[test]
    fn every_value_is_kept() {
        assert_eq!(declared(Int32, Int64), Some(Int64));
        assert_eq!(declared(UInt32, Int8), Some(Int64));
        assert_eq!(declared(UInt64, Int64), None);
        assert_eq!(declared(Int32, Float32), Some(Float64));
        assert_eq!(declared(Int16, Float16), Some(Float32));
        assert_eq!(declared(Int64, Float64), None);
        assert_eq!(
            declared(Decimal128(10, 2), Decimal128(8, 4)),
            Some(Decimal128(12, 4))
        );
        assert_eq!(
            declared(Decimal128(38, 0), Decimal128(10, 10)),
            Some(Decimal256(48, 10))
        );
        assert_eq!(declared(Utf8, LargeUtf8), Some(Utf8View));
        assert_eq!(
            declared(Dictionary(Box::new(Int8), Box::new(Utf8)), Utf8),
            Some(Utf8)
        );
        assert_eq!(declared(Null, Int8), Some(Int8));
        assert_eq!(declared(Utf8, Int64), None);
        assert_eq!(
            declared(
                Timestamp(TimeUnit::Second, None),
                Timestamp(TimeUnit::Nanosecond, None)
            ),
            { Some(Timestamp(TimeUnit::Nanosecond, None)) }
        );
        assert_eq!(
            declared(
                Timestamp(TimeUnit::Second, None),
                Timestamp(TimeUnit::Second, Some("UTC".into()))
            ),
            None
        );
    }

    #[test]
    fn guesses_meet_in_text() {
        assert_eq!(common_type(&Int64, &Float64, Rule::Guessed), Some(Float64));
        assert_eq!(common_type(&Int64, &Utf8, Rule::Guessed), Some(Utf8));
        assert_eq!(common_type(&Date32, &Boolean, Rule::Guessed), Some(Utf8));
        assert_eq!(common_type(&list(Int64), &Int64, Rule::Guessed), None);
    }

    #[test]
    fn nested_types_merge_inside() {
        assert_eq!(declared(list(Int32), list(Int64)), Some(list(Int64)));
        assert_eq!(declared(list(Int32), Int32), None);
        let a = Struct(vec![Field::new("x", Int32, false), Field::new("y", Utf8, false)].into());
        let b = Struct(vec![Field::new("z", Utf8, false), Field::new("x", Int64, false)].into());
        let fields = vec![
            Field::new("x", Int64, false),
            Field::new("y", Utf8, true),
            Field::new("z", Utf8, true),
        ];
        assert_eq!(
            common_type(&a, &b, Rule::Declared),
            Some(Struct(fields.into()))
        );
    }
}
