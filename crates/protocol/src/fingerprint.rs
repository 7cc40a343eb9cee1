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
