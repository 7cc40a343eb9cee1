//! From a configuration to a running server, and to its end.

mod drain;
mod start;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use godwit_audit::Auditor;
use godwit_config::{Config, Sources, load_checked};
use tokio::runtime::{Builder, Runtime};

use crate::data_dir::DataDir;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::reload::Reload;
use crate::telemetry::{FILTER_CHECK, Refilter};
use crate::terminal::{note, say};
use crate::tls::Encryption;
use crate::{address, allocator, signals, systemd, telemetry, tls};
use drain::Ended;

/// How long tasks of connections may take to notice that the server has ended.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Serves until a signal comes.
pub(crate) fn run(sources: Sources) -> Result<()> {
    let config = load_checked(&sources, &[FILTER_CHECK])?;
    let (refilter, _traces) = telemetry::start(&config)?;
    let data_dir = DataDir::open(&config.data_dir)?;
    serve(&config, &data_dir, Some((sources, refilter)), |_, _| {})
}

/// Serves from a data directory that the caller holds. At SIGHUP, and when their file has changed, the sources of the
/// configuration are read again, where there are any. `ready` is called once the server accepts calls, with its address and, if
/// it is encrypted, how.
pub(crate) fn serve(
    config: &Config,
    data_dir: &DataDir,
    sources: Option<(Sources, Refilter)>,
    ready: impl FnOnce(SocketAddr, Option<&Encryption>),
) -> Result<()> {
    let encryption = tls::load(&config.tls, data_dir.path())?;
    let (encryption, watch) = encryption.unzip();
    if let Some(encryption) = &encryption {
        note(format_args!(
            "tls certificate sha256 fingerprint {}",
            encryption.fingerprint
        ));
    }
    let authenticator = start::authenticator(config, data_dir.path())?;
    let auditor = Auditor::start(&config.audit, data_dir.path())?;
    let runtime = runtime()?;
    // Engine and server are dropped on this thread, off the runtime: the engine's own runtime must not be dropped on it.
    let tls = encryption.as_ref().map(|encryption| encryption.tls.clone());
    let started = runtime.block_on(start::server(config, authenticator, auditor.clone(), tls))?;
    if let Some(watch) = watch {
        runtime.spawn(watch.run());
    }
    if let Some((sources, refilter)) = sources {
        let reload = Reload {
            sources,
            started: config.clone(),
            applied: config.clone(),
            engine: started.engine.clone(),
            authenticator: Arc::clone(&started.authenticator),
            refilter,
        };
        let hangups = {
            let _entered = runtime.enter();
            signals::hangups().map_err(Error::internal)?
        };
        runtime.spawn(reload.run(hangups));
    }
    runtime.spawn(allocator::watch(config.memory.limit));
    tracing::info!(address = %started.address, data_dir = %data_dir.path().display(), "serving");
    let http = started.http.as_ref().map(Http::address);
    say(address::ready_line(
        started.address,
        encryption.is_some(),
        http,
    ));
    systemd::notify(systemd::State::Ready);
    ready(started.address, encryption.as_ref());
    let engine = started.engine.clone();
    let ended = runtime.block_on(drain::serve(started, &config.shutdown))?;
    if ended == Ended::AtOnce {
        // A second signal: nothing is waited for, neither threads nor destructors, but for what is to be noted of it.
        auditor.wait_written(LEFTOVERS);
        std::process::exit(0);
    }
    runtime.shutdown_timeout(LEFTOVERS);
    drop(engine);
    auditor.close();
    Ok(())
}

/// The runtime of connections; queries run on the engine's. What those leave behind is dropped here, however deep.
fn runtime() -> Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name("godwit-io")
        .thread_stack_size(godwit_engine::DEEP_STACK)
        .thread_keep_alive(godwit_engine::IDLE_THREAD)
        .enable_all()
        .build()
        .map_err(|why| Error::internal(format!("cannot start threads: {why}")))
}
