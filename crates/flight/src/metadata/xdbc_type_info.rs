use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{
    Nullable, Searchable, XdbcDataType as Xdbc, XdbcDatetimeSubcode as Subcode,
};

use super::built;
use super::sql_types::SqlType;
use crate::Result;

pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// All types, or those with the number that JDBC and ODBC have for them.
pub(super) fn rows(data_type: Option<i32>) -> Result<RecordBatch> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    SqlType::ALL
        .iter()
        .for_each(|sql| builder.append(info(*sql)));
    built(
        builder
            .build()
            .and_then(|types| types.record_batch(data_type)),
    )
}

fn info(sql: SqlType) -> XdbcTypeInfo {
    let (column_size, radix) = size(sql);
    let is_number = radix.is_some();
    let literal = literal(sql);
    let (sql_data_type, datetime_subcode) = generic(sql);
    let (minimum_scale, maximum_scale) = scale(sql);
    let searchable = match sql {
        SqlType::Varchar => Searchable::Full,
        SqlType::Array | SqlType::Struct | SqlType::Map | SqlType::Union => Searchable::None,
        _ => Searchable::Basic,
    };
    XdbcTypeInfo {
        type_name: sql.name().to_owned(),
        data_type: sql.xdbc(),
        column_size,
        literal_prefix: literal.map(|(prefix, _)| prefix.to_owned()),
        literal_suffix: literal.map(|(_, suffix)| suffix.to_owned()),
        create_params: (sql == SqlType::Decimal)
            .then(|| vec!["precision".to_owned(), "scale".to_owned()]),
        nullable: Nullable::NullabilityNullable,
        case_sensitive: sql == SqlType::Varchar,
        searchable,
        unsigned_attribute: is_number.then(|| sql.name().ends_with("UNSIGNED")),
        fixed_prec_scale: false,
        auto_increment: is_number.then_some(false),
        local_type_name: Some(sql.name().to_owned()),
        minimum_scale,
        maximum_scale,
        sql_data_type,
        datetime_subcode,
        num_prec_radix: radix,
        interval_precision: (sql == SqlType::Interval).then_some(9),
    }
}

/// The largest size, and for numbers the base that it counts in.
fn size(sql: SqlType) -> (Option<i32>, Option<i32>) {
    match sql {
        SqlType::Boolean => (Some(1), None),
        SqlType::TinyInt | SqlType::TinyIntUnsigned => (Some(3), Some(10)),
        SqlType::SmallInt | SqlType::SmallIntUnsigned => (Some(5), Some(10)),
        SqlType::Integer | SqlType::IntegerUnsigned => (Some(10), Some(10)),
        SqlType::BigInt => (Some(19), Some(10)),
        SqlType::BigIntUnsigned => (Some(20), Some(10)),
        SqlType::Real => (Some(24), Some(2)),
        SqlType::Double => (Some(53), Some(2)),
        SqlType::Decimal => (Some(76), Some(10)),
        SqlType::Varchar | SqlType::Varbinary => (Some(i32::MAX), None),
        SqlType::Date => (Some(10), None),
        SqlType::Time => (Some(18), None),
        SqlType::Timestamp => (Some(29), None),
        SqlType::TimestampWithTimeZone => (Some(35), None),
        SqlType::Null
        | SqlType::Interval
        | SqlType::Array
        | SqlType::Struct
        | SqlType::Map
        | SqlType::Union => (None, None),
    }
}

/// What stands before and after a literal.
fn literal(sql: SqlType) -> Option<(&'static str, &'static str)> {
    match sql {
        SqlType::Varchar => Some(("'", "'")),
        SqlType::Varbinary => Some(("X'", "'")),
        SqlType::Date => Some(("DATE '", "'")),
        SqlType::Time => Some(("TIME '", "'")),
        SqlType::Timestamp | SqlType::TimestampWithTimeZone => Some(("TIMESTAMP '", "'")),
        SqlType::Interval => Some(("INTERVAL '", "'")),
        _ => None,
    }
}

/// The type with its subtype for dates, times and intervals, as ODBC 3 splits them.
fn generic(sql: SqlType) -> (Xdbc, Option<Subcode>) {
    match sql {
        SqlType::Date => (Xdbc::XdbcDatetime, Some(Subcode::XdbcSubcodeYear)),
        SqlType::Time => (Xdbc::XdbcDatetime, Some(Subcode::XdbcSubcodeTime)),
        SqlType::Timestamp => (Xdbc::XdbcDatetime, Some(Subcode::XdbcSubcodeTimestamp)),
        SqlType::TimestampWithTimeZone => {
            let subcode = Subcode::XdbcSubcodeTimestampWithTimezone;
            (Xdbc::XdbcDatetime, Some(subcode))
        }
        SqlType::Interval => (Xdbc::XdbcInterval, Some(Subcode::XdbcSubcodeUnknown)),
        other => (other.xdbc(), None),
    }
}

fn scale(sql: SqlType) -> (Option<i32>, Option<i32>) {
    match sql {
        SqlType::Decimal => (Some(-76), Some(76)),
        SqlType::Time | SqlType::Timestamp | SqlType::TimestampWithTimeZone => (Some(0), Some(9)),
        _ if size(sql).1 == Some(10) => (Some(0), Some(0)),
        _ => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn all_types_or_those_of_one_number() {
        let all = rows(None).unwrap();
        assert_eq!(all.schema(), schema());
        assert_eq!(all.num_rows(), SqlType::ALL.len());
        let numbers = all.column(1).as_primitive::<Int32Type>().values();
        assert!(numbers.is_sorted());

        let bigint = rows(Some(-5)).unwrap();
        let names = bigint.column(0).as_string::<i32>().iter().flatten();
        assert_eq!(names.collect::<Vec<_>>(), ["BIGINT", "BIGINT UNSIGNED"]);
        assert_eq!(rows(Some(12345)).unwrap().num_rows(), 0);
    }
}
