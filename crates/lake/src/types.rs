//! Arrow's types and the catalog's: what a column is called in the catalog, what its Parquet file holds, what users see.
//!
//! A column has three types. The catalog names one of its own (`int32`, `decimal(10,2)`, `list`); that name decides what the
//! Parquet file holds, so that every reader of the lake agrees. What users see is the plain Arrow type of that name, unless
//! the table's tag [`TYPES_TAG`] says that it was made with another one, which the stored values are cast back to without
//! loss. It is a tag of the table because DuckDB refuses a lake whose columns have tags other than comments.

mod convert;
mod file;
mod name;
mod tag;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::{Column, ColumnId, Error, Result};

pub(crate) use convert::{as_list, convert, map_of, of_list, to_file};
pub(crate) use file::{FIELD_ID, file_field, file_schema, text_type};
pub(crate) use name::{is_readable, is_writable};
use tag::Form;
pub(crate) use tag::Tag;

/// The key of the table tag that keeps Arrow types where the catalog's names do not give them back: JSON, by the numbers of
/// columns.
pub(crate) const TYPES_TAG: &str = "godwit.types";

/// A column, or a part of a nested one, as the catalog is to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The column's name; `element`, `key` and `value` below lists and maps.
    pub(crate) name: String,
    /// The catalog's name of the type.
    pub(crate) stored: String,
    /// Whether nulls are allowed.
    pub(crate) nullable: bool,
    /// What the table's tag [`TYPES_TAG`] has to say of it, where that is anything.
    pub(crate) tag: Option<Tag>,
    /// The element of a list, the fields of a struct, key and value of a map.
    pub(crate) children: Vec<Stored>,
}

/// How the catalog is to hold a new column.
///
/// # Errors
/// [`Error::Unsupported`] naming the column and the type that cannot be kept.
pub(crate) fn stored_of(field: &Field) -> Result<Stored> {
    let stored = Storing {
        column: field.name(),
    };
    stored.top(field)
}

/// The column that the catalog's rows describe. Children are made before their parents.
pub(crate) fn column_of(
    id: ColumnId,
    name: &str,
    stored: &str,
    nullable: bool,
    tag: Option<&Tag>,
    children: Vec<Column>,
) -> Column {
    let data_type = shown(stored, tag.unwrap_or(&Tag::default()), &children);
    Column {
        id,
        field: Arc::new(Field::new(name, data_type, nullable)),
        stored: stored.to_owned(),
        initial_default: None,
        default: None,
        comment: None,
        children,
    }
}

/// Whether a part of a nested column may be null. The catalog's own word for it is not to be trusted there: DuckDB writes
/// "no" for every field that is added to a struct and leaves nulls in it.
pub(crate) fn nested_nullable(tag: Option<&Tag>) -> bool {
    tag.is_none_or(|tag| !tag.not_null)
}

/// The tags in a table's tag. One that is not understood says nothing: columns are shown as the catalog names them.
pub(crate) fn read_tags(text: Option<&str>) -> Tags {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The table's tag for columns; nothing where there is nothing to say.
///
/// # Errors
/// [`Error::Internal`].
pub(crate) fn write_tags(columns: &[Column]) -> Result<Option<String>> {
    let mut tags = Tags::new();
    for column in columns {
        if let Ok(stored) = stored_of(&column.field) {
            collect(column, &stored, &mut tags);
        }
    }
    if tags.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&tags)
        .map(Some)
        .map_err(Error::internal)
}

/// Tags of columns and their parts.
pub(crate) type Tags = BTreeMap<i64, Tag>;

fn collect(column: &Column, stored: &Stored, tags: &mut Tags) {
    if let Some(tag) = stored
        .tag
        .as_ref()
        .filter(|_| stored.stored == column.stored)
    {
        tags.insert(column.id.0, tag.clone());
    }
    for (column, stored) in column.children.iter().zip(&stored.children) {
        collect(column, stored, tags);
    }
}

impl Stored {
    /// The column that this makes, with numbers as they are given out: parents before their children.
    pub(crate) fn column(&self, next: &mut impl FnMut() -> ColumnId) -> Column {
        let id = next();
        let children = self.children.iter().map(|child| child.column(next));
        let children = children.collect();
        column_of(
            id,
            &self.name,
            &self.stored,
            self.nullable,
            self.tag.as_ref(),
            children,
        )
    }
}

