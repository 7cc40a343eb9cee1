use std::io;

use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use tonic::{Code, Status};

/// Why the shell stopped, or a statement did.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the caller asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The server cannot be reached, or refuses the credentials.
    #[error("{0}")]
    Connect(String),
    /// A statement or a command did not work.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C.
    #[error("cancelled")]
    Interrupted,
    /// Nobody reads what is written any more.
    #[error("the output is closed")]
    Closed,
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a process ends with when its options make no sense.
pub const USAGE: u8 = 2;

impl Error {
    pub(crate) fn failed(why: impl ToString) -> Self {
        Self::Failed(why.to_string())
    }

    /// What a process ends with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => USAGE,
            Self::Connect(_) => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<godwit_client::Error> for Error {
    fn from(error: godwit_client::Error) -> Self {
        match error {
            godwit_client::Error::Usage(why) => Self::Usage(why),
            error => Self::Connect(error.to_string()),
        }
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Failed(said(&status))
    }
}

impl From<FlightError> for Error {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => (*status).into(),
            other => Self::failed(other),
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<parquet::errors::ParquetError> for Error {
    fn from(error: parquet::errors::ParquetError) -> Self {
        match error {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => (*error).into(),
                Err(other) => Self::Failed(other.to_string()),
            },
            other => Self::failed(other),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Self::Failed(format!("unreadable answer: {error}"))
    }
}

/// A status in words: its message, and its code where that says more than "wrong statement".
pub(crate) fn said(status: &Status) -> String {
    let message = status.message();
    match status.code() {
        Code::InvalidArgument if !message.is_empty() => message.to_owned(),
        code if message.is_empty() => format!("{code:?}"),
        code => format!("{message} ({code:?})"),
    }
}
