//! The RPCs, one file each. Each `run` takes the service, the call and the decoded message.

pub(crate) mod do_action;
pub(crate) mod do_exchange;
pub(crate) mod do_get;
pub(crate) mod do_put;
pub(crate) mod get_flight_info;
pub(crate) mod get_schema;
pub(crate) mod handshake;
pub(crate) mod list_actions;
pub(crate) mod list_flights;
pub(crate) mod poll_flight_info;

use arrow_flight::FlightData;
use godwit_protocol::Descriptor;

use crate::incoming::Incoming;
use crate::{Error, Result};

/// The first message of an upload, and what its descriptor asks for.
async fn opening(messages: &mut Incoming, rpc: &str) -> Result<(FlightData, Descriptor)> {
    let first = messages.message().await.map_err(Error::Request)?;
    let first = first.ok_or_else(|| Error::Invalid(format!("{rpc} without any message")))?;
    let Some(descriptor) = &first.flight_descriptor else {
        let text = format!("the first message of {rpc} must have a descriptor");
        return Err(Error::Invalid(text));
    };
    let descriptor = Descriptor::decode(descriptor)?;
    Ok((first, descriptor))
}

/// The SQL that a PATH descriptor stands for.
fn select_all(path: &[String]) -> String {
    let parts = path
        .iter()
        .map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
    format!("SELECT * FROM {}", parts.collect::<Vec<_>>().join("."))
}

/// A command that belongs to another RPC, or to none.
fn misplaced(command: &'static str, rpc: &str) -> Error {
    Error::Invalid(format!("{command} cannot be used with {rpc}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted() {
        let path = ["files".to_owned(), "odd \"name\"; DROP".to_owned()];
        assert_eq!(
            select_all(&path),
            r#"SELECT * FROM "files"."odd ""name""; DROP""#
        );
    }
}
