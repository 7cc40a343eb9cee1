use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `tls`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether connections are encrypted, and where the certificate comes from.
    /// `files` reads it from cert_file and key_file; `auto` makes a self-signed one once, keeps it in the data directory and
    /// prints its fingerprint at every start.
    /// Default: `off`.
    pub mode: TlsMode,

    /// File with the certificate chain in PEM form, the server's own certificate first.
    /// Default: none; mode `files` needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/tls.crt")]
    pub cert_file: Option<PathBuf>,

    /// File with the certificate's private key in PEM form.
    /// Default: none; mode `files` needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/tls.key")]
    pub key_file: Option<PathBuf>,

    /// Serve without TLS on an address that other machines can reach.
    /// Passwords and data then travel readable; meant for a network that something else encrypts.
    /// Default: `false`.
    pub allow_plaintext_off_loopback: bool,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// No encryption.
    #[default]
    Off,
    /// Certificate and key from files.
    Files,
    /// A self-signed pair, made once and kept in the data directory.
    Auto,
}
