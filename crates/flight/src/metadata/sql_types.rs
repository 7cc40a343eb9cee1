//! The SQL types that columns are told to have: one list for the metadata of columns and for CommandGetXdbcTypeInfo, since
//! clients look a column's type up in the latter.

use arrow::datatypes::{DataType, TimeUnit};
use arrow_flight::sql::XdbcDataType as Xdbc;

/// An SQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlType {
    Null,
    Boolean,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    TinyIntUnsigned,
    SmallIntUnsigned,
    IntegerUnsigned,
    BigIntUnsigned,
    Real,
    Double,
    Decimal,
    Varchar,
    Varbinary,
    Date,
    Time,
    Timestamp,
    TimestampWithTimeZone,
    Interval,
    Array,
    Struct,
    Map,
    Union,
}

/// A column's type with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnType {
    pub(super) sql: SqlType,
    /// Digits of a number, characters of the text form of a date or time, bytes of a fixed length.
    pub(super) precision: Option<i32>,
    /// Digits after the point.
    pub(super) scale: Option<i32>,
}

impl SqlType {
    pub(super) const ALL: [Self; 24] = [
        Self::Null,
        Self::Boolean,
        Self::TinyInt,
        Self::SmallInt,
        Self::Integer,
        Self::BigInt,
        Self::TinyIntUnsigned,
        Self::SmallIntUnsigned,
        Self::IntegerUnsigned,
        Self::BigIntUnsigned,
        Self::Real,
        Self::Double,
        Self::Decimal,
        Self::Varchar,
        Self::Varbinary,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::TimestampWithTimeZone,
        Self::Interval,
        Self::Array,
        Self::Struct,
        Self::Map,
        Self::Union,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean => "BOOLEAN",
            Self::TinyInt => "TINYINT",
            Self::SmallInt => "SMALLINT",
            Self::Integer => "INTEGER",
            Self::BigInt => "BIGINT",
            Self::TinyIntUnsigned => "TINYINT UNSIGNED",
            Self::SmallIntUnsigned => "SMALLINT UNSIGNED",
            Self::IntegerUnsigned => "INTEGER UNSIGNED",
            Self::BigIntUnsigned => "BIGINT UNSIGNED",
            Self::Real => "REAL",
            Self::Double => "DOUBLE",
            Self::Decimal => "DECIMAL",
            Self::Varchar => "VARCHAR",
            Self::Varbinary => "VARBINARY",
            Self::Date => "DATE",
            Self::Time => "TIME",
            Self::Timestamp => "TIMESTAMP",
            Self::TimestampWithTimeZone => "TIMESTAMP WITH TIME ZONE",
            Self::Interval => "INTERVAL",
            Self::Array => "ARRAY",
            Self::Struct => "STRUCT",
            Self::Map => "MAP",
            Self::Union => "UNION",
        }
    }

    /// The number that JDBC and ODBC have for it. They have none for nested types.
    pub(super) fn xdbc(self) -> Xdbc {
        match self {
            Self::Boolean => Xdbc::XdbcBit,
            Self::TinyInt | Self::TinyIntUnsigned => Xdbc::XdbcTinyint,
            Self::SmallInt | Self::SmallIntUnsigned => Xdbc::XdbcSmallint,
            Self::Integer | Self::IntegerUnsigned => Xdbc::XdbcInteger,
            Self::BigInt | Self::BigIntUnsigned => Xdbc::XdbcBigint,
            Self::Real => Xdbc::XdbcReal,
            Self::Double => Xdbc::XdbcDouble,
            Self::Decimal => Xdbc::XdbcDecimal,
            Self::Varchar => Xdbc::XdbcVarchar,
            Self::Varbinary => Xdbc::XdbcVarbinary,
            Self::Date => Xdbc::XdbcDate,
            Self::Time => Xdbc::XdbcTime,
            Self::Timestamp | Self::TimestampWithTimeZone => Xdbc::XdbcTimestamp,
            Self::Interval => Xdbc::XdbcInterval,
            Self::Null | Self::Array | Self::Struct | Self::Map | Self::Union => {
                Xdbc::XdbcUnknownType
            }
        }
    }
}

