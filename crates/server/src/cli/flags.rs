use std::path::PathBuf;

use clap::Args;
use godwit_config::{Config, Sources, load_checked};

use crate::error::Result;
use crate::telemetry::FILTER_CHECK;

/// Flags that set keys of the configuration. They win over the environment, which wins over the file.
#[derive(Debug, Default, Args)]
pub(super) struct Flags {
    /// Configuration file; `godwit config example` prints one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address and port; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Address and port for health and metrics over HTTP; port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<String>,
    /// Directory for all that the server keeps.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// A file, directory, glob or hive tree to query; may be given many times.
    #[arg(long, value_name = "NAME=PATH")]
    mount: Vec<String>,
    /// Name of the admin user.
    #[arg(long, value_name = "NAME")]
    admin_user: Option<String>,
    /// File that holds the admin's password.
    #[arg(long, value_name = "FILE")]
    admin_password_file: Option<String>,
    /// text or json.
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Which log lines, such as `info,godwit_flight=debug`.
    #[arg(long, value_name = "FILTER")]
    log_filter: Option<String>,
    /// off, files or auto.
    #[arg(long, value_name = "MODE")]
    tls_mode: Option<String>,
    /// Certificate chain in PEM form.
    #[arg(long, value_name = "FILE")]
    tls_cert_file: Option<String>,
    /// Private key in PEM form.
    #[arg(long, value_name = "FILE")]
    tls_key_file: Option<String>,
}

/// Flags that say which server is meant.
#[derive(Debug, Args)]
pub(super) struct PlaceFlags {
    /// Configuration file; `godwit config example` prints one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for all that the server keeps.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl PlaceFlags {
    /// The configuration of that server.
    pub(super) fn load(self) -> Result<Config> {
        let Self { config, data_dir } = self;
        let flags = Flags {
            config,
            data_dir,
            ..Flags::default()
        };
        flags.load()
    }
}

impl Flags {
    /// The configuration of this process.
    pub(super) fn load(self) -> Result<Config> {
        Ok(load_checked(&self.sources(), &[FILTER_CHECK])?)
    }

    /// Where the configuration of this process comes from.
    pub(super) fn sources(self) -> Sources {
        let (file, flags) = self.into_sources();
        Sources::of_process(file, flags)
    }

    fn into_sources(self) -> (Option<PathBuf>, Vec<(String, String, String)>) {
        let single = [
            ("listen", "--listen", self.listen),
            ("http.listen", "--http-listen", self.http_listen),
            ("data_dir", "--data-dir", self.data_dir),
            ("admin.user", "--admin-user", self.admin_user),
            (
                "admin.password_file",
                "--admin-password-file",
                self.admin_password_file,
            ),
            ("log.format", "--log-format", self.log_format),
            ("log.filter", "--log-filter", self.log_filter),
            ("tls.mode", "--tls-mode", self.tls_mode),
            ("tls.cert_file", "--tls-cert-file", self.tls_cert_file),
            ("tls.key_file", "--tls-key-file", self.tls_key_file),
        ];
        let single = single
            .into_iter()
            .filter_map(|(key, flag, value)| Some((key, flag, value?)));
        let mounts = self
            .mount
            .into_iter()
            .map(|mount| ("mounts", "--mount", mount));
        let flags = single
            .chain(mounts)
            .map(|(key, flag, value)| (key.to_owned(), value, flag.to_owned()))
            .collect();
        (self.config, flags)
    }
}

#[cfg(test)]
mod tests {
    use godwit_config::{Sources, load};

    use super::Flags;

    #[test]
    fn every_flag_sets_a_key() {
        let value = || Some("x".to_owned());
        let flags = Flags {
            config: None,
            listen: value(),
            http_listen: value(),
            data_dir: value(),
            mount: vec!["a=x".to_owned(), "b=y".to_owned()],
            admin_user: value(),
            admin_password_file: value(),
            log_format: value(),
            log_filter: value(),
            tls_mode: value(),
            tls_cert_file: value(),
            tls_key_file: value(),
        };
        let (file, flags) = flags.into_sources();
        assert_eq!(file, None);
        assert_eq!(flags.len(), 12);
        let sources = Sources {
            flags,
            ..Sources::default()
        };
        let problems = load(&sources).unwrap_err().to_string();
        assert!(!problems.contains("unknown"), "{problems}");
    }
}
