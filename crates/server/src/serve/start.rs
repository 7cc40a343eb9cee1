use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use godwit_audit::Auditor;
use godwit_auth::{Authenticator, FirstStart};
use godwit_config::Config;
use godwit_engine::Engine;
use godwit_flight::{Flight, FlightOptions, Tls};
use godwit_protocol::Sealer;
use tokio::net::TcpListener;

use crate::error::{Error, Result};
use crate::http::Http;
use crate::signals::Signals;
use crate::terminal::note;

/// Everything that is made before the first call is accepted.
pub(super) struct Started {
    pub(super) engine: Engine,
    pub(super) flight: Flight,
    pub(super) listener: TcpListener,
    /// Where it listens, with the real port.
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
    /// The port for health and metrics.
    pub(super) http: Option<Http>,
    pub(super) signals: Signals,
    pub(super) authenticator: Arc<Authenticator>,
}

/// Who may call. A password that was made for the first user is shown here and never again.
pub(super) fn authenticator(config: &Config, data_dir: &Path) -> Result<Arc<Authenticator>> {
    let (authenticator, first_start) = Authenticator::start(config, data_dir)?;
    if let FirstStart::AdminCreated { user, password } = first_start {
        // Not through the log, which may be collected and kept.
        note(format_args!(
            "first start: created user \"{user}\" with password \"{}\" (shown only this once)",
            password.expose()
        ));
    }
    Ok(Arc::new(authenticator))
}

/// The engine, the gRPC service on it, and the open port.
pub(super) async fn server(
    config: &Config,
    authenticator: Arc<Authenticator>,
    auditor: Auditor,
    tls: Option<Tls>,
) -> Result<Started> {
    let signals = Signals::new().map_err(Error::internal)?;
    let directory = Arc::clone(authenticator.directory());
    let engine = Engine::start(config, auditor, directory).await;
    let engine = engine.map_err(Error::internal)?;
    authenticator.keep_fresh();
    authenticator.keep_current();
    let sealer = Sealer::new(&authenticator.mac_key());
    let options = FlightOptions::from(config);
    let flight = Flight::new(engine.clone(), Arc::clone(&authenticator), sealer, options);
    let address = config.listen;
    let failed = |why| Error::Listen { address, why };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let http = match config.http.listen {
        Some(address) => Some(Http::bind(address).await?),
        None => None,
    };
    Ok(Started {
        engine,
        flight,
        address: listener.local_addr().map_err(failed)?,
        listener,
        tls,
        http,
        signals,
        authenticator,
    })
}
