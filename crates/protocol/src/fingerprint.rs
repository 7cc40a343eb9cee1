use arrow::datatypes::{DataType, Field, Schema};
use sha2::{Digest, Sha256};

/// SHA-256 over the names, types and nullability of a schema, nested ones included. Metadata does not count, since
/// clients do not compare it.
#[must_use]
pub fn schema_fingerprint(schema: &Schema) -> [u8; 32] {
    let mut hash = Sha256::new();
    add_fields(&mut hash, schema.fields().iter().map(AsRef::as_ref));
    hash.finalize().into()
}

fn add_fields<'a>(hash: &mut Sha256, fields: impl ExactSizeIterator<Item = &'a Field>) {
    hash.update((fields.len() as u64).to_le_bytes());
    for field in fields {
        add_field(hash, field);
    }
}

fn add_field(hash: &mut Sha256, field: &Field) {
    add_text(hash, field.name());
    hash.update([u8::from(field.is_nullable())]);
    add_type(hash, field.data_type());
}

// Lengths before texts and counts before lists: two schemas never share one encoding.
fn add_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
}

fn add_type(hash: &mut Sha256, data_type: &DataType) {
    let mut nested = |name: &str, fields: &[&Field]| {
        add_text(hash, name);
        add_fields(hash, fields.iter().copied());
    };
    match data_type {
        DataType::List(item) => nested("List", &[item]),
        DataType::LargeList(item) => nested("LargeList", &[item]),
        DataType::ListView(item) => nested("ListView", &[item]),
        DataType::LargeListView(item) => nested("LargeListView", &[item]),
        DataType::FixedSizeList(item, len) => nested(&format!("FixedSizeList {len}"), &[item]),
        DataType::Map(entries, sorted) => nested(&format!("Map {sorted}"), &[entries]),
        DataType::RunEndEncoded(ends, values) => nested("RunEndEncoded", &[ends, values]),
        DataType::Struct(fields) => {
            add_text(hash, "Struct");
            add_fields(hash, fields.iter().map(AsRef::as_ref));
        }
        DataType::Union(fields, mode) => {
            add_text(hash, &format!("Union {mode:?}"));
            hash.update((fields.len() as u64).to_le_bytes());
            for (id, field) in fields.iter() {
                hash.update(id.to_le_bytes());
                add_field(hash, field);
            }
        }
        DataType::Dictionary(keys, values) => {
            add_text(hash, "Dictionary");
            add_type(hash, keys);
            add_type(hash, values);
        }
        leaf => add_text(hash, &format!("{leaf:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use arrow::datatypes::{TimeUnit, UnionFields, UnionMode};

    use super::*;

    fn of(fields: Vec<Field>) -> [u8; 32] {
        schema_fingerprint(&Schema::new(fields))
    }

    fn field(name: &str, data_type: DataType) -> Field {
        Field::new(name, data_type, true)
    }

    fn item(data_type: DataType) -> Arc<Field> {
        Arc::new(field("item", data_type))
    }

    #[test]
    fn metadata_does_not_count() {
        let marked = HashMap::from([("k".to_owned(), "v".to_owned())]);
        let plain = of(vec![field("a", DataType::List(item(DataType::Int8)))]);
        let inner = field("item", DataType::Int8).with_metadata(marked.clone());
        let outer = field("a", DataType::List(Arc::new(inner))).with_metadata(marked.clone());
        let schema = Schema::new(vec![outer]).with_metadata(marked);
        assert_eq!(schema_fingerprint(&schema), plain);
    }

    #[test]
    fn everything_else_counts() {
        use DataType::*;
        let union = |ids: [i8; 2], mode| {
            let fields = ids.map(|id| (id, item(Int8)));
            Union(fields.into_iter().collect::<UnionFields>(), mode)
        };
        let pair = vec![field("a", Int8), field("b", Int8)];
        let types = vec![
            Null,
            Int8,
            Utf8,
            Utf8View,
            Timestamp(TimeUnit::Second, None),
            Timestamp(TimeUnit::Second, Some("UTC".into())),
            Timestamp(TimeUnit::Second, Some("CET".into())),
            Timestamp(TimeUnit::Millisecond, None),
            FixedSizeBinary(3),
            FixedSizeBinary(4),
            Decimal128(10, 2),
            Decimal128(10, 3),
            Decimal256(10, 2),
            List(item(Int8)),
            List(item(Int16)),
            List(Arc::new(Field::new("item", Int8, false))),
            LargeList(item(Int8)),
            ListView(item(Int8)),
            LargeListView(item(Int8)),
            FixedSizeList(item(Int8), 2),
            FixedSizeList(item(Int8), 3),
            Struct(pair.clone().into()),
            Struct(pair[..1].to_vec().into()),
            Map(item(Struct(pair.clone().into())), false),
            Map(item(Struct(pair.clone().into())), true),
            union([0, 1], UnionMode::Sparse),
            union([0, 1], UnionMode::Dense),
            union([0, 2], UnionMode::Dense),
            Dictionary(Int8.into(), Utf8.into()),
            Dictionary(Int16.into(), Utf8.into()),
            RunEndEncoded(item(Int32), item(Utf8)),
        ];
        let mut prints: Vec<_> = types.into_iter().map(|t| of(vec![field("a", t)])).collect();
        prints.push(of(vec![]));
        prints.push(of(vec![Field::new("a", Int8, false)]));
        prints.push(of(vec![field("b", Int8)]));
        prints.push(of(pair.clone()));
        prints.push(of(pair.into_iter().rev().collect()));
        for (i, one) in prints.iter().enumerate() {
            assert!(!prints[i + 1..].contains(one), "{i}");
        }
    }
}
