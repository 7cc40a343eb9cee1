use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use crate::database::Row;
use crate::{Error, Result};

/// How long a connection may take to be made, where the URL does not say.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a server may leave bytes unanswered before it counts as lost, where the URL does not say.
const SILENCE: Duration = Duration::from_secs(30);

/// The first version that tells afterwards whether a transaction was committed.
const OLDEST: i64 = 13;

/// What every connection has, so that texts of the database have one form and commits are on disk.
const SETTINGS: &str = "SET timezone = 'UTC'; SET datestyle = 'ISO, MDY'; SET intervalstyle = 'postgres'; \
     SET bytea_output = 'hex'; SET extra_float_digits = 1; SET client_encoding = 'UTF8'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Where a database is, and how to get there.
pub(super) struct Server {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    name: String,
}

impl Server {
    pub(super) fn new(url: &str) -> Result<Self> {
        let mut config: Config = url
            .parse()
            .map_err(|why| Error::unavailable(format!("lake.catalog: {}", failure::chain(&why))))?;
        if config.get_application_name().is_none() {
            config.application_name("godwit");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
            config.keepalives_idle(SILENCE);
        }
        let local = |host: &Host| matches!(host, Host::Unix(_));
        let plain =
            config.get_ssl_mode() == SslMode::Disable || config.get_hosts().iter().all(local);
        let tls = if plain { None } else { Some(tls()?) };
        let name = name(&config);
        Ok(Self { config, tls, name })
    }

    /// What it is called in messages: never with the password.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) async fn connect(&self, runtime: &Handle) -> Result<Client> {
        match self.tls.clone() {
            Some(tls) => self.connect_by(tls, runtime).await,
            None => self.connect_by(NoTls, runtime).await,
        }
    }

    async fn connect_by<T>(&self, tls: T, runtime: &Handle) -> Result<Client>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let connected = self.config.connect(tls).await;
        let (client, connection) = connected.map_err(|why| failure::failed(self, &why))?;
        let name = self.name.clone();
        runtime.spawn(async move {
            if let Err(why) = connection.await {
                tracing::debug!("connection to {name}: {}", failure::chain(&why));
            }
        });
        let set = client.batch_execute(SETTINGS).await;
        set.map_err(|why| failure::failed(self, &why))?;
        Ok(client)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.name).finish()
    }
}

/// Refuses a server that is too old, by the answer to `SHOW server_version_num`.
pub(super) fn check(answer: &[Row]) -> Result<()> {
    let number = answer.first().map(|row| row.text(0)).transpose()?;
    let version: Option<i64> = number.and_then(|number| number.parse().ok());
    match version.map(|version| version / 10_000) {
        Some(version) if version < OLDEST => Err(Error::unsupported(format!(
            "the catalog is in PostgreSQL {version}; version {OLDEST} or later is needed"
        ))),
        _ => Ok(()),
    }
}

fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for why in &found.errors {
        tracing::warn!("certificates of the system: {why}");
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let hosts = config.get_hosts().iter().enumerate();
    let places: Vec<String> = hosts
        .map(|(at, host)| match host {
            Host::Tcp(host) => format!("{host}:{}", port(at)),
            Host::Unix(path) => format!("{}:{}", path.display(), port(at)),
        })
        .collect();
    let database = config.get_dbname().or(config.get_user());
    format!(
        "PostgreSQL {}/{}",
        places.join(","),
        database.unwrap_or_default()
    )
}