impl ColumnType {
    /// Of a column in wire form; other types have the one that their wire form has.
    pub(super) fn of(data_type: &DataType) -> Self {
        use DataType as T;
        match data_type {
            T::Null => plain(SqlType::Null),
            T::Boolean => sized(SqlType::Boolean, 1),
            T::Int8 => number(SqlType::TinyInt, 3, 0),
            T::Int16 => number(SqlType::SmallInt, 5, 0),
            T::Int32 => number(SqlType::Integer, 10, 0),
            T::Int64 => number(SqlType::BigInt, 19, 0),
            T::UInt8 => number(SqlType::TinyIntUnsigned, 3, 0),
            T::UInt16 => number(SqlType::SmallIntUnsigned, 5, 0),
            T::UInt32 => number(SqlType::IntegerUnsigned, 10, 0),
            T::UInt64 => number(SqlType::BigIntUnsigned, 20, 0),
            // Bits of the mantissa.
            T::Float16 | T::Float32 => sized(SqlType::Real, 24),
            T::Float64 => sized(SqlType::Double, 53),
            T::Decimal32(precision, scale)
            | T::Decimal64(precision, scale)
            | T::Decimal128(precision, scale)
            | T::Decimal256(precision, scale) => {
                number(SqlType::Decimal, (*precision).into(), (*scale).into())
            }
            T::Utf8 | T::LargeUtf8 | T::Utf8View => sized(SqlType::Varchar, i32::MAX),
            T::Binary | T::LargeBinary | T::BinaryView => sized(SqlType::Varbinary, i32::MAX),
            T::FixedSizeBinary(width) => sized(SqlType::Varbinary, *width),
            T::Date32 | T::Date64 => sized(SqlType::Date, 10),
            T::Time32(unit) | T::Time64(unit) => clock(SqlType::Time, 8, *unit),
            T::Timestamp(unit, None) => clock(SqlType::Timestamp, 19, *unit),
            T::Timestamp(unit, Some(_)) => clock(SqlType::TimestampWithTimeZone, 25, *unit),
            T::Duration(_) | T::Interval(_) => plain(SqlType::Interval),
            T::List(_)
            | T::LargeList(_)
            | T::ListView(_)
            | T::LargeListView(_)
            | T::FixedSizeList(_, _) => plain(SqlType::Array),
            T::Struct(_) => plain(SqlType::Struct),
            T::Map(_, _) => plain(SqlType::Map),
            T::Union(_, _) => plain(SqlType::Union),
            T::Dictionary(_, values) => Self::of(values),
            T::RunEndEncoded(_, values) => Self::of(values.data_type()),
        }
    }
}

fn plain(sql: SqlType) -> ColumnType {
    ColumnType {
        sql,
        precision: None,
        scale: None,
    }
}

fn sized(sql: SqlType, precision: i32) -> ColumnType {
    ColumnType {
        precision: Some(precision),
        ..plain(sql)
    }
}

fn number(sql: SqlType, precision: i32, scale: i32) -> ColumnType {
    ColumnType {
        scale: Some(scale),
        ..sized(sql, precision)
    }
}

fn clock(sql: SqlType, whole_seconds: i32, unit: TimeUnit) -> ColumnType {
    let digits = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    // The point takes a place too.
    let point = i32::from(digits > 0);
    number(sql, whole_seconds + point + digits, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_text_form() {
        let column = |data_type| {
            let column = ColumnType::of(&data_type);
            (column.sql.name(), column.precision, column.scale)
        };
        assert_eq!(column(DataType::Int64), ("BIGINT", Some(19), Some(0)));
        assert_eq!(
            column(DataType::Decimal128(12, 2)),
            ("DECIMAL", Some(12), Some(2))
        );
        assert_eq!(
            column(DataType::Timestamp(TimeUnit::Microsecond, None)),
            ("TIMESTAMP", Some(26), Some(6))
        );
        assert_eq!(
            column(DataType::Time32(TimeUnit::Second)),
            ("TIME", Some(8), Some(0))
        );
        let dictionary = DataType::Dictionary(DataType::Int8.into(), DataType::Utf8View.into());
        assert_eq!(column(dictionary).0, "VARCHAR");
    }

    #[test]
    fn every_type_is_listed_once() {
        let mut names: Vec<_> = SqlType::ALL.iter().map(|sql| sql.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SqlType::ALL.len());
    }
}
