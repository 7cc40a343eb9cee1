use std::time::Duration;

use godwit_config::{Config, Reflection, TlsMode};

/// What the configuration says to this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlightOptions {
    /// How long a ticket can be used: `tickets.ttl`.
    pub ticket_ttl: Duration,
    /// Largest message from a client, and the most that the bound parameters of a statement may take together, in
    /// bytes: `wire.max_request_bytes`.
    pub max_request_bytes: usize,
    /// Size that the messages of a result aim at, in bytes: `wire.message_bytes`.
    pub message_bytes: usize,
    /// How long a client may leave a stream alone: `wire.idle_stream_timeout`.
    pub idle_stream_timeout: Option<Duration>,
    /// Connections at the same time: `wire.max_connections`.
    pub max_connections: usize,
    /// How often the other end of a connection is asked whether it is there: `wire.keepalive_interval`.
    pub keepalive_interval: Duration,
    /// How long it may take to answer: `wire.keepalive_timeout`.
    pub keepalive_timeout: Duration,
    /// Longest SQL text, in bytes, as clients are told: `query.max_sql_bytes`.
    pub max_sql_bytes: u64,
    /// Prepared statements in a session, as clients are told: `statements.max_per_session`.
    pub max_statements: usize,
    /// Idle life of a prepared statement, as clients are told: `statements.idle_timeout`.
    pub statement_idle_timeout: Duration,
    /// Whether calls may be gRPC-web: `web.enabled`.
    pub web: bool,
    /// Origins whose pages may call, or `*`: `web.allowed_origins`.
    pub allowed_origins: Vec<String>,
    /// Who may ask what services there are: `grpc.reflection`.
    pub reflection: Reflection,
    /// How long the same proof of identity on the same connection is one login: `audit.repeat_logins_after`.
    pub repeat_logins_after: Duration,
    /// Whether messages of errors, which may quote literals, stay out of the log: `audit.redact_literals`.
    pub redact_literals: bool,
    /// Whether clients come over TLS, so that cookies need never travel without it: `tls.mode`.
    pub secure_cookies: bool,
}

impl From<&Config> for FlightOptions {
    fn from(config: &Config) -> Self {
        let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
        Self {
            ticket_ttl: config.tickets.ttl,
            max_request_bytes: bytes(config.wire.max_request_bytes),
            message_bytes: bytes(config.wire.message_bytes),
            idle_stream_timeout: config.wire.idle_stream_timeout,
            max_connections: config.wire.max_connections,
            keepalive_interval: config.wire.keepalive_interval,
            keepalive_timeout: config.wire.keepalive_timeout,
            max_sql_bytes: config.query.max_sql_bytes,
            max_statements: config.statements.max_per_session,
            statement_idle_timeout: config.statements.idle_timeout,
            web: config.web.enabled,
            allowed_origins: config.web.allowed_origins.clone(),
            reflection: config.grpc.reflection,
            repeat_logins_after: config.audit.repeat_logins_after,
            redact_literals: config.audit.redact_literals,
            secure_cookies: config.tls.mode != TlsMode::Off,
        }
    }
}
