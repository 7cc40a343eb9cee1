//! What the catalog's name of a type does not say.

use arrow::datatypes::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

/// Said of one column, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tag {
    /// The Arrow type, where it is not the plain one of the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) form: Option<Form>,
    /// For parts of nested columns: that they are never null.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) not_null: bool,
    /// What Arrow calls the element of a list, or entries, key and value of a map, where that is unusual.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) names: Vec<String>,
    /// For maps: whether keys are sorted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) sorted: bool,
}

/// An Arrow type over a plainer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    Null,
    Float16,
    LargeUtf8,
    LargeBinary,
    FixedSizeBinary(i32),
    Date64,
    Time32(Unit),
    Time64(Unit),
    Duration(Unit),
    Timestamp(Unit, Option<String>),
    Decimal32,
    Decimal64,
    Decimal256,
    LargeList,
    FixedSizeList(i32),
}

/// Unit of a time, a timestamp or a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Unit {
    #[serde(rename = "s")]
    Second,
    #[serde(rename = "ms")]
    Millisecond,
    #[serde(rename = "us")]
    Microsecond,
    #[serde(rename = "ns")]
    Nanosecond,
}

impl Unit {
    pub(super) fn of(unit: TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }

    fn arrow(self) -> TimeUnit {
        match self {
            Self::Second => TimeUnit::Second,
            Self::Millisecond => TimeUnit::Millisecond,
            Self::Microsecond => TimeUnit::Microsecond,
            Self::Nanosecond => TimeUnit::Nanosecond,
        }
    }
}

impl Tag {
    /// With names that are left out where they are the usual ones.
    pub(super) fn of(form: Option<Form>, names: &[(&String, &str)]) -> Self {
        let usual = names.iter().all(|(name, usual)| name == usual);
        let names = names.iter().map(|(name, _)| (*name).clone());
        Self {
            form,
            names: if usual { Vec::new() } else { names.collect() },
            ..Self::default()
        }
    }

    /// Nothing where there is nothing to say.
    pub(super) fn said(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }

    pub(super) fn name<'a>(&'a self, at: usize, usual: &'a str) -> &'a str {
        self.names.get(at).map_or(usual, String::as_str)
    }
}

impl Form {
    /// The type over a plain scalar one; `None` where the two do not go together, because the column was changed since.
    pub(super) fn over(&self, plain: &DataType) -> Option<DataType> {
        let formed = match self {
            Self::Null => DataType::Null,
            Self::Float16 => DataType::Float16,
            Self::LargeUtf8 => DataType::LargeUtf8,
            Self::LargeBinary => DataType::LargeBinary,
            Self::FixedSizeBinary(size) => DataType::FixedSizeBinary(*size),
            Self::Date64 => DataType::Date64,
            Self::Time32(unit) => DataType::Time32(unit.arrow()),
            Self::Time64(unit) => DataType::Time64(unit.arrow()),
            Self::Duration(unit) => DataType::Duration(unit.arrow()),
            Self::Timestamp(unit, zone) => {
                let zone = zone.as_ref().map(|zone| zone.as_str().into());
                DataType::Timestamp(unit.arrow(), zone)
            }
            Self::Decimal32 | Self::Decimal64 | Self::Decimal256 => {
                let DataType::Decimal128(precision, scale) = plain else {
                    return None;
                };
                match self {
                    Self::Decimal32 => DataType::Decimal32(*precision, *scale),
                    Self::Decimal64 => DataType::Decimal64(*precision, *scale),
                    _ => DataType::Decimal256(*precision, *scale),
                }
            }
            Self::LargeList | Self::FixedSizeList(_) => return None,
        };
        let (stored, _) = super::name::stored(&formed)?;
        (super::name::shown(&stored) == *plain).then_some(formed)
    }
}
