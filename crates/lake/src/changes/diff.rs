//! Which rows of files one content has and another has not.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::buffer::BooleanBuffer;

use super::{Changed, Kind};
use crate::{Content, Deleted, FileId, Part, Rows, SnapshotId};

/// The rows that came and those that went.
pub(super) fn between(old: &Content, new: &Content, snapshot: SnapshotId) -> Vec<Changed> {
    let (old, new) = (files(old), files(new));
    let came = beyond(&new, &old);
    let went = beyond(&old, &new);
    let of = |kind, rows: Content| Changed {
        snapshot,
        kind,
        rows,
    };
    let all = [of(Kind::Insert, came), of(Kind::Delete, went)];
    let all = all
        .into_iter()
        .filter(|changed| !changed.rows.parts.is_empty());
    all.collect()
}

type Files<'a> = Vec<(FileId, &'a Part)>;

fn files(content: &Content) -> Files<'_> {
    let parts = content.parts.iter().filter_map(|part| match &part.rows {
        Rows::File(file) => Some((file.id?, part)),
        Rows::Inlined(_) => None,
    });
    parts.collect()
}

/// The rows of some files that are not in others.
fn beyond(these: &Files<'_>, others: &Files<'_>) -> Content {
    let others: HashMap<_, _> = others.iter().copied().collect();
    let parts = these.iter().filter_map(|(id, part)| {
        let Some(other) = others.get(id) else {
            return (part.live_rows() > 0).then(|| Part::clone(part));
        };
        let gone = &gone(part) | &!&gone(other);
        let deleted = Deleted::new(gone);
        (deleted.count < part.rows()).then(|| Part {
            rows: part.rows.clone(),
            deleted: Some(Arc::new(deleted)),
        })
    });
    Content {
        parts: parts.collect(),
    }
}

fn gone(part: &Part) -> BooleanBuffer {
    let rows = usize::try_from(part.rows()).unwrap_or(usize::MAX);
    let deleted = part.deleted.as_ref().map(|deleted| deleted.rows.clone());
    deleted.unwrap_or_else(|| BooleanBuffer::new_unset(rows))
}
