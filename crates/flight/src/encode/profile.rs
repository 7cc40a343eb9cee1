use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, UnionFields};
use godwit_config::WireProfile as Profile;
use godwit_protocol::{Shape, Shapes, WireFormat};

/// A schema as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WireSchema {
    schema: SchemaRef,
    /// The same before columns get their shapes.
    plain: SchemaRef,
    shapes: Shapes,
    profile: Profile,
}

impl WireSchema {
    /// The wire form of an engine schema. `compat` has the types that every client reads: no views, dictionaries, runs,
    /// half floats or small decimals; `compact` those of the engine, with classic strings and lists in the place of views,
    /// which take more bytes. Metadata is dropped, except for the names of extension types: what else is there tells about
    /// the files that the rows came from.
    pub(crate) fn new(schema: &Schema, profile: Profile) -> Self {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| wire_field(field, profile));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self {
            plain: Arc::clone(&schema),
            schema,
            shapes: Shapes::default(),
            profile,
        }
    }

    /// The wire form of an engine schema, its columns in the shapes of the format.
    pub(crate) fn of(schema: &Schema, format: &WireFormat) -> Self {
        let unshaped = Self::new(schema, format.profile);
        if format.profile != Profile::Compact || format.shapes.is_plain() {
            return unshaped;
        }
        let fields = unshaped.plain.fields().iter().enumerate();
        let fields = fields.map(|(at, field)| shaped_field(field, format.shapes.of(at)));
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            shapes: format.shapes.clone(),
            ..unshaped
        }
    }

    /// A schema that is in wire form already, of the types that every client reads.
    pub(crate) fn verbatim(schema: SchemaRef) -> Self {
        Self {
            plain: Arc::clone(&schema),
            schema,
            shapes: Shapes::default(),
            profile: Profile::Compat,
        }
    }

    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The schema before columns get their shapes: a value for every row.
    pub(crate) fn plain(&self) -> &SchemaRef {
        &self.plain
    }

    /// Whether columns have other shapes than in [`Self::plain`].
    pub(crate) fn is_shaped(&self) -> bool {
        !self.shapes.is_plain()
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// The same with every field nullable, as parameters must be: clients refuse to bind null otherwise.
    pub(crate) fn nullable(self) -> Self {
        let fields = self.plain.fields().iter();
        let fields = fields.map(|field| field.as_ref().clone().with_nullable(true));
        Self::verbatim(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }
}

/// A field in a shape. A type that has no such shape keeps its own, and so does what an extension says more about: its
/// clients look for that type.
fn shaped_field(field: &FieldRef, shape: Shape) -> FieldRef {
    use DataType as T;
    let values = field.data_type();
    let shapeless = match values {
        T::Null | T::Dictionary(_, _) | T::RunEndEncoded(_, _) => true,
        other => other.is_nested(),
    };
    let data_type = match shape {
        Shape::Runs if !shapeless => {
            let ends = Field::new("run_ends", T::Int32, false);
            let values = Field::new("values", values.clone(), field.is_nullable());
            T::RunEndEncoded(Arc::new(ends), Arc::new(values))
        }
        Shape::Dictionary if has_dictionary(values) => {
            T::Dictionary(Box::new(T::Int16), Box::new(values.clone()))
        }
        _ => return Arc::clone(field),
    };
    if field.metadata().is_empty() {
        Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
    } else {
        Arc::clone(field)
    }
}

/// Whether there is a kernel that finds the distinct values of that type.
fn has_dictionary(values: &DataType) -> bool {
    use DataType as T;
    matches!(
        values,
        T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::UInt8
            | T::UInt16
            | T::UInt32
            | T::UInt64
            | T::Float32
            | T::Float64
            | T::Decimal32(_, _)
            | T::Decimal64(_, _)
            | T::Decimal128(_, _)
            | T::Decimal256(_, _)
            | T::Date32
            | T::Date64
            | T::Time32(_)
            | T::Time64(_)
            | T::Timestamp(_, _)
            | T::Utf8
            | T::LargeUtf8
            | T::Binary
            | T::LargeBinary
    )
}

fn wire_field(field: &FieldRef, profile: Profile) -> FieldRef {
    let metadata = field.metadata().iter();
    let kept = metadata.filter(|(key, _)| key.starts_with("ARROW:extension:"));
    let kept = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let data_type = match profile {
        Profile::Compat => classic(field.data_type()),
        Profile::Native | Profile::Compact => native(field.data_type(), profile),
    };
    let wire = Field::new(field.name(), data_type, field.is_nullable()).with_metadata(kept);
    Arc::new(wire.with_dict_is_ordered(field.dict_is_ordered().unwrap_or_default()))
}

/// The type itself, its members without their metadata. In `compact` without views.
fn native(data_type: &DataType, profile: Profile) -> DataType {
    use DataType as T;
    let wire_field = |field: &FieldRef| wire_field(field, profile);
    match data_type {
        T::Utf8View if profile == Profile::Compact => T::Utf8,
        T::BinaryView if profile == Profile::Compact => T::Binary,
        T::ListView(item) if profile == Profile::Compact => T::List(wire_field(item)),
        T::LargeListView(item) if profile == Profile::Compact => T::LargeList(wire_field(item)),
        // No message can say that the values of a dictionary are in another dictionary.
        T::Dictionary(keys, values) => match values.as_ref() {
            T::Dictionary(_, _) => T::Dictionary(keys.clone(), Box::new(folded(values, profile))),
            values => T::Dictionary(keys.clone(), Box::new(native(values, profile))),
        },
        T::RunEndEncoded(ends, values) => T::RunEndEncoded(wire_field(ends), wire_field(values)),
        T::List(item) => T::List(wire_field(item)),
        T::ListView(item) => T::ListView(wire_field(item)),
        T::LargeList(item) => T::LargeList(wire_field(item)),
        T::LargeListView(item) => T::LargeListView(wire_field(item)),
        T::FixedSizeList(item, size) => T::FixedSizeList(wire_field(item), *size),
        T::Struct(fields) => T::Struct(fields.iter().map(wire_field).collect()),
        T::Map(entries, sorted) => T::Map(wire_field(entries), *sorted),
        T::Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, wire_field(field)));
            T::Union(fields.collect::<UnionFields>(), *mode)
        }
        leaf => leaf.clone(),
    }
}

fn folded(data_type: &DataType, profile: Profile) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => folded(values, profile),
        values => native(values, profile),
    }
}

fn classic(data_type: &DataType) -> DataType {
    use DataType as T;
    let wire_field = |field: &FieldRef| wire_field(field, Profile::Compat);
    match data_type {
        T::Utf8View => T::Utf8,
        T::BinaryView => T::Binary,
        T::Float16 => T::Float32,
        T::Decimal32(precision, scale) | T::Decimal64(precision, scale) => {
            T::Decimal128(*precision, *scale)
        }
        T::Dictionary(_, values) => classic(values),
        T::RunEndEncoded(_, values) => classic(values.data_type()),
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
