use std::time::Duration;

use godwit_client::{Credentials, Target, Trust};

/// What to talk to, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server.
    pub target: Target,
    /// Who we are.
    pub credentials: Credentials,
    /// Which certificate we take, when the target is encrypted.
    pub trust: Trust,
    /// A statement that returns at least one row.
    pub sql: String,
    /// A table that can be read, as the parts of its name; looked for where there is none.
    pub table: Option<Vec<String>>,
    /// Longest time for one probe.
    pub timeout: Duration,
}
