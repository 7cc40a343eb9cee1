//! What the specification wants of the metadata commands, and how two schemas differ.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_flight::sql::metadata::{SqlInfoDataBuilder, XdbcTypeInfoDataBuilder};

#[cfg(test)]
mod tests;

pub(crate) fn catalogs() -> Schema {
    Schema::new(vec![text("catalog_name", false)])
}

pub(crate) fn db_schemas() -> Schema {
    Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", false),
    ])
}

pub(crate) fn tables(with_schema: bool) -> Schema {
    let mut fields = vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("table_type", false),
    ];
    if with_schema {
        fields.push(Field::new("table_schema", DataType::Binary, false));
    }
    Schema::new(fields)
}

pub(crate) fn table_types() -> Schema {
    Schema::new(vec![text("table_type", false)])
}

pub(crate) fn primary_keys() -> Schema {
    Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("column_name", false),
        text("key_name", true),
        Field::new("key_sequence", DataType::Int32, false),
    ])
}

/// Of exported keys, imported keys and cross reference.
pub(crate) fn foreign_keys() -> Schema {
    Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ])
}

pub(crate) fn sql_info() -> Schema {
    SqlInfoDataBuilder::schema().clone()
}

/// `None` when the library that knows it fails.
pub(crate) fn xdbc_type_info() -> Option<SchemaRef> {
    Some(XdbcTypeInfoDataBuilder::new().build().ok()?.schema())
}

/// The first difference in names, types and nullability, at any depth; metadata does not count.
pub(crate) fn difference(found: &Schema, wanted: &Schema) -> Option<String> {
    let (have, want) = (found.fields().len(), wanted.fields().len());
    if have != want {
        return Some(format!("{have} fields instead of {want}"));
    }
    let pairs = found.fields().iter().zip(wanted.fields());
    let mut different = pairs.filter_map(|(have, want)| field_difference(have, want));
    different.next()
}

fn field_difference(have: &FieldRef, want: &FieldRef) -> Option<String> {
    if have.name() != want.name() {
        return Some(format!(
            "field {:?} instead of {:?}",
            have.name(),
            want.name()
        ));
    }
    let null = |nullable| if nullable { "nullable" } else { "not nullable" };
    if have.is_nullable() != want.is_nullable() {
        let (have, want, name) = (
            null(have.is_nullable()),
            null(want.is_nullable()),
            have.name(),
        );
        return Some(format!("{name:?} is {have} instead of {want}"));
    }
    let (found, wanted) = (plain(have), plain(want));
    (found != wanted).then(|| {
        let (found, wanted) = (found.data_type(), wanted.data_type());
        format!("{:?} is {found} instead of {wanted}", have.name())
    })
}

/// A type that some client in use cannot read, with the field that has it: the view, encoded, half and small types.
pub(crate) fn modern_type(schema: &Schema) -> Option<String> {
    let mut fields: Vec<&FieldRef> = schema.fields().iter().collect();
    while let Some(field) = fields.pop() {
        match field.data_type() {
            DataType::Utf8View
            | DataType::BinaryView
            | DataType::Dictionary(..)
            | DataType::RunEndEncoded(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Float16
            | DataType::Decimal32(..)
            | DataType::Decimal64(..) => {
                return Some(format!("{:?} is {}", field.name(), field.data_type()));
            }
            DataType::List(inner)
            | DataType::LargeList(inner)
            | DataType::FixedSizeList(inner, _)
            | DataType::Map(inner, _) => fields.push(inner),
            DataType::Struct(inner) => fields.extend(inner),
            DataType::Union(inner, _) => fields.extend(inner.iter().map(|(_, field)| field)),
            _ => {}
        }
    }
    None
}

/// The same field without metadata at any depth.
fn plain(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::List(inner) => DataType::List(plain(inner)),
        DataType::LargeList(inner) => DataType::LargeList(plain(inner)),
        DataType::ListView(inner) => DataType::ListView(plain(inner)),
        DataType::LargeListView(inner) => DataType::LargeListView(plain(inner)),
        DataType::FixedSizeList(inner, size) => DataType::FixedSizeList(plain(inner), *size),
        DataType::Map(inner, sorted) => DataType::Map(plain(inner), *sorted),
        DataType::Struct(inner) => DataType::Struct(inner.iter().map(plain).collect()),
        DataType::Union(inner, mode) => {
            let fields = inner.iter().map(|(id, field)| (id, plain(field)));
            DataType::Union(fields.collect(), *mode)
        }
        DataType::RunEndEncoded(ends, values) => {
            DataType::RunEndEncoded(plain(ends), plain(values))
        }
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}
