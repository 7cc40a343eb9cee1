use std::collections::HashSet;
use std::fmt;

use arrow::array::{Array, ArrayRef, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};

use super::bytes::{bytes, unfolded, validity};
use super::steps::{Steps, steps};

type Result<T> = std::result::Result<T, ArrowError>;

/// Of so many rows one value may be distinct for a column to be a dictionary.
const ROWS_A_VALUE: usize = 10;

/// Bytes of the number that says where a run ends.
const RUN_END: u64 = 4;

/// What one column of one chunk is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) rows: usize,
    /// Rows without a value.
    pub(crate) nulls: usize,
    /// Values that are not equal to each other, null not counted. Floating-point numbers are equal when their bits are.
    pub(crate) distinct: usize,
    /// Stretches of equal neighbours; null is equal to null.
    pub(crate) runs: usize,
    pub(crate) kind: Kind,
    /// Bytes with a value in every row.
    pub(crate) flat: u64,
    /// Bytes of the distinct values.
    pub(crate) values: u64,
    /// Bytes in the smallest form, which is `form`.
    pub(crate) best: u64,
    pub(crate) form: Form,
}

/// What a vector is, as DuckDB calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything else.
    Flat,
    /// All rows are equal.
    Constant,
    /// Fewer than one distinct value in ten rows.
    Dictionary,
    /// Each value is the one before and always the same more.
    Sequence,
}

/// A form in which a column could be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    Constant,
    Sequence(Steps),
    /// So many values, and keys of so many bytes.
    Dictionary(usize, usize),
    /// So many runs.
    Runs(usize),
    Flat,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Constant => "constant",
            Self::Dictionary => "dictionary",
            Self::Sequence => "sequence",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Sequence(Steps { start, step, .. }) => {
                write!(f, "sequence (start={start}, step={step})")
            }
            Self::Dictionary(values, key) => {
                write!(f, "dictionary ({values} values, {}-bit keys)", key * 8)
            }
            Self::Runs(runs) => write!(f, "runs ({runs})"),
            Self::Flat => f.write_str("flat"),
        }
    }
}

/// Looks at a column of at least one row.
///
/// # Errors
/// When the values cannot be compared; none is known whose cannot.
pub(crate) fn examine(array: &ArrayRef) -> Result<Column> {
    let array = &unfolded(array)?;
    let (rows, nulls) = (array.len(), array.logical_null_count());
    let Groups { firsts, starts } = groups(array)?;
    let (distinct, runs) = (firsts.len(), starts.len());
    let (flat, values) = (bytes(array)?, bytes(&picked(array, firsts)?)?);
    let mut forms = Vec::new();
    let mut kind = if distinct * ROWS_A_VALUE < rows {
        Kind::Dictionary
    } else {
        Kind::Flat
    };
    if runs == 1 {
        kind = Kind::Constant;
        forms.push((Form::Constant, bytes(&array.slice(0, 1))?));
    } else if let Some(steps) = steps(array) {
        kind = Kind::Sequence;
        forms.push((Form::Sequence(steps.clone()), steps.bytes));
    }
    let key = key_bytes(distinct);
    let keys = (rows * key) as u64;
    forms.push((
        Form::Dictionary(distinct, key),
        values + keys + validity(array),
    ));
    if runs < rows {
        let ends = runs as u64 * RUN_END;
        forms.push((Form::Runs(runs), bytes(&picked(array, starts)?)? + ends));
    }
    let smallest = forms.into_iter().min_by_key(|(_, bytes)| *bytes);
    let (form, best) = match smallest {
        Some((form, best)) if best < flat || (best == flat && runs == 1) => (form, best),
        _ => (Form::Flat, flat),
    };
    Ok(Column {
        rows,
        nulls,
        distinct,
        runs,
        kind,
        flat,
        values,
        best,
        form,
    })
}

/// Bytes of the keys of a dictionary with so many values.
pub(crate) fn key_bytes(values: usize) -> usize {
    match values {
        0..256 => 1,
        256..65_536 => 2,
        _ => 4,
    }
}

/// Rows that say what an array holds.
struct Groups {
    /// Where each distinct value is met first, null left out.
    firsts: Vec<u64>,
    /// Where each run begins.
    starts: Vec<u64>,
}

fn groups(array: &ArrayRef) -> Result<Groups> {
    if array.data_type() == &DataType::Null {
        return Ok(Groups {
            firsts: Vec::new(),
            starts: vec![0],
        });
    }
    let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
    let rows = converter.convert_columns(std::slice::from_ref(array))?;
    let nulls = array.logical_nulls();
    let mut seen = HashSet::new();
    let mut groups = Groups {
        firsts: Vec::new(),
        starts: Vec::new(),
    };
    let mut before = None;
    for (at, row) in rows.iter().enumerate() {
        // What is equal to its neighbour is known.
        if before.replace(row) == Some(row) {
            continue;
        }
        groups.starts.push(at as u64);
        let is_value = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(at));
        if is_value && seen.insert(row) {
            groups.firsts.push(at as u64);
        }
    }
    Ok(groups)
}

fn picked(array: &ArrayRef, rows: Vec<u64>) -> Result<ArrayRef> {
    take(array, &UInt64Array::from(rows), None)
}
