use std::time::Duration;

use arrow::array::Array;
use arrow::datatypes::Int32Type;
use godwit_engine::FunctionNames;

use super::*;
use crate::FlightOptions;

fn facts() -> RecordBatch {
    let options = FlightOptions {
        ticket_ttl: Duration::from_secs(1),
        max_request_bytes: 1,
        message_bytes: 1,
        max_sql_bytes: 1_000_000,
        max_statements: 200,
        statement_idle_timeout: Duration::from_secs(1800),
        web: true,
        allowed_origins: Vec::new(),
        repeat_logins_after: Duration::ZERO,
        redact_literals: false,
        secure_cookies: false,
        reflection: godwit_config::Reflection::Nobody,
        max_connections: 1,
        idle_stream_timeout: None,
        keepalive_interval: Duration::from_secs(1),
        keepalive_timeout: Duration::from_secs(1),
    };
    let functions = FunctionNames {
        numeric: vec!["abs".to_owned()],
        ..FunctionNames::default()
    };
    let mut builder = SqlInfoDataBuilder::new();
    facts::server(&mut builder, &options, Duration::from_secs(300));
    facts::names(&mut builder, &functions, vec!["ILIKE".to_owned()]);
    facts::syntax(&mut builder);
    facts::limits(&mut builder, &options);
    facts::transactions_and_results(&mut builder);
    builder.build().unwrap().record_batch([]).unwrap()
}

fn codes(batch: &RecordBatch) -> Vec<u32> {
    batch
        .column(0)
        .as_primitive::<UInt32Type>()
        .values()
        .to_vec()
}

/// The member of the union that clients read a fact from; for 503, 505, 507 and 562 not the one that the specification
/// names.
fn member(code: u32) -> i8 {
    const TEXT: i8 = 0;
    const BOOL: i8 = 1;
    const BIGINT: i8 = 2;
    const BITMASK: i8 = 3;
    const TEXTS: i8 = 4;
    const MAP: i8 = 5;
    match code {
        0..=2 | 6 | 7 | 504 | 513 | 514 | 529..=531 => TEXT,
        503 | 505 | 507 | 541..=555 | 557..=562 => BIGINT,
        508..=512 => TEXTS,
        517 => MAP,
        8 | 100 | 101 | 522 | 525 | 526 | 528 | 533..=535 | 538 | 540 | 564 | 567..=571 => BITMASK,
        _ => BOOL,
    }
}

#[test]
fn all_is_the_whole_standard_and_nothing_else() {
    let expected = (0..=11).chain([100, 101]).chain(500..=576);
    assert_eq!(codes(&facts()), expected.collect::<Vec<_>>());
    assert_eq!(facts().schema(), schema());
}

#[test]
fn every_fact_is_in_the_member_that_clients_read() {
    let facts = facts();
    let union = facts.column(1).as_union();
    for (row, code) in codes(&facts).into_iter().enumerate() {
        assert_eq!(union.type_id(row), member(code), "code {code}");
        assert!(union.value(row).is_valid(0), "code {code}");
    }
}

#[test]
fn transactions_have_savepoints_and_a_time_limit() {
    let transactions = select(&facts(), &[8, 101]).unwrap();
    let union = transactions.column(1).as_union();
    let number = |row: usize| union.value(row).as_primitive::<Int32Type>().value(0);
    assert_eq!((number(0), number(1)), (2, 300_000));
}

#[test]
fn those_asked_for_and_unknown_ones_are_absent() {
    let all = facts();
    let some = select(&all, &[8, 504, 99_999, 8]).unwrap();
    assert_eq!(codes(&some), [8, 504]);
    assert_eq!(some.schema(), all.schema());
    let union = some.column(1).as_union();
    assert_eq!(union.value(1).as_string::<i32>().value(0), "\"");
    assert_eq!(select(&all, &[42]).unwrap().num_rows(), 0);
    assert_eq!(select(&all, &[]).unwrap().num_rows(), all.num_rows());
}
