//! Intervals: months, days and a time, each with its own sign.

use arrow::datatypes::IntervalMonthDayNano;

use super::calendar;

const NANOSECONDS: i64 = 1_000_000_000;

/// `1 year 2 months 3 days 04:05:06.789`.
pub(super) fn write(value: IntervalMonthDayNano) -> String {
    let parts = [
        (value.months / 12, "year"),
        (value.months % 12, "month"),
        (value.days, "day"),
    ];
    let mut words = Vec::with_capacity(4);
    for (count, unit) in parts {
        if count != 0 {
            let plural = if count.abs() == 1 { "" } else { "s" };
            words.push(format!("{count} {unit}{plural}"));
        }
    }
    if value.nanoseconds != 0 || words.is_empty() {
        let sign = if value.nanoseconds < 0 { "-" } else { "" };
        let nanoseconds = value.nanoseconds.unsigned_abs();
        words.push(format!("{sign}{}", calendar::clock(nanoseconds, 9)));
    }
    words.join(" ")
}

/// What [`write`] makes, what PostgreSQL makes of it (`mons`, `+04:05:06`), and DuckDB's `0 months 1 days 0 microseconds`.
pub(super) fn read(text: &str) -> Option<IntervalMonthDayNano> {
    let mut months = 0i32;
    let mut days = 0i32;
    let mut nanoseconds = 0i64;
    let mut words = text.split_ascii_whitespace();
    let mut any = false;
    while let Some(word) = words.next() {
        any = true;
        if word.contains(':') {
            nanoseconds = nanoseconds.checked_add(time(word)?)?;
            continue;
        }
        let count: i64 = word.parse().ok()?;
        let few = || i32::try_from(count).ok();
        match words.next()?.trim_end_matches('s') {
            "year" => months = months.checked_add(few()?.checked_mul(12)?)?,
            "month" | "mon" => months = months.checked_add(few()?)?,
            "day" => days = days.checked_add(few()?)?,
            "microsecond" => {
                nanoseconds =
                    nanoseconds.checked_add(count.checked_mul(NANOSECONDS / 1_000_000)?)?;
            }
            _ => return None,
        }
    }
    any.then(|| IntervalMonthDayNano::new(months, days, nanoseconds))
}

/// `-25:00:00.5` in nanoseconds.
fn time(word: &str) -> Option<i64> {
    let (negative, word) = match word.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let nanoseconds = calendar::read_clock(word, NANOSECONDS)?;
    Some(if negative { -nanoseconds } else { nanoseconds })
}
