use std::fmt;

use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use serde::Serialize;
use tonic::{Code, Status};

#[cfg(test)]
mod tests;

/// Longest reason, in characters.
const REASON: usize = 120;

/// What a server was found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It does it.
    Yes,
    /// It does it with a deviation that some client trips over.
    Partly,
    /// It does not, or answers with something else.
    No,
    /// It says UNIMPLEMENTED, which clients understand.
    Refused,
    /// It fails: INTERNAL, UNKNOWN, nonsense, or a connection that dies.
    Broken,
    /// It does not answer in time.
    Hangs,
    /// It could not be asked; the reason says what was missing.
    Untested,
}

impl Mark {
    /// Every mark, best first.
    pub const ALL: [Self; 7] = [
        Self::Yes,
        Self::Partly,
        Self::No,
        Self::Refused,
        Self::Broken,
        Self::Hangs,
        Self::Untested,
    ];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Partly => "partly",
            Self::No => "no",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Hangs => "hangs",
            Self::Untested => "untested",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A mark and the reason for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) mark: Mark,
    pub(crate) reason: String,
}

/// What a probe comes to. A question mark on anything that the server did wrong ends the probe with the right mark.
pub(crate) type Outcome<T = Finding> = Result<T, Finding>;

impl Finding {
    fn new(mark: Mark, reason: impl fmt::Display) -> Self {
        Self {
            mark,
            reason: shortened(&reason.to_string(), REASON),
        }
    }

    pub(crate) fn yes(reason: impl fmt::Display) -> Self {
        Self::new(Mark::Yes, reason)
    }

    pub(crate) fn partly(reason: impl fmt::Display) -> Self {
        Self::new(Mark::Partly, reason)
    }

    pub(crate) fn no(reason: impl fmt::Display) -> Self {
        Self::new(Mark::No, reason)
    }

    pub(crate) fn broken(reason: impl fmt::Display) -> Self {
        Self::new(Mark::Broken, reason)
    }

    pub(crate) fn hangs(reason: impl fmt::Display) -> Self {
        Self::new(Mark::Hangs, reason)
    }

    pub(crate) fn untested(reason: impl fmt::Display) -> Self {
        Self::new(Mark::Untested, reason)
    }

    /// The same, with where in the conversation it happened.
    pub(crate) fn at(self, step: &str) -> Self {
        Self::new(self.mark, format_args!("{step}: {}", self.reason))
    }
}

impl From<Status> for Finding {
    fn from(status: Status) -> Self {
        let mark = match status.code() {
            Code::Unimplemented => Mark::Refused,
            Code::DeadlineExceeded => Mark::Hangs,
            Code::Internal | Code::Unknown | Code::DataLoss | Code::Unavailable | Code::Ok => {
                Mark::Broken
            }
            _ => Mark::No,
        };
        Self::new(mark, said(&status))
    }
}

impl From<FlightError> for Finding {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => (*status).into(),
            other => Self::broken(format_args!("unreadable answer: {other}")),
        }
    }
}

impl From<ArrowError> for Finding {
    fn from(error: ArrowError) -> Self {
        Self::broken(format_args!("unreadable answer: {error}"))
    }
}

impl From<prost::DecodeError> for Finding {
    fn from(error: prost::DecodeError) -> Self {
        Self::broken(format_args!("unreadable answer: {error}"))
    }
}

/// A status in one line, with the code's name on the wire.
pub(crate) fn said(status: &Status) -> String {
    let code = code_name(status.code());
    if status.message().is_empty() {
        return code.to_owned();
    }
    shortened(&format!("{code}: {}", status.message()), REASON)
}

/// The code's name in the gRPC specification.
pub(crate) fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Printable text in one line of at most so many characters.
fn shortened(text: &str, limit: usize) -> String {
    let printable = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = printable.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= limit {
        return line;
    }
    let mut short: String = line.chars().take(limit - 1).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}
