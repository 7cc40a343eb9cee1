use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UnionFields};

/// Which types may be sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The types that every client reads: no views, dictionaries, runs, half floats or small decimals.
    #[default]
    Compat,
}

/// A schema as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireSchema(SchemaRef);

impl Profile {
    /// The wire form of an engine schema. Metadata is dropped, except for the names of extension types: what else is
    /// there tells about the files that the rows came from.
    pub(crate) fn wire_schema(self, schema: &Schema) -> WireSchema {
        let Self::Compat = self;
        let fields = schema.fields().iter().map(wire_field);
        WireSchema(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }
}

impl WireSchema {
    /// A schema that is in wire form already.
    pub(crate) fn verbatim(schema: SchemaRef) -> Self {
        Self(schema)
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.0
    }

    /// The same with every field nullable, as parameters must be: clients refuse to bind null otherwise.
    pub(crate) fn nullable(self) -> Self {
        let fields = self.0.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
        Self(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }
}

fn wire_field(field: &FieldRef) -> FieldRef {
    let metadata = field.metadata().iter();
    let kept = metadata.filter(|(key, _)| key.starts_with("ARROW:extension:"));
    let kept = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let data_type = wire_type(field.data_type());
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()).with_metadata(kept))
}

fn wire_type(data_type: &DataType) -> DataType {
    use DataType as T;
    match data_type {
        T::Utf8View => T::Utf8,
        T::BinaryView => T::Binary,
        T::Float16 => T::Float32,
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) => {
            T::Decimal128(*precision, *scale)
        }
        T::Dictionary(_, values) => wire_type(values),
        T::RunEndEncoded(_, values) => wire_type(values.data_type()),
        T::List(item) | T::ListView(item) => T::List(wire_field(item)),
        T::LargeList(item) | T::LargeListView(item) => T::LargeList(wire_field(item)),
        T::FixedSizeList(item, size) => T::FixedSizeList(wire_field(item), *size),
        T::Struct(fields) => T::Struct(fields.iter().map(wire_field).collect()),
        T::Map(entries, sorted) => T::Map(wire_field(entries), *sorted),
        T::Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, wire_field(field)));
            T::Union(fields.collect::<UnionFields>(), *mode)
        }
        T::Null
        | T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64
        | T::Float32
        | T::Float64
        | T::Timestamp(_, _)
        | T::Date32
        | T::Date64
        | T::Time32(_)
        | T::Time64(_)
        | T::Duration(_)
        | T::Interval(_)
        | T::Binary
        | T::FixedSizeBinary(_)
        | T::LargeBinary
        | T::Utf8
        | T::LargeUtf8
        | T::Decimal128(_, _)
        | T::Decimal256(_, _) => data_type.clone(),
    }
}

#[cfg(test)]
pub(super) mod tests;
