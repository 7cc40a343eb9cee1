//! Dates, times of day and moments, over all of the range that their numbers have.

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use crate::Result;

const SECONDS_A_DAY: i64 = 86_400;
/// Days from the first of March of the year zero to 1970-01-01.
const EPOCH: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

/// Whether it is a date, a time or a moment that has a text.
pub(super) fn is_moment(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..)
    )
}

/// The text of one of those.
pub(super) fn write(array: &dyn Array, row: usize) -> Result<String> {
    let value = |value: Option<i64>| value.ok_or_else(|| super::unsupported(array.data_type()));
    Ok(match array.data_type() {
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let since = value(time_of(array, row))?;
            let (per_second, digits) = resolution(*unit);
            let since = since.unsigned_abs() * (1_000_000_000 / per_second.unsigned_abs());
            clock(since, digits)
        }
        DataType::Timestamp(unit, zone) => {
            let since = value(timestamp_of(array, row))?;
            timestamp(since, *unit, zone.is_some())
        }
        other => return Err(super::unsupported(other)),
    })
}

/// How many of a unit a second has, and the digits behind the point that this takes.
pub(super) fn resolution(unit: TimeUnit) -> (i64, usize) {
    match unit {
        TimeUnit::Second => (1, 0),
        TimeUnit::Millisecond => (1_000, 3),
        TimeUnit::Microsecond => (1_000_000, 6),
        TimeUnit::Nanosecond => (1_000_000_000, 9),
    }
}

/// Days since 1970-01-01 of `2020-01-01`, `0044-03-15 (BC)` or `infinity`.
pub(super) fn read_date(text: &str) -> Option<i32> {
    match text {
        "infinity" => return Some(i32::MAX),
        "-infinity" => return Some(-i32::MAX),
        _ => {}
    }
    let (text, before_christ) = match text.strip_suffix(" (BC)") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut parts = text.splitn(3, '-');
    let year: i64 = number(parts.next()?)?;
    let month: i64 = number(parts.next()?)?;
    let day: i64 = number(parts.next()?)?;
    let year = if before_christ { 1 - year } else { year };
    let days = days_of(year, month, day);
    let is_real = civil(days) == (year, month, day) && year.abs() < 10_000_000;
    i32::try_from(days).ok().filter(|_| is_real)
}

/// `12:00:00.5` in a unit of which a second has `per_second`; `None` also where that is too coarse.
pub(super) fn read_clock(text: &str, per_second: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.splitn(3, ':');
    let hours: i64 = number(parts.next()?)?;
    let minutes: i64 = number(parts.next()?)?;
    let seconds: i64 = parts.next().map_or(Some(0), number)?;
    if minutes > 59 || seconds > 60 || fraction.len() > 9 {
        return None;
    }
    let fraction: i64 = number(&format!("{fraction:0<9}"))?;
    let unit = 1_000_000_000 / per_second;
    let seconds = hours
        .checked_mul(3_600)?
        .checked_add(minutes * 60 + seconds)?;
    let whole = seconds.checked_mul(per_second)?;
    (fraction % unit == 0).then(|| whole.checked_add(fraction / unit))?
}

/// A moment in a unit since 1970-01-01. A zone (`+00`, `-03:30`) is taken off; without one it is UTC.
pub(super) fn read_timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(-i64::MAX),
        _ => {}
    }
    let at = text
        .rfind(')')
        .map_or_else(|| text.find(' '), |at| Some(at + 1));
    let Some((day, rest)) = at.and_then(|at| text.split_at_checked(at)) else {
        let days = i64::from(read_date(text)?);
        return days.checked_mul(SECONDS_A_DAY * resolution(unit).0);
    };
    let days = i64::from(read_date(day)?);
    let rest = rest.trim_start();
    let (time, offset) = match rest.find(['+', '-']) {
        Some(at) => (rest.get(..at)?, read_offset(rest.get(at..)?)?),
        None => (rest, 0),
    };
    let (per_second, _) = resolution(unit);
    let time = read_clock(time.trim_end(), per_second)?;
    let whole = i128::from(days * SECONDS_A_DAY - offset) * i128::from(per_second);
    i64::try_from(whole + i128::from(time)).ok()
}

/// `HH:MM:SS`, with what is behind the point to at most so many digits, without zeros at the end.
pub(super) fn clock(nanoseconds: u64, digits: usize) -> String {
    let (seconds, fraction) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    let fraction = format!("{fraction:09}");
    let fraction = fraction.get(..digits).unwrap_or(&fraction);
    match fraction.trim_end_matches('0') {
        "" => clock,
        fraction => format!("{clock}.{fraction}"),
    }
}

fn date(days: i32) -> String {
    match days {
        i32::MAX => "infinity".to_owned(),
        days if days == -i32::MAX => "-infinity".to_owned(),
        days => match civil(i64::from(days)) {
            (year, month, day) if year > 0 => format!("{year:04}-{month:02}-{day:02}"),
            (year, month, day) => format!("{:04}-{month:02}-{day:02} (BC)", 1 - year),
        },
    }
}

fn timestamp(since: i64, unit: TimeUnit, zoned: bool) -> String {
    match since {
        i64::MAX => return "infinity".to_owned(),
        since if since == -i64::MAX => return "-infinity".to_owned(),
        _ => {}
    }
    let (per_second, digits) = resolution(unit);
    let (seconds, fraction) = (since.div_euclid(per_second), since.rem_euclid(per_second));
    let (days, second) = (
        seconds.div_euclid(SECONDS_A_DAY),
        seconds.rem_euclid(SECONDS_A_DAY),
    );
    let nanoseconds = second * 1_000_000_000 + fraction * (1_000_000_000 / per_second);
    let clock = clock(nanoseconds.unsigned_abs(), digits);
    let zone = if zoned { "+00" } else { "" };
    let day = match civil(days) {
        (year, month, day) if year > 0 => format!("{year:04}-{month:02}-{day:02}"),
        (year, month, day) => format!("{:04}-{month:02}-{day:02} (BC)", 1 - year),
    };
    format!("{day} {clock}{zone}")
}

/// Year, month and day of a day of the proleptic Gregorian calendar; the year before 1 is 0.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day = days.rem_euclid(DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`].
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let day = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * DAYS_OF_400_YEARS + day - EPOCH
}

/// Seconds that a zone is ahead of UTC: `+00`, `-03:30`.
fn read_offset(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let mut seconds = 0;
    for (part, of) in text.split(':').zip([3_600, 60, 1]) {
        seconds += number(part)? * of;
    }
    Some(sign * seconds)
}

/// Digits and nothing else, not too many for a year.
fn number(text: &str) -> Option<i64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn time_of(array: &dyn Array, row: usize) -> Option<i64> {
    fn value<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &dyn Array, row: usize) -> i64 {
        let array: &PrimitiveArray<T> = array.as_primitive();
        array.value(row).into()
    }
    Some(match array.data_type() {
        DataType::Time32(TimeUnit::Second) => value::<Time32SecondType>(array, row),
        DataType::Time32(TimeUnit::Millisecond) => value::<Time32MillisecondType>(array, row),
        DataType::Time64(TimeUnit::Microsecond) => value::<Time64MicrosecondType>(array, row),
        DataType::Time64(TimeUnit::Nanosecond) => value::<Time64NanosecondType>(array, row),
        _ => return None,
    })
}

fn timestamp_of(array: &dyn Array, row: usize) -> Option<i64> {
    let DataType::Timestamp(unit, _) = array.data_type() else {
        return None;
    };
    Some(match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row),
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    })
}
