//! `system.transactions`: what is open, and which snapshot of the lake it holds on to. There are no locks: the first to
//! commit wins.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{DataType, Field};

use crate::transactions::Open;

pub(super) fn fields() -> Vec<Field> {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let seconds = |name, nullable| Field::new(name, DataType::Float64, nullable);
    vec![
        text("id"),
        text("session_id"),
        text("user_name"),
        Field::new("named", DataType::Boolean, false),
        Field::new("read_only", DataType::Boolean, false),
        Field::new("snapshot_id", DataType::Int64, true),
        seconds("seconds", false),
        seconds("idle_seconds", true),
    ]
}

/// Those that are given.
pub(super) fn columns(open: &[Arc<Open>]) -> Vec<ArrayRef> {
    let now = Instant::now();
    let text = |of: fn(&Open) -> String| {
        let texts = open.iter().map(|open| of(open));
        Arc::new(StringArray::from_iter_values(texts)) as ArrayRef
    };
    let flag = |of: fn(&Open) -> bool| {
        let flags = open.iter().map(|open| Some(of(open)));
        Arc::new(flags.collect::<BooleanArray>()) as ArrayRef
    };
    let snapshots = open.iter().map(|open| open.snapshot());
    let ages = open.iter().map(|open| open.age(now).as_secs_f64());
    let idle = open
        .iter()
        .map(|open| open.idle(now).map(|idle| idle.as_secs_f64()));
    vec![
        text(|open| open.id().to_string()),
        text(|open| open.session().to_string()),
        text(|open| open.user().to_owned()),
        flag(Open::is_named),
        flag(Open::is_read_only),
        Arc::new(snapshots.collect::<Int64Array>()),
        Arc::new(Float64Array::from_iter_values(ages)),
        Arc::new(idle.collect::<Float64Array>()),
    ]
}
