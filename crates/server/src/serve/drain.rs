use std::time::Duration;

use godwit_config::Shutdown;
use tokio::sync::oneshot;

use super::start::Started;
use crate::error::{Error, Result};
use crate::http::Answers;
use crate::metrics::Metrics;
use crate::systemd;

/// How long connections may take to close after the last query has ended.
const LINGER: Duration = Duration::from_secs(3);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// After its queries, or after the grace that they had.
    Drained,
    /// At a second signal.
    AtOnce,
}

/// Serves until a signal comes. Then it gives notice, takes no new calls, and lets running queries end for the grace.
pub(super) async fn serve(started: Started, shutdown: &Shutdown) -> Result<Ended> {
    let Started {
        engine,
        flight,
        listener,
        tls,
        http,
        mut signals,
        ..
    } = started;
    let Shutdown { notice, grace } = *shutdown;
    let readiness = flight.readiness().clone();
    let answers = Answers::new(readiness.clone(), Metrics::new(flight.clone()));
    // It answers as long as the runtime lives, so that those who ask are told that the server stops.
    let _http = http.map(|http| tokio::spawn(http.serve(answers)));
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async {
        // A dropped sender means the same.
        let _ = stopped.await;
    };
    let serving = godwit_flight::serve(flight, listener, tls, grace + LINGER, stopped);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return finished(ended),
        signal = signals.next() => {
            tracing::info!(signal, running = engine.running(), ?grace, "stopping");
            readiness.stop();
            systemd::notify(systemd::State::Stopping);
        }
    }
    tokio::select! {
        ended = &mut serving => return finished(ended),
        () = tokio::time::sleep(notice) => {}
        signal = signals.next() => return Ok(at_once(signal)),
    }
    drop(stop);
    let drained = async {
        let (ended, ()) = tokio::join!(&mut serving, engine.shutdown(grace));
        finished(ended)
    };
    tokio::select! {
        ended = drained => ended,
        signal = signals.next() => Ok(at_once(signal)),
    }
}

fn at_once(signal: &str) -> Ended {
    tracing::warn!(signal, "stopping at once");
    Ended::AtOnce
}

fn finished(ended: godwit_flight::Result<()>) -> Result<Ended> {
    match ended {
        Ok(()) => Ok(Ended::Drained),
        Err(why) => Err(Error::internal(why)),
    }
}
