//! Lists, structs and maps: `[1, 2]`, `{'x': 1, 'y': z}`, `{k=1}`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, MapArray, StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};

use super::tree::{self, Node};
use super::{leaf, unsupported};
use crate::{Error, Result};

/// The text of a nested value.
pub(super) fn write(array: &dyn Array, row: usize) -> Result<String> {
    match array.data_type() {
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref()),
        DataType::FixedSizeList(..) => list(array.as_fixed_size_list().value(row).as_ref()),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let parts = fields.iter().zip(columns).map(|(field, column)| {
                let name = tree::quote_always(field.name());
                Ok(format!("{name}: {}", part(column, row)?))
            });
            let parts = parts.collect::<Result<Vec<_>>>()?;
            Ok(format!("{{{}}}", parts.join(", ")))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let entry = |at| Ok(format!("{}={}", part(keys, at)?, part(values, at)?));
            let parts = (0..entries.len()).map(entry).collect::<Result<Vec<_>>>()?;
            Ok(format!("{{{}}}", parts.join(", ")))
        }
        other => Err(unsupported(other)),
    }
}

/// Nested values from their texts.
pub(super) fn read(texts: &[Option<&str>], to: &DataType) -> Result<ArrayRef> {
    let mut nodes = Vec::with_capacity(texts.len());
    for text in texts {
        nodes.push(match text {
            Some(text) => tree::parse(text, to)?,
            None => Node::Null,
        });
    }
    array(nodes, to)
}

fn list(items: &dyn Array) -> Result<String> {
    let items = (0..items.len()).map(|at| part(items, at));
    let items = items.collect::<Result<Vec<_>>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

/// A value within another.
fn part(array: &dyn Array, row: usize) -> Result<String> {
    let Some(text) = super::write(array, row)? else {
        return Ok("NULL".to_owned());
    };
    Ok(if array.data_type().is_nested() {
        text
    } else {
        tree::quote(&text)
    })
}

/// All nodes of one place in the values, as an array.
fn array(nodes: Vec<Node>, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::List(item) => lists(nodes, item),
        DataType::LargeList(item) => {
            leaf::cast(&lists(nodes, item)?, &DataType::LargeList(Arc::clone(item)))
        }
        DataType::FixedSizeList(item, size) => fixed(nodes, item, *size),
        DataType::Struct(fields) => structs(nodes, fields),
        DataType::Map(entries, sorted) => maps(nodes, entries, *sorted),
        leaf => {
            let texts = nodes.into_iter().map(|node| node.text(leaf));
            let texts = texts.collect::<Result<Vec<_>>>()?;
            let texts: Vec<_> = texts.iter().map(Option::as_deref).collect();
            super::read(&texts, leaf)
        }
    }
}

/// The items of lists one after the other, how many each list has, and which are null.
fn items(nodes: Vec<Node>) -> (Vec<Node>, Vec<usize>, NullBuffer) {
    let mut items = Vec::new();
    let mut lengths = Vec::with_capacity(nodes.len());
    let mut valid = Vec::with_capacity(nodes.len());
    for node in nodes {
        let before = items.len();
        valid.push(!matches!(node, Node::Null));
        if let Node::Items(these) = node {
            items.extend(these);
        }
        lengths.push(items.len() - before);
    }
    (items, lengths, NullBuffer::from(valid))
}

fn lists(nodes: Vec<Node>, item: &FieldRef) -> Result<ArrayRef> {
    let (items, lengths, valid) = items(nodes);
    let items = array(items, item.data_type())?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let lists = ListArray::try_new(Arc::clone(item), offsets, items, Some(valid));
    Ok(Arc::new(lists.map_err(malformed)?))
}

fn fixed(nodes: Vec<Node>, item: &FieldRef, size: i32) -> Result<ArrayRef> {
    let length = usize::try_from(size).unwrap_or_default();
    let padded = nodes.into_iter().map(|node| match node {
        Node::Null => (vec![Node::Null; length], false),
        Node::Items(items) => (items, true),
        Node::Text(text) => (vec![Node::Text(text)], true),
    });
    let (items, valid): (Vec<_>, Vec<bool>) = padded.unzip();
    if let Some(items) = items.iter().find(|items| items.len() != length) {
        return Err(Error::broken(format!(
            "the catalog has a list of {} where each has {length}",
            items.len()
        )));
    }
    let items = array(items.into_iter().flatten().collect(), item.data_type())?;
    let valid = Some(NullBuffer::from(valid));
    let lists = FixedSizeListArray::try_new(Arc::clone(item), size, items, valid);
    Ok(Arc::new(lists.map_err(malformed)?))
}

fn structs(nodes: Vec<Node>, fields: &Fields) -> Result<ArrayRef> {
    let mut columns: Vec<Vec<Node>> = fields.iter().map(|_| Vec::new()).collect();
    let length = nodes.len();
    let mut valid = Vec::with_capacity(length);
    for node in nodes {
        let mut parts = match node {
            Node::Items(parts) => Some(parts.into_iter()),
            _ => None,
        };
        valid.push(parts.is_some());
        for column in &mut columns {
            let part = parts.as_mut().and_then(Iterator::next);
            column.push(part.unwrap_or(Node::Null));
        }
    }
    let columns = columns.into_iter().zip(fields);
    let columns = columns.map(|(nodes, field)| array(nodes, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let valid = Some(NullBuffer::from(valid));
    let structs = StructArray::try_new_with_length(fields.clone(), columns, valid, length);
    Ok(Arc::new(structs.map_err(malformed)?))
}

fn maps(nodes: Vec<Node>, entries: &FieldRef, sorted: bool) -> Result<ArrayRef> {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(unsupported(entries.data_type()));
    };
    let (items, lengths, valid) = items(nodes);
    let structs = structs(items, fields)?.as_struct().clone();
    let offsets = OffsetBuffer::from_lengths(lengths);
    let maps = MapArray::try_new(Arc::clone(entries), offsets, structs, Some(valid), sorted);
    Ok(Arc::new(maps.map_err(malformed)?))
}

fn malformed(error: arrow::error::ArrowError) -> Error {
    Error::broken(format!(
        "the catalog has a nested value that does not fit its column: {error}"
    ))
}
