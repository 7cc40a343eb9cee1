//! `system.statements`: what clients have prepared and may still run.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field};

use crate::StatementKind;
use crate::audit::Watch;
use crate::prepared::Entry;
use crate::session::{Session, SessionKey};

pub(super) fn fields() -> Vec<Field> {
    let text = |name| Field::new(name, DataType::Utf8, false);
    vec![
        text("id"),
        text("session_id"),
        text("user_name"),
        text("kind"),
        text("sql"),
        Field::new("parameters", DataType::UInt64, false),
        Field::new("bound_rows", DataType::UInt64, false),
        Field::new("transaction_id", DataType::Utf8, true),
        Field::new("idle_seconds", DataType::Float64, false),
    ]
}

/// Those of the given sessions, with their text as it may be shown.
pub(super) fn columns(sessions: &[(SessionKey, Arc<Session>)], watch: &Watch) -> Vec<ArrayRef> {
    let now = Instant::now();
    let mut rows: Vec<(&Session, Entry)> = Vec::new();
    for (_, session) in sessions {
        let entries = session.statements().all();
        rows.extend(entries.into_iter().map(|entry| (session.as_ref(), entry)));
    }
    let text = |of: fn(&(&Session, Entry)) -> String| {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of))) as ArrayRef
    };
    let number = |of: fn(&Entry) -> usize| {
        let numbers = rows.iter().map(|(_, entry)| of(entry) as u64);
        Arc::new(UInt64Array::from_iter_values(numbers)) as ArrayRef
    };
    let shown = rows
        .iter()
        .map(|(_, entry)| watch.shown_sql(&entry.prepared.sql));
    let transactions = rows.iter().map(|(_, entry)| {
        let open = entry.transaction.as_ref();
        open.map(|open| open.id().to_string())
    });
    let idle = rows.iter().map(|(_, entry)| entry.idle(now).as_secs_f64());
    vec![
        text(|(_, entry)| entry.prepared.id.to_string()),
        text(|(session, _)| session.id().to_string()),
        text(|(session, _)| session.user().to_owned()),
        text(|(_, entry)| {
            let kind = match entry.prepared.kind {
                StatementKind::Query => "query",
                StatementKind::Effect => "effect",
            };
            kind.to_owned()
        }),
        Arc::new(StringArray::from_iter_values(shown)),
        number(|entry| entry.prepared.parameter_schema.fields().len()),
        number(|entry| entry.bound.as_ref().map_or(0, |bound| bound.len())),
        Arc::new(transactions.collect::<StringArray>()),
        Arc::new(Float64Array::from_iter_values(idle)),
    ]
}
