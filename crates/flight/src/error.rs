use std::borrow::Cow;

use arrow::error::ArrowError;

/// Why an RPC was refused or failed, or why the server cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the client sent could not be read.
    #[error(transparent)]
    Protocol(#[from] godwit_protocol::Error),
    /// The caller is unknown or may not do this.
    #[error(transparent)]
    Auth(#[from] godwit_auth::Error),
    /// What the engine says.
    #[error(transparent)]
    Engine(#[from] godwit_engine::Error),
    /// A message that gRPC itself could not take from the client.
    #[error("{}", .0.message())]
    Request(tonic::Status),
    /// A request that is well-formed and makes no sense here.
    #[error("{0}")]
    Invalid(String),
    /// A part of Flight SQL that this server does not have.
    #[error("{0}")]
    NotServed(Cow<'static, str>),
    /// A ticket or handle of somebody else.
    #[error("this {what} was issued to another user")]
    OtherUser {
        /// The kind of thing.
        what: &'static str,
    },
    /// The result that a ticket stands for has another schema now.
    #[error(
        "a table has changed since this statement was described, and its rows have other columns now; run the statement again"
    )]
    SchemaChanged,
    /// Arrow data from the client that cannot be read.
    #[error("malformed Arrow data: {0}")]
    Upload(String),
    /// Parameters or a row above a limit.
    #[error("{what} of {size} bytes is above the limit of {limit} bytes{key}")]
    TooLarge {
        /// What was measured, in words.
        what: &'static str,
        /// Its size, in bytes.
        size: usize,
        /// What is allowed, in bytes.
        limit: usize,
        /// The configuration key of the limit in parentheses after a blank, or nothing.
        key: &'static str,
    },
    /// A stream that its client has left alone.
    #[error(
        "the client has {what} nothing for {seconds} s; the call was ended (wire.idle_stream_timeout)"
    )]
    Idle {
        /// What it has not done: read, or sent.
        what: &'static str,
        /// For how long, in seconds.
        seconds: f64,
    },
    /// A batch that has no wire form. The fault is the server's.
    #[error("encoding failed: {0}")]
    Encode(#[from] ArrowError),
    /// A fault in a library or in the server that ended one call.
    #[error("panic: {0}")]
    Panic(String),
    /// The listener or the certificate cannot be used.
    #[error("cannot serve: {0}")]
    Serve(Box<dyn std::error::Error + Send + Sync>),
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Says what is not served, and what is instead.
    pub(crate) fn not_served(text: impl Into<Cow<'static, str>>) -> Self {
        Self::NotServed(text.into())
    }

    /// What a caught panic said.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(text.unwrap_or_else(|| "without a message".to_owned()))
    }
}
