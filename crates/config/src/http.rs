use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::AddressText;

/// Section `http`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address and port for `/livez`, `/readyz` and `/metrics`; port 0 takes a free one, and the ready line names it.
    /// It asks for no credentials and is not encrypted. What it tells are numbers and states of the server: no
    /// statement, no name of a user, a table or a file.
    /// Default: none, which means that there is no such port.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "AddressText", example = &"127.0.0.1:9815")]
    pub listen: Option<SocketAddr>,
}
