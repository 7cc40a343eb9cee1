//! `system.locks`: what one statement changes and others wait for.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::datatypes::{DataType, Field};

use crate::transactions::Claim;

pub(super) fn fields() -> Vec<Field> {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    vec![
        text("kind", false),
        text("state", false),
        text("transaction_id", true),
        text("session_id", false),
        text("user_name", false),
        text("query_id", true),
        Field::new("seconds", DataType::Float64, false),
    ]
}

/// Those that are given.
pub(super) fn columns(claims: &[Claim]) -> Vec<ArrayRef> {
    let now = Instant::now();
    let word = |of: fn(&Claim) -> &'static str| {
        Arc::new(StringArray::from_iter_values(claims.iter().map(of))) as ArrayRef
    };
    let text = |of: fn(&Claim) -> Option<String>| {
        Arc::new(claims.iter().map(of).collect::<StringArray>()) as ArrayRef
    };
    let seconds = claims
        .iter()
        .map(|claim| now.saturating_duration_since(claim.since).as_secs_f64());
    vec![
        word(|claim| match claim.transaction {
            Some(_) => "transaction",
            None => "temporary tables",
        }),
        word(|claim| if claim.is_held { "held" } else { "waiting" }),
        text(|claim| claim.transaction.map(|id| id.to_string())),
        text(|claim| Some(claim.session.to_string())),
        text(|claim| Some(claim.user.clone())),
        text(|claim| claim.query_id.as_deref().map(str::to_owned)),
        Arc::new(Float64Array::from_iter_values(seconds)),
    ]
}
