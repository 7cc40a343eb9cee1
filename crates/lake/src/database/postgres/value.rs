use std::error::Error as StdError;

use bytes::BytesMut;
use chrono::{DateTime, Utc};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::database::{Row, Value};

type Failure = Box<dyn StdError + Sync + Send>;

/// Microseconds from 1970 to 2000, where the database begins to count.
const EPOCH: i64 = 946_684_800_000_000;

pub(super) fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    let values = (0..row.len()).map(|at| Ok(row.try_get::<_, Read>(at)?.0));
    Ok(Row(values.collect::<Result<_, _>>()?))
}

/// A value that was read.
struct Read(Value);

impl<'a> FromSql<'a> for Read {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(match *kind {
            Type::BOOL => Value::Int(i64::from(bool::from_sql(kind, raw)?)),
            Type::INT2 => Value::Int(i16::from_sql(kind, raw)?.into()),
            Type::INT4 => Value::Int(i32::from_sql(kind, raw)?.into()),
            Type::INT8 => Value::Int(i64::from_sql(kind, raw)?),
            Type::FLOAT4 => Value::Real(f32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Value::Real(f64::from_sql(kind, raw)?),
            Type::UUID => Value::Text(Uuid::from_slice(raw)?.to_string()),
            Type::TIMESTAMPTZ => Value::Text(time(i64::from_be_bytes(raw.try_into()?))?),
            Type::BYTEA => Value::Blob(raw.to_vec()),
            _ => Value::Text(String::from_sql(kind, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Value::Null))
    }

    fn accepts(kind: &Type) -> bool {
        let known = [
            Type::BOOL,
            Type::INT2,
            Type::INT4,
            Type::INT8,
            Type::FLOAT4,
            Type::FLOAT8,
            Type::UUID,
            Type::TIMESTAMPTZ,
            Type::BYTEA,
        ];
        known.contains(kind) || <String as FromSql<'_>>::accepts(kind)
    }
}

/// As the database writes it in UTC: `2026-11-21 13:49:40.5764+00`.
fn time(microseconds: i64) -> Result<String, Failure> {
    let instant = microseconds
        .checked_add(EPOCH)
        .and_then(DateTime::<Utc>::from_timestamp_micros);
    let instant = instant.ok_or("a time that is infinite")?;
    let text = instant.format("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = format!(".{:06}", instant.timestamp_subsec_micros());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    Ok(format!("{text}{fraction}+00"))
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        let wrong = || Err(format!("{self:?} is no value of type {kind}").into());
        match (self, kind) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(value), &Type::BOOL) => (*value != 0).to_sql(kind, out),
            (Self::Int(value), &Type::INT2) => i16::try_from(*value)?.to_sql(kind, out),
            (Self::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(kind, out),
            (Self::Int(value), &Type::INT8) => value.to_sql(kind, out),
            #[expect(clippy::cast_possible_truncation, reason = "the column is no wider")]
            (Self::Real(value), &Type::FLOAT4) => (*value as f32).to_sql(kind, out),
            (Self::Real(value), &Type::FLOAT8) => value.to_sql(kind, out),
            (Self::Text(value), &Type::UUID) => {
                out.extend_from_slice(Uuid::parse_str(value)?.as_bytes());
                Ok(IsNull::No)
            }
            (Self::Text(value), kind) if <&str as ToSql>::accepts(kind) => value.to_sql(kind, out),
            (Self::Blob(value), &Type::BYTEA) => value.as_slice().to_sql(kind, out),
            _ => wrong(),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_written_as_the_database_does() {
        for (microseconds, text) in [
            (0, "2000-01-01 00:00:00+00"),
            (10_000_000, "2000-01-01 00:00:10+00"),
            (1_500_000, "2000-01-01 00:00:01.5+00"),
            (848_584_180_576_400, "2026-11-21 13:49:40.5764+00"),
        ] {
            assert_eq!(time(microseconds).unwrap(), text);
        }
        assert!(time(i64::MAX).is_err());
    }
}
