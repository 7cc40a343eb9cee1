use crate::{Error, Result};

/// A value of a parameter or of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// A row of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The integer (or boolean as 0 or 1) at a place. A null or anything else is [`Error::Broken`].
    pub(crate) fn int(&self, at: usize) -> Result<i64> {
        self.opt_int(at)?.ok_or_else(|| self.wrong(at, "a number"))
    }

    pub(crate) fn opt_int(&self, at: usize) -> Result<Option<i64>> {
        match self.0.get(at) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(at, "a number")),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str> {
        self.opt_text(at)?.ok_or_else(|| self.wrong(at, "a text"))
    }

    pub(crate) fn opt_text(&self, at: usize) -> Result<Option<&str>> {
        match self.0.get(at) {
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.wrong(at, "a text")),
        }
    }

    fn wrong(&self, at: usize, wanted: &str) -> Error {
        let found = match self.0.get(at) {
            None => "nothing",
            Some(Value::Null) => "null",
            Some(Value::Int(_)) => "a number",
            Some(Value::Real(_)) => "a fraction",
            Some(Value::Text(_)) => "a text",
            Some(Value::Blob(_)) => "bytes",
        };
        let row: Vec<String> = self.0.iter().map(Value::shown).collect();
        Error::broken(format!(
            "the catalog has {found} where {wanted} belongs, in column {} of the row ({})",
            at + 1,
            row.join(", ")
        ))
    }
}

impl Value {
    /// As a message shows it, shortened.
    fn shown(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Real(value) => value.to_string(),
            Self::Text(value) => format!("{:?}", value.chars().take(40).collect::<String>()),
            Self::Blob(value) => format!("{} bytes", value.len()),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_what_it_holds_and_nothing_else() {
        let row = Row(vec![
            7.into(),
            "seven".into(),
            Value::Null,
            Value::Real(0.5),
            Value::Blob(vec![1, 2]),
        ]);
        assert_eq!(row.int(0).unwrap(), 7);
        assert_eq!(row.text(1).unwrap(), "seven");
        assert_eq!(row.opt_int(2).unwrap(), None);
        assert_eq!(row.opt_text(2).unwrap(), None);
        for wrong in [
            row.int(1),
            row.int(2),
            row.int(3),
            row.int(4),
            row.int(5),
            row.text(0).map(|_| 0),
        ] {
            assert!(matches!(wrong, Err(Error::Broken { .. })), "{wrong:?}");
        }
        assert_eq!(
            row.int(2).unwrap_err().to_string(),
            "the catalog has null where a number belongs, in column 3 of the row (7, \"seven\", null, 0.5, 2 bytes)"
        );
    }
}
