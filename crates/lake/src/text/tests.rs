//! All texts are what DuckDB 1.5.5 wrote into a catalog.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use super::*;

fn roundtrip(texts: &[&str], to: &DataType) -> ArrayRef {
    let given: Vec<_> = texts.iter().copied().map(Some).chain([None]).collect();
    let array = read(&given, to).unwrap();
    for (row, text) in given.iter().enumerate() {
        assert_eq!(write(&array, row).unwrap().as_deref(), *text, "{to}");
    }
    array
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", of, true)))
}

fn structure(fields: &[(&str, DataType)]) -> DataType {
    let fields = fields.iter();
    DataType::Struct(
        fields
            .map(|(name, of)| Field::new(*name, of.clone(), true))
            .collect(),
    )
}

fn map(key: DataType, value: DataType) -> DataType {
    let fields = Fields::from(vec![
        Field::new("key", key, false),
        Field::new("value", value, true),
    ]);
    let entries = Field::new("entries", DataType::Struct(fields), false);
    DataType::Map(Arc::new(entries), false)
}

#[test]
fn integers_booleans_and_decimals() {
    roundtrip(&["-128", "127"], &DataType::Int8);
    roundtrip(&["-9223372036854775808"], &DataType::Int64);
    roundtrip(&["18446744073709551615"], &DataType::UInt64);
    roundtrip(&["true", "false"], &DataType::Boolean);
    roundtrip(
        &["-0.05", "100.00", "99999999.99"],
        &DataType::Decimal128(10, 2),
    );
    roundtrip(
        &["-12345678901234567890.0123456789"],
        &DataType::Decimal128(38, 10),
    );
    roundtrip(&["-7"], &DataType::Decimal128(5, 0));
    let of_database = read(&[Some("1"), Some("0"), Some("t")], &DataType::Boolean).unwrap();
    assert_eq!(write(&of_database, 0).unwrap().unwrap(), "true");
    assert_eq!(write(&of_database, 1).unwrap().unwrap(), "false");
    for wrong in ["0.005", "1000", "", "-", "1e3", "x"] {
        assert!(
            read(&[Some(wrong)], &DataType::Decimal128(5, 2)).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn floats_are_as_short_as_can_be() {
    let texts = [
        "nan",
        "inf",
        "-inf",
        "0.1",
        "1e+20",
        "1e-07",
        "1.2345678901234568e+17",
        "1.7976931348623157e+308",
        "1000000000000000.0",
        "1e+16",
        "0.0001",
        "1e-05",
        "0.0",
        "-0.0",
        "123456.789",
        "5e-324",
        "16777216.0",
        "-12.5",
    ];
    roundtrip(&texts, &DataType::Float64);
    let texts = [
        "123456.79",
        "3.4028235e+38",
        "100000.0",
        "0.1",
        "16777216.0",
        "1e-07",
    ];
    roundtrip(&texts, &DataType::Float32);
    let postgres = read(&[Some("NaN"), Some("-Infinity")], &DataType::Float64).unwrap();
    assert_eq!(write(&postgres, 0).unwrap().unwrap(), "nan");
    assert_eq!(write(&postgres, 1).unwrap().unwrap(), "-inf");
}

#[test]
fn every_float_reads_back_as_itself() {
    let bits = (0..100_000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let doubles: Float64Array = bits.clone().map(f64::from_bits).collect::<Vec<_>>().into();
    let floats: Vec<f32> = bits
        .map(|bits| f32::from_bits((bits >> 32) as u32))
        .collect();
    let floats = Float32Array::from(floats);
    for row in 0..doubles.len() {
        let text = write(&doubles, row).unwrap().unwrap();
        let back: f64 = text.parse().unwrap();
        let value = doubles.value(row);
        assert!(
            back.to_bits() == value.to_bits() || value.is_nan(),
            "{text}"
        );
        let text = write(&floats, row).unwrap().unwrap();
        let back: f32 = text.parse().unwrap();
        let value = floats.value(row);
        assert!(
            back.to_bits() == value.to_bits() || value.is_nan(),
            "{text}"
        );
    }
}

#[test]
fn dates_and_times() {
    let dates = [
        "0044-03-15 (BC)",
        "infinity",
        "-infinity",
        "10000-01-01",
        "2020-02-29",
        "1969-12-31",
    ];
    roundtrip(&dates, &DataType::Date32);
    let times = ["23:59:59.999999", "00:00:00", "12:00:00.5"];
    roundtrip(&times, &DataType::Time64(TimeUnit::Microsecond));
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let moments = [
        "1969-12-31 23:59:59.5",
        "infinity",
        "-infinity",
        "10000-01-01 00:00:00.000001",
        "0001-01-01 (BC) 00:00:00",
    ];
    roundtrip(&moments, &micros);
    let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
    roundtrip(
        &["1969-12-31 23:59:59.001", "2020-01-01 00:00:00.12"],
        &millis,
    );
    let nanos = DataType::Timestamp(TimeUnit::Nanosecond, None);
    roundtrip(
        &[
            "1969-12-31 23:59:59.000000001",
            "2020-01-01 00:00:00.1234567",
        ],
        &nanos,
    );
    roundtrip(
        &["1969-12-31 23:59:59"],
        &DataType::Timestamp(TimeUnit::Second, None),
    );
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    roundtrip(
        &[
            "2026-11-21 13:41:45.031718+00",
            "-infinity",
            "0001-01-01 00:00:00+00",
        ],
        &zoned,
    );
    let elsewhere = read(&[Some("2020-01-01 00:00:00-03:30")], &zoned).unwrap();
    assert_eq!(
        write(&elsewhere, 0).unwrap().unwrap(),
        "2020-01-01 03:30:00+00"
    );
    for wrong in ["2021-02-29", "2020-13-01", "2020-1", "", "today"] {
        assert!(read(&[Some(wrong)], &DataType::Date32).is_err(), "{wrong}");
    }
    assert!(read(&[Some("2020-01-01 00:00:00.0001")], &millis).is_err());
}

#[test]
fn intervals() {
    let texts = [
        "1 year 2 months 3 days 04:05:06.789",
        "-1 month",
        "00:00:00",
        "-25:00:00",
        "1 month -1 day 00:00:00.000001",
        "1 year 2 months -3 days",
        "-1 year -2 months",
        "1 day",
    ];
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    roundtrip(&texts, &interval);
    let others = [
        (
            "1 year 2 mons 3 days 04:05:06.789",
            "1 year 2 months 3 days 04:05:06.789",
        ),
        ("-1 days +02:03:00", "-1 day 02:03:00"),
        ("0 months 1 days 5000 microseconds", "1 day 00:00:00.005"),
    ];
    for (text, ours) in others {
        let array = read(&[Some(text)], &interval).unwrap();
        assert_eq!(write(&array, 0).unwrap().unwrap(), ours);
    }
}

#[test]
fn bytes_and_uuids() {
    let texts = [r"\x00ab\xFF\x27\x22\x5C", "plain text", ""];
    let array = roundtrip(&texts, &DataType::Binary);
    assert_eq!(array.as_binary::<i32>().value(0), b"\x00ab\xff'\"\\");
    roundtrip(
        &["00000000-0000-0000-0000-000000000001"],
        &DataType::FixedSizeBinary(16),
    );
    assert_eq!(hex(b"ab"), "6162");
    for (sql_type, to) in [("BLOB", DataType::Binary), ("BYTEA", DataType::Utf8)] {
        let array = read_inlined(&[Some(r"\x4e554c4c"), None], sql_type, &to).unwrap();
        let text = write_inlined(&array, 0, sql_type).unwrap();
        assert_eq!(text.as_deref(), Some(r"\x4e554c4c"));
        assert_eq!(write(&array, 0).unwrap().unwrap(), "NULL");
        assert_eq!(write_inlined(&array, 1, sql_type).unwrap(), None);
    }
}

#[test]
fn lists_quote_what_must_be() {
    let all = r#"[a, a b, 'a, b', '', 'NULL', 'null', NULL, 'it\'s', '"q"', '[x]', '{y', 'a=b', 'a:b', back\slash, ' lead', 'trail ', ü, '(p)', 'a"b', 'x\'', 1, true, a\, 'q\\"b', '\'\'']"#;
    let array = roundtrip(&[all, "[]"], &list(DataType::Utf8));
    let first = array.as_list::<i32>().value(0);
    let first = first.as_string::<i32>();
    assert_eq!(first.value(7), "it's");
    assert_eq!(first.value(13), r"back\slash");
    assert_eq!(first.value(23), r#"q\"b"#);
    assert!(first.is_null(6));
    roundtrip(
        &[r"[\x00ab\xFF, 'a,b', a b, \x27\x22, '']"],
        &list(DataType::Binary),
    );
    roundtrip(
        &["[1.0, 0.1, 1e+300, nan, inf, -inf, 0.0]"],
        &list(DataType::Float64),
    );
    roundtrip(&["[true, false, NULL]"], &list(DataType::Boolean));
    roundtrip(
        &["[[1, 2], [], NULL, [NULL]]"],
        &list(list(DataType::Int32)),
    );
    roundtrip(
        &["['12:00:00']"],
        &list(DataType::Time64(TimeUnit::Microsecond)),
    );
    roundtrip(
        &["[1 day, '-01:00:00']"],
        &list(DataType::Interval(IntervalUnit::MonthDayNano)),
    );
    let pair = structure(&[("a", DataType::Utf8), ("b", list(DataType::Int32))]);
    roundtrip(
        &["[{'a': x, 'b': [1]}, {'a': NULL, 'b': NULL}, NULL]"],
        &list(pair),
    );
    for wrong in ["[1, 2", "1", "[1,, 2]", "[x]", "{1}", "[1]]", ""] {
        assert!(
            read(&[Some(wrong)], &list(DataType::Int32)).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn maps() {
    roundtrip(
        &["{'a=b'=c, d e=NULL, ''='x, y'}", "{}"],
        &map(DataType::Utf8, DataType::Utf8),
    );
    roundtrip(
        &["{2020-01-01=1.5}"],
        &map(DataType::Date32, DataType::Float64),
    );
    roundtrip(
        &[r"{'it\'s'=['it\'s']}"],
        &map(DataType::Utf8, list(DataType::Utf8)),
    );
}

#[test]
fn structs_that_duckdb_wrote_as_sql() {
    let one = structure(&[("x", DataType::Utf8)]);
    let texts = [
        ("{'x': 'it''s'}", "it's"),
        (r"{'x': 'a\'}", r"a\"),
        ("{'x': ''''''}", "''"),
        ("{'x': ''}", ""),
        (r"{'x': 'tr\'''}", r"tr\'"),
        ("{'x': 'NULL'}", "NULL"),
        ("{'x': y}", "y"),
        (r"{'x': 'q\x'}", r"q\x"),
    ];
    for (text, value) in texts {
        let array = read(&[Some(text)], &one).unwrap();
        assert_eq!(
            array.as_struct().column(0).as_string::<i32>().value(0),
            value
        );
    }
    let within = structure(&[("x", list(DataType::Utf8))]);
    roundtrip(&[r"{'x': ['it\'s', back\slash]}", "{'x': NULL}"], &within);
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let all = structure(&[
        ("b", DataType::Binary),
        ("t", DataType::Time64(TimeUnit::Microsecond)),
        ("f", DataType::Float64),
        ("iv", interval),
        ("dc", DataType::Decimal128(5, 2)),
        ("bo", DataType::Boolean),
    ]);
    let sql = r"{'b': CAST('\x00a\x27\x5C' AS BLOB), 't': CAST('12:00:00' AS TIME), 'f': CAST('-0.0' AS VARCHAR), 'iv': CAST('0 months 1 days 0 microseconds' AS INTERVAL), 'dc': 1.50, 'bo': true}";
    let array = read(&[Some(sql), None], &all).unwrap();
    assert_eq!(
        write(&array, 0).unwrap().unwrap(),
        r"{'b': \x00a\x27\x5C, 't': '12:00:00', 'f': -0.0, 'iv': 1 day, 'dc': 1.50, 'bo': true}"
    );
    assert!(array.is_null(1));
}

#[test]
fn errors_name_the_text() {
    let Err(Error::Broken { message }) = read(&[Some("12x")], &DataType::Int32) else {
        panic!("must fail");
    };
    assert!(
        message.contains("\"12x\"") && message.contains("Int32"),
        "{message}"
    );
}

#[test]
fn columns_of_inlined_tables() {
    let types = [
        ("boolean", "BIGINT", "BOOLEAN"),
        ("int8", "BIGINT", "SMALLINT"),
        ("uint8", "BIGINT", "INTEGER"),
        ("uint32", "BIGINT", "BIGINT"),
        ("uint64", "VARCHAR", "VARCHAR"),
        ("float32", "VARCHAR", "REAL"),
        ("decimal(10,2)", "VARCHAR", "DECIMAL(10,2)"),
        ("varchar", "VARCHAR", "BYTEA"),
        ("blob", "BLOB", "BYTEA"),
        ("timestamptz", "VARCHAR", "VARCHAR"),
        ("list", "VARCHAR", "VARCHAR"),
    ];
    for (stored, sqlite, postgres) in types {
        assert_eq!(sql_type(stored, Dialect::Sqlite), sqlite);
        assert_eq!(sql_type(stored, Dialect::Postgres), postgres);
    }
    assert!(is_inline_safe(&DataType::Utf8) && is_inline_safe(&list(DataType::Int32)));
    assert!(!is_inline_safe(&list(list(DataType::Utf8))));
}
