//! Session options: the bodies of SetSessionOptions, GetSessionOptions and CloseSession, and their answers. They
//! travel as bare messages, not packed in an `Any`.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use crate::{
    action::MAX_BODY_BYTES,
    error::{Error, Result, check_size},
    messages::{
        CloseSessionResult, GetSessionOptionsResult, SessionOptionValue, SetSessionOptionsRequest,
        SetSessionOptionsResult, close_session_result::Status, session_option_value as value,
        set_session_options_result::ErrorValue,
    },
};

/// The value of a session option.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// A list of strings.
    TextList(Vec<String>),
}

/// Why an option was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionError {
    /// There is no option of that name.
    InvalidName,
    /// The option cannot take that value.
    InvalidValue,
    /// Something else went wrong.
    Failed,
}

/// How a session was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseStatus {
    /// It is closed.
    Closed,
    /// It is being closed.
    Closing,
    /// Sessions of this kind cannot be closed.
    NotCloseable,
}

/// The options of a SetSessionOptions request; `None` erases the option.
pub type OptionChanges = BTreeMap<String, Option<OptionValue>>;

/// The body of a SetSessionOptions request.
#[must_use]
pub fn encode_set(changes: &OptionChanges) -> Bytes {
    let options = changes.iter().map(|(name, value)| {
        let option_value = value.as_ref().map(OptionValue::encode);
        (name.clone(), SessionOptionValue { option_value })
    });
    let request = SetSessionOptionsRequest {
        session_options: options.collect(),
    };
    request.encode_to_vec().into()
}

/// Reads the body of a SetSessionOptions request.
///
/// # Errors
/// [`Error::Malformed`], or [`Error::TooLarge`] above [`MAX_BODY_BYTES`].
pub fn decode_set(body: &[u8]) -> Result<OptionChanges> {
    const WHAT: &str = "SetSessionOptions request";
    check_size(WHAT, body.len(), MAX_BODY_BYTES)?;
    let request = SetSessionOptionsRequest::decode(body).map_err(|e| Error::malformed(WHAT, e))?;
    let changes = request.session_options.into_iter();
    Ok(changes
        .map(|(name, value)| (name, value.option_value.map(OptionValue::decode)))
        .collect())
}

/// The answer to SetSessionOptions: the options that were not set, and why.
#[must_use]
pub fn encode_set_result(failures: &BTreeMap<String, OptionError>) -> Bytes {
    use crate::messages::set_session_options_result::Error as Failure;
    let errors = failures.iter().map(|(name, error)| {
        let value = match error {
            OptionError::InvalidName => ErrorValue::InvalidName,
            OptionError::InvalidValue => ErrorValue::InvalidValue,
            OptionError::Failed => ErrorValue::Error,
        };
        (
            name.clone(),
            Failure {
                value: value.into(),
            },
        )
    });
    let result = SetSessionOptionsResult {
        errors: errors.collect(),
    };
    result.encode_to_vec().into()
}

/// The answer to GetSessionOptions: every option that has a value.
#[must_use]
pub fn encode_get_result(options: &BTreeMap<String, OptionValue>) -> Bytes {
    let options = options.iter().map(|(name, value)| {
        let option_value = Some(value.encode());
        (name.clone(), SessionOptionValue { option_value })
    });
    let result = GetSessionOptionsResult {
        session_options: options.collect(),
    };
    result.encode_to_vec().into()
}

/// The answer to CloseSession.
#[must_use]
pub fn encode_close_result(status: CloseStatus) -> Bytes {
    let status = match status {
        CloseStatus::Closed => Status::Closed,
        CloseStatus::Closing => Status::Closing,
        CloseStatus::NotCloseable => Status::NotCloseable,
    };
    let result = CloseSessionResult {
        status: status.into(),
    };
    result.encode_to_vec().into()
}

impl OptionValue {
    fn encode(&self) -> value::OptionValue {
        match self.clone() {
            Self::Text(text) => value::OptionValue::StringValue(text),
            Self::Bool(flag) => value::OptionValue::BoolValue(flag),
            Self::Int(number) => value::OptionValue::Int64Value(number),
            Self::Double(number) => value::OptionValue::DoubleValue(number),
            Self::TextList(values) => {
                value::OptionValue::StringListValue(value::StringListValue { values })
            }
        }
    }

    fn decode(value: value::OptionValue) -> Self {
        match value {
            value::OptionValue::StringValue(text) => Self::Text(text),
            value::OptionValue::BoolValue(flag) => Self::Bool(flag),
            value::OptionValue::Int64Value(number) => Self::Int(number),
            value::OptionValue::DoubleValue(number) => Self::Double(number),
            value::OptionValue::StringListValue(list) => Self::TextList(list.values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of_each() -> BTreeMap<String, OptionValue> {
        let values = [
            OptionValue::Text("ö".to_owned()),
            OptionValue::Text(String::new()),
            OptionValue::Bool(false),
            OptionValue::Int(i64::MIN),
            OptionValue::Double(-0.5),
            OptionValue::TextList(vec![]),
            OptionValue::TextList(vec!["a".to_owned(), String::new()]),
        ];
        let named = values.into_iter().enumerate();
        named
            .map(|(i, value)| (format!("option {i}"), value))
            .collect()
    }

    #[test]
    fn changes_survive_the_wire() {
        let mut changes: OptionChanges = one_of_each()
            .into_iter()
            .map(|(k, v)| (k, Some(v)))
            .collect();
        changes.insert("erased".to_owned(), None);
        assert_eq!(decode_set(&encode_set(&changes)), Ok(changes));
    }

    #[test]
    fn integers_have_eight_bytes_as_the_specification_says() {
        let changes = OptionChanges::from([("i".to_owned(), Some(OptionValue::Int(1)))]);
        // Entry 1 { key 1: "i", value 2: { int64_value 3: fixed64 1 } }
        let expected = b"\x0a\x0e\x0a\x01i\x12\x09\x19\x01\0\0\0\0\0\0\0";
        assert_eq!(encode_set(&changes), expected.as_slice());
    }

    #[test]
    fn the_answer_lists_every_option() {
        let options = one_of_each();
        let result = GetSessionOptionsResult::decode(encode_get_result(&options)).unwrap();
        let decoded = result.session_options.into_iter();
        let decoded: BTreeMap<_, _> = decoded
            .map(|(name, value)| (name, OptionValue::decode(value.option_value.unwrap())))
            .collect();
        assert_eq!(decoded, options);
    }

    #[test]
    fn failures_and_states_have_the_numbers_of_the_specification() {
        for (error, number) in [
            (OptionError::InvalidName, 1),
            (OptionError::InvalidValue, 2),
            (OptionError::Failed, 3),
        ] {
            let failures = BTreeMap::from([("o".to_owned(), error)]);
            let result = SetSessionOptionsResult::decode(encode_set_result(&failures)).unwrap();
            assert_eq!(result.errors["o"].value, number);
        }
        for (status, number) in [
            (CloseStatus::Closed, 1),
            (CloseStatus::Closing, 2),
            (CloseStatus::NotCloseable, 3),
        ] {
            let result = CloseSessionResult::decode(encode_close_result(status)).unwrap();
            assert_eq!(result.status, number);
        }
    }
}
