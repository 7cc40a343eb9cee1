//! What the signature of a function says about one argument.

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Signature, TypeSignature};

/// The type that a function would like best for the argument at a position, given the types of the others as far as
/// they are known.
pub(super) fn argument(
    signature: &Signature,
    at: usize,
    known: &[Option<DataType>],
) -> Option<DataType> {
    let mut candidates = Vec::new();
    collect(&signature.type_signature, at, known, &mut candidates);
    candidates.retain(|data_type| !has_any_time_zone(data_type));
    let preferred = [DataType::Utf8, DataType::Float64, DataType::Int64];
    preferred
        .into_iter()
        .find(|data_type| candidates.contains(data_type))
        .or_else(|| {
            candidates
                .into_iter()
                .find(|data_type| *data_type != DataType::Null)
        })
}

/// Whether all arguments have one type, which the signature does not name: `coalesce`, `nullif`, `greatest` …
pub(super) fn arguments_agree(signature: &Signature) -> bool {
    matches!(
        signature.type_signature,
        TypeSignature::UserDefined | TypeSignature::Comparable(_) | TypeSignature::VariadicAny
    )
}

fn collect(
    signature: &TypeSignature,
    at: usize,
    known: &[Option<DataType>],
    candidates: &mut Vec<DataType>,
) {
    match signature {
        TypeSignature::OneOf(signatures) => {
            signatures
                .iter()
                .for_each(|signature| collect(signature, at, known, candidates));
        }
        TypeSignature::Variadic(types) => candidates.extend(types.iter().cloned()),
        TypeSignature::Coercible(coercions) if coercions.len() == known.len() => {
            // The example types of one argument alone: all combinations of all arguments can be very many.
            if let Some(coercion) = coercions.get(at) {
                let alone = TypeSignature::Coercible(vec![coercion.clone()]);
                candidates.extend(alone.get_example_types().into_iter().flatten());
            }
        }
        TypeSignature::Coercible(_) => {}
        other => {
            for mut types in other.get_example_types() {
                if types.len() == known.len() && at < types.len() && fits(&types, known) {
                    candidates.push(types.swap_remove(at));
                }
            }
        }
    }
}

/// Whether the arguments that are known could be passed where these types are asked for.
fn fits(wanted: &[DataType], known: &[Option<DataType>]) -> bool {
    wanted.iter().zip(known).all(|(wanted, known)| match known {
        Some(known) => kind(wanted) == kind(known),
        None => true,
    })
}

#[derive(PartialEq)]
enum Kind<'a> {
    Text,
    Bytes,
    Number,
    Other(&'a DataType),
}

fn kind(data_type: &DataType) -> Kind<'_> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Kind::Bytes,
        number if number.is_numeric() => Kind::Number,
        other => Kind::Other(other),
    }
}

/// Signatures spell "any time zone" as a zone of its own.
fn has_any_time_zone(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(zone)) if zone.as_ref() == datafusion::logical_expr::TIMEZONE_WILDCARD)
}
