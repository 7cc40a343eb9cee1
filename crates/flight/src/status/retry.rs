//! When to try again, as gRPC's libraries read it: `google.rpc.RetryInfo` in the details of a status.

use std::time::Duration;

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};

/// `google.rpc.Status`, which travels in `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

/// A status that says when to try again.
pub(super) fn status(code: Code, message: String, delay: Duration) -> Status {
    let info = RetryInfo {
        retry_delay: prost_types::Duration::try_from(delay).ok(),
    };
    let details = Details {
        code: code.into(),
        // It is in the status already, and headers are dear.
        message: String::new(),
        details: vec![Any {
            type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
            value: info.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, details.encode_to_vec().into())
}
