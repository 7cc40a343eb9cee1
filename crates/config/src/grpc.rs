use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `grpc`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grpc {
    /// Who may ask the server which services, calls and messages it has (gRPC server reflection): `nobody`, `users`, that
    /// is whoever can log in, or `anybody`.
    /// The answer is the same for all, and is that of every Flight SQL server.
    /// Default: `users`.
    pub reflection: Reflection,
}

/// Who may ask for a description of the services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reflection {
    /// There is no such service.
    Nobody,
    /// Whoever is authenticated.
    #[default]
    Users,
    /// No credentials are needed.
    Anybody,
}
