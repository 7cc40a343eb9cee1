use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, duration};

/// Section `tls`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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

    /// Whether clients show certificates of their own. With `optional` a client may show one instead of a password or a
    /// token; with `required` none connects without. Whoever shows one and sends credentials too must be the same user.
    /// Default: `off`.
    pub client_auth: ClientAuth,

    /// File with the certificates, in PEM form, of the authorities that issue those of clients.
    /// Default: none; client_auth needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/clients.crt")]
    pub client_ca: Option<PathBuf>,

    /// Which part of a client's certificate is the name of a user: `cn`, the subject's common name, or an alternative name
    /// of that kind. With `none` a certificate lets a client connect and says nothing about its user.
    /// Default: `cn`.
    pub client_name: ClientName,

    /// From names in certificates to names of users, `{ NAME = "USER" }`. With it only the names that it lists count.
    /// Default: none, which means that the name in the certificate is the user's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = &BTreeMap::from([("etl.internal", "etl")]))]
    pub client_map: BTreeMap<String, String>,

    /// How often the files of certificates and keys are looked at. What has changed is used for all connections from then
    /// on; files that cannot be used change nothing.
    /// Default: `10s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1d"))]
    pub reload_interval: Duration,

    /// Serve without TLS on an address that other machines can reach.
    /// Passwords and data then travel readable; meant for a network that something else encrypts.
    /// Default: `false`.
    pub allow_plaintext_off_loopback: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            mode: TlsMode::Off,
            cert_file: None,
            key_file: None,
            client_auth: ClientAuth::Off,
            client_ca: None,
            client_name: ClientName::Cn,
            client_map: BTreeMap::new(),
            reload_interval: Duration::from_secs(10),
            allow_plaintext_off_loopback: false,
        }
    }
}

/// Whether clients show certificates of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked for any.
    #[default]
    Off,
    /// They may.
    Optional,
    /// They must.
    Required,
}

/// Which part of a client's certificate is the name of a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientName {
    /// The subject's common name.
    #[default]
    Cn,
    /// The alternative name that is a DNS name.
    Dns,
    /// The alternative name that is a URI.
    Uri,
    /// The alternative name that is an e-mail address.
    Email,
    /// None of it.
    None,
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
