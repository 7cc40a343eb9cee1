//! What is done without anybody asking, for as long as the engine lives.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::inner::Inner;

/// Starts it. The lake is looked after by itself only where there is an interval for it.
pub(crate) fn start(engine: &Arc<Inner>, idle_timeout: Duration, interval: Option<Duration>) {
    let runtime = &engine.runtime;
    runtime.spawn_forever(sweep(Arc::downgrade(engine), idle_timeout));
    if let Some(interval) = interval {
        runtime.spawn_forever(maintain(Arc::downgrade(engine), interval));
    }
}

/// Ends what is idle.
async fn sweep(engine: Weak<Inner>, idle_timeout: Duration) {
    let pause = (idle_timeout / 4).clamp(Duration::from_millis(250), Duration::from_secs(30));
    loop {
        tokio::time::sleep(pause).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let now = Instant::now();
        engine.sessions.sweep(now);
        engine.plans.sweep(now);
        engine.recall.sweep(now);
        engine.results.sweep(now);
        let sessions = Arc::clone(&engine.sessions);
        drop(engine);
        sessions.transactions().sweep(now).await;
    }
}

/// Keeps the lake small and quick. What goes wrong is tried again in the next round.
async fn maintain(engine: Weak<Inner>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        let lake = engine.lake.clone();
        drop(engine);
        match lake.maintain().await {
            Ok(done) => tracing::debug!(?done, "the lake is looked after"),
            Err(error) => {
                tracing::warn!(%error, "the lake could not be looked after; it is tried again later");
            }
        }
    }
}