/// What users see of a column.
fn shown(stored: &str, tag: &Tag, children: &[Column]) -> DataType {
    let child = |at: usize, name: &str| -> FieldRef {
        let Some(child) = children.get(at) else {
            return Arc::new(Field::new(name, DataType::Null, true));
        };
        Arc::new(child.field.as_ref().clone().with_name(name))
    };
    match stored {
        "list" => {
            let item = child(0, tag.name(0, Field::LIST_FIELD_DEFAULT_NAME));
            match tag.form {
                Some(Form::LargeList) => DataType::LargeList(item),
                Some(Form::FixedSizeList(size)) => DataType::FixedSizeList(item, size),
                _ => DataType::List(item),
            }
        }
        "struct" => {
            let fields = children.iter().map(|child| Arc::clone(&child.field));
            DataType::Struct(fields.collect())
        }
        "map" => {
            let key = child(0, tag.name(1, "key"));
            let key = Arc::new(key.as_ref().clone().with_nullable(false));
            let value = child(1, tag.name(2, "value"));
            let entries = DataType::Struct(Fields::from(vec![key, value]));
            let entries = Field::new(tag.name(0, "entries"), entries, false);
            DataType::Map(Arc::new(entries), tag.sorted)
        }
        scalar => {
            let plain = name::shown(scalar);
            tag.form
                .as_ref()
                .and_then(|form| form.over(&plain))
                .unwrap_or(plain)
        }
    }
}

/// Finds the way to store one column; knows its name for the refusal.
struct Storing<'a> {
    column: &'a str,
}

impl Storing<'_> {
    fn top(&self, field: &Field) -> Result<Stored> {
        let mut stored = self.any(field.name(), field)?;
        stored.nullable = field.is_nullable();
        Ok(stored)
    }

    /// A part of a nested column: whether it may be null is in its tag.
    fn part(&self, name: &str, field: &Field) -> Result<Stored> {
        let mut stored = self.any(name, field)?;
        if !field.is_nullable() && name != "key" {
            stored.tag.get_or_insert_default().not_null = true;
        }
        stored.nullable = field.is_nullable();
        Ok(stored)
    }

    fn any(&self, name: &str, field: &Field) -> Result<Stored> {
        let made = |stored: String, tag: Tag, children: Vec<Stored>| Stored {
            name: name.to_owned(),
            stored,
            nullable: true,
            tag: tag.said(),
            children,
        };
        let list = |item: &FieldRef, form: Option<Form>| {
            let tag = Tag::of(form, &[(item.name(), Field::LIST_FIELD_DEFAULT_NAME)]);
            let children = vec![self.part("element", item)?];
            Ok(made("list".to_owned(), tag, children))
        };
        match plain(field.data_type()) {
            DataType::List(item) => list(&item, None),
            DataType::LargeList(item) => list(&item, Some(Form::LargeList)),
            DataType::FixedSizeList(item, size) => list(&item, Some(Form::FixedSizeList(size))),
            DataType::Struct(fields) if fields.is_empty() => {
                Err(self.refuse(field.data_type(), "a struct needs at least one field"))
            }
            DataType::Struct(fields) => {
                self.no_twins(&fields, field.data_type())?;
                let children = fields.iter().map(|field| self.part(field.name(), field));
                let children = children.collect::<Result<_>>()?;
                Ok(made("struct".to_owned(), Tag::default(), children))
            }
            DataType::Map(entries, sorted) => {
                let DataType::Struct(parts) = entries.data_type() else {
                    return Err(self.refuse(field.data_type(), "its entries are no struct"));
                };
                let [key, value] = parts.iter().as_slice() else {
                    return Err(self.refuse(field.data_type(), "its entries are no pairs"));
                };
                let names = [
                    (entries.name(), "entries"),
                    (key.name(), "key"),
                    (value.name(), "value"),
                ];
                let mut tag = Tag::of(None, &names);
                tag.sorted = sorted;
                let children = vec![self.part("key", key)?, self.part("value", value)?];
                Ok(made("map".to_owned(), tag, children))
            }
            scalar => {
                let (stored, form) = name::stored(&scalar)
                    .ok_or_else(|| self.refuse(field.data_type(), "there is no such type"))?;
                Ok(made(stored, Tag::of(form, &[]), Vec::new()))
            }
        }
    }

    /// The catalog tells the fields of a struct apart by their names, in any case of letters.
    fn no_twins(&self, fields: &Fields, data_type: &DataType) -> Result<()> {
        let mut names: Vec<_> = fields.iter().map(|f| f.name().to_lowercase()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(self.refuse(data_type, "two fields of a struct have the same name"));
        }
        Ok(())
    }

    fn refuse(&self, data_type: &DataType, why: &str) -> Error {
        Error::unsupported(format!(
            "column {:?} of type {data_type} cannot be kept in a durable table: {why}",
            self.column
        ))
    }
}

/// The type that values of this type are kept as: no dictionaries, no views, no runs.
pub(crate) fn plain(data_type: &DataType) -> DataType {
    let item = |field: &FieldRef| -> FieldRef {
        let kept = Field::new(field.name(), plain(field.data_type()), field.is_nullable());
        Arc::new(kept)
    };
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::List(field) | DataType::ListView(field) => DataType::List(item(field)),
        DataType::LargeList(field) | DataType::LargeListView(field) => {
            DataType::LargeList(item(field))
        }
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(item(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(item).collect()),
        DataType::Map(entries, sorted) => DataType::Map(item(entries), *sorted),
        other => other.clone(),
    }
}

/// Microseconds in UTC: what the catalog calls `timestamptz`.
fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}
