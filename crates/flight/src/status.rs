//! Errors to gRPC codes: the one table.
//!
//! The codes are those that clients map to something of their own. FAILED_PRECONDITION, OUT_OF_RANGE and UNKNOWN become
//! "unknown" in ADBC, so nothing is given one of these. So does ABORTED, which one error has all the same: it is how gRPC says
//! that another transaction was first and that trying again helps.

use std::fmt;

use godwit_auth::Error as Auth;
use godwit_engine::{Error as Engine, shown_in_log};
use godwit_protocol::{Error as Protocol, StatementId};
use tonic::{Code, Status};

use crate::Error;

mod retry;
#[cfg(test)]
mod tests;

/// Names a call, in the log and at the end of every error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueryId([u8; 8]);

impl QueryId {
    pub(crate) fn random() -> Self {
        Self::of(StatementId::random())
    }

    /// The name of a call that runs a statement: the first half of the statement's, under which the engine logs.
    pub(crate) fn of(statement: StatementId) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *statement.as_bytes();
        Self([a, b, c, d, e, f, g, h])
    }

    /// Whether it is one of so many that are picked, evenly and by chance.
    pub(crate) fn is_one_in(self, many: u32) -> bool {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d]).is_multiple_of(many.max(1))
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// What the client is told. A mistake of ours is logged here, with its cause, and nowhere else.
pub(crate) fn status(error: &Error, id: QueryId) -> Status {
    let code = code(error);
    if code != Code::Internal {
        let text = message(&error.to_string(), id);
        return match retry_after(error) {
            Some(delay) => retry::status(code, text, delay),
            None => Status::new(code, text),
        };
    }
    if let Error::Engine(Engine::Internal { query_id, .. }) = error {
        // The engine has logged the cause under an id of its own, which its message names.
        tracing::error!(query_id = %id, engine_query_id = %query_id, "internal error");
        return Status::new(code, error.to_string());
    }
    tracing::error!(query_id = %id, cause = %shown_in_log(&Chain(error).to_string()), "internal error");
    let text = "internal error; the server's log has the cause under this query id";
    Status::new(code, message(text, id))
}

/// What the client is told when gRPC itself refused a message: its own codes for that say nothing to clients.
pub(crate) fn framing(refused: &Status) -> Option<Code> {
    const TOO_LARGE: [&str; 2] = [
        "Error, decoded message length too large",
        "Error decompressing: size limit",
    ];
    const MALFORMED: [&str; 4] = [
        "failed to decode Protobuf message",
        "Unexpected EOF decoding stream",
        "Missing request message",
        "protocol error: ",
    ];
    let is_any = |texts: &[&str]| texts.iter().any(|text| refused.message().starts_with(text));
    if is_any(&TOO_LARGE) {
        Some(Code::ResourceExhausted)
    } else if is_any(&MALFORMED) {
        Some(Code::InvalidArgument)
    } else {
        None
    }
}

/// The message of an error: shortened so that it fits the headers that clients accept, and ending with the query id.
pub(crate) fn message(text: &str, id: QueryId) -> String {
    // In a header every byte that is not printable ASCII takes three. The usual bound for all headers is 8 KiB.
    const LONGEST: usize = 3000;
    let mut left = LONGEST;
    let end = text.char_indices().find(|(_, c)| {
        let plain = c.is_ascii_graphic() || *c == ' ';
        let cost = if plain { 1 } else { 3 * c.len_utf8() };
        let full = left < cost;
        left = left.saturating_sub(cost);
        full
    });
    match end {
        Some((at, _)) => format!("{}… [query {id}]", &text[..at]),
        None => format!("{text} [query {id}]"),
    }
}

pub(crate) fn code(error: &Error) -> Code {
    match error {
        Error::Protocol(error) => protocol(error),
        Error::Auth(error) => auth(error),
        Error::Engine(error) => engine(error),
        Error::Request(refused) => framing(refused).unwrap_or(refused.code()),
        Error::Invalid(_) | Error::SchemaChanged | Error::Upload(_) => Code::InvalidArgument,
        Error::NotServed(_) => Code::Unimplemented,
        Error::OtherUser { .. } => Code::PermissionDenied,
        Error::TooLarge { .. } => Code::ResourceExhausted,
        Error::Idle { .. } => Code::DeadlineExceeded,
        Error::Encode(_) | Error::Panic(_) | Error::Serve(_) => Code::Internal,
    }
}

/// When trying the same again is worth it, where that is known.
fn retry_after(error: &Error) -> Option<std::time::Duration> {
    match error {
        Error::Engine(Engine::Busy { retry_after, .. })
        | Error::Auth(Auth::Throttled { retry_after }) => Some(*retry_after),
        _ => None,
    }
}

fn protocol(error: &Protocol) -> Code {
    match error {
        Protocol::Malformed { .. } | Protocol::Forged { .. } | Protocol::TooLarge { .. } => {
            Code::InvalidArgument
        }
        // A command or action of a later version of the protocol is not the client's mistake.
        Protocol::UnknownCommand { .. } | Protocol::UnknownAction { .. } => Code::Unimplemented,
        // What an expired ticket names is gone.
        Protocol::Expired { .. } => Code::NotFound,
        Protocol::Encode { .. } => Code::Internal,
    }
}

fn auth(error: &Auth) -> Code {
    match error {
        Auth::Unauthenticated => Code::Unauthenticated,
        Auth::Denied { .. } => Code::PermissionDenied,
        Auth::Busy | Auth::IssuerAway { .. } | Auth::Unavailable { .. } => Code::Unavailable,
        Auth::Contended => Code::Aborted,
        Auth::Throttled { .. } => Code::ResourceExhausted,
        Auth::Token { .. } => Code::InvalidArgument,
        Auth::Issuer { .. }
        | Auth::Password { .. }
        | Auth::Storage { .. }
        | Auth::Internal { .. } => Code::Internal,
    }
}

fn engine(error: &Engine) -> Code {
    match error {
        // A statement over a limit, a write to a file and a ticket that was overtaken are all answered by another
        // request, so they are arguments that cannot be served, not states of the server.
        Engine::Syntax { .. }
        | Engine::InvalidInput { .. }
        | Engine::ReadOnly { .. }
        | Engine::TooLarge { .. }
        | Engine::Conflict { .. } => Code::InvalidArgument,
        Engine::NotFound { .. } => Code::NotFound,
        Engine::AlreadyExists { .. } => Code::AlreadyExists,
        Engine::Unsupported { .. } => Code::Unimplemented,
        Engine::Denied { .. } => Code::PermissionDenied,
        Engine::ResourcesExhausted { .. } | Engine::Busy { .. } => Code::ResourceExhausted,
        Engine::Cancelled | Engine::Killed { .. } => Code::Cancelled,
        Engine::DeadlineExceeded { .. } | Engine::Stalled { .. } => Code::DeadlineExceeded,
        Engine::BrokenData { .. } => Code::DataLoss,
        Engine::Aborted { .. } => Code::Aborted,
        Engine::ShuttingDown | Engine::Unavailable { .. } => Code::Unavailable,
        Engine::Internal { .. } => Code::Internal,
    }
}

/// An error and its causes in one line.
struct Chain<'a>(&'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
