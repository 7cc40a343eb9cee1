//! Whether the server can serve at this moment, for those who send it work or restart it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use datafusion::error::DataFusionError;
use futures::StreamExt;
use godwit_catalog::Seen;
use tokio::sync::watch;

use crate::inner::Inner;
use crate::parse;
use crate::run::start;
use crate::{Engine, Error, Result};

/// How long an answer is good for, so that nobody can keep the server busy with the question.
const FRESH: Duration = Duration::from_secs(1);
/// How long the query may take, and how long an earlier answer stands for one that is still to come.
const LIMIT: Duration = Duration::from_secs(5);
/// How long somebody waits for a new answer while an earlier one still stands: all cores may be busy with queries.
const PATIENCE: Duration = Duration::from_millis(50);
/// What the query is called where queries have ids.
const PROBE: &str = "readiness";
/// What is run. It takes the whole way of a query, and no table.
const QUERY: &str = "SELECT 1";

/// Says whether the server can serve, by running a query. A clone is cheap and shares its answers.
#[derive(Debug, Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

/// What the server can do at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It answers queries.
    Ready {
        /// Whether the catalog of durable tables answers. What needs none is served without it.
        lake: bool,
    },
    /// It is stopping: what runs may end, nothing else is to be sent.
    Stopping,
    /// A query has not ended within five seconds.
    Slow,
    /// A query failed; the log says why.
    Failed,
}

#[derive(Debug)]
struct Shared {
    engine: Weak<Inner>,
    answers: watch::Sender<Option<Answer>>,
    is_asking: AtomicBool,
    is_stopping: watch::Sender<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    at: Instant,
    standing: Standing,
}

impl Engine {
    /// What answers whether the server can serve.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let shared = Shared {
            engine: Arc::downgrade(&self.inner),
            answers: watch::Sender::default(),
            is_asking: AtomicBool::new(false),
            is_stopping: watch::Sender::default(),
        };
        Readiness {
            shared: Arc::new(shared),
        }
    }
}

impl Standing {
    /// Whether queries are to be sent.
    #[must_use]
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

impl Readiness {
    /// Whether the server can serve. An answer is at most a second old, unless a new one takes longer; then the earlier
    /// one stands for five seconds.
    pub async fn ask(&self) -> Standing {
        if self.is_stopping() {
            return Standing::Stopping;
        }
        let mut answers = self.shared.answers.subscribe();
        let earlier = *answers.borrow_and_update();
        if let Some(answer) = earlier.filter(|answer| answer.at.elapsed() < FRESH) {
            return answer.standing;
        }
        self.begin();
        let standing = earlier.filter(|answer| answer.at.elapsed() < LIMIT);
        let patience = if standing.is_some() { PATIENCE } else { LIMIT };
        let changed = tokio::time::timeout(patience, answers.changed()).await;
        match (changed, standing) {
            (Ok(Ok(())), _) => answers.borrow().map_or(Standing::Failed, |it| it.standing),
            (Err(_), Some(earlier)) => earlier.standing,
            (Err(_), None) => Standing::Slow,
            (Ok(Err(_)), _) => Standing::Stopping,
        }
    }

    /// The same for those who would rather have an old answer than wait: what was found last, however old that is, unless
    /// a new answer is there at once.
    pub async fn glance(&self) -> Standing {
        if let Ok(standing) = tokio::time::timeout(PATIENCE, self.ask()).await {
            return standing;
        }
        let last = *self.shared.answers.borrow();
        last.map_or(Standing::Slow, |answer| answer.standing)
    }

    /// From now on the server is stopping, while it may still serve.
    pub fn stop(&self) {
        self.shared.is_stopping.send_replace(true);
    }

    /// Whether the server is stopping.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.shared.is_stopping.borrow()
    }

    /// Ready once the server is stopping.
    pub async fn stopped(&self) {
        let mut is_stopping = self.shared.is_stopping.subscribe();
        // The sender lives as long as this value.
        let _ = is_stopping.wait_for(|stopping| *stopping).await;
    }

    /// Runs the query on the engine's runtime, unless it runs already.
    fn begin(&self) {
        let Some(engine) = self.shared.engine.upgrade() else {
            return;
        };
        if self.shared.is_asking.swap(true, Ordering::AcqRel) {
            return;
        }
        let asking = Asking(Arc::clone(&self.shared));
        let inner = Arc::downgrade(&engine);
        engine.runtime.spawn_forever(async move {
            let standing = standing(&inner).await;
            let at = Instant::now();
            asking.0.answers.send_replace(Some(Answer { at, standing }));
        });
    }
}

/// Held while the query runs; whatever becomes of it, the next can begin.
struct Asking(Arc<Shared>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.is_asking.store(false, Ordering::Release);
    }
}

async fn standing(engine: &Weak<Inner>) -> Standing {
    let Some(engine) = engine.upgrade() else {
        return Standing::Stopping;
    };
    let query = tokio::time::timeout(LIMIT, engine.probe());
    let lake = tokio::time::timeout(FRESH, engine.lake.latest());
    let (query, lake) = tokio::join!(query, lake);
    match query {
        Ok(Ok(())) => Standing::Ready {
            lake: matches!(lake, Ok(Ok(_))),
        },
        Ok(Err(Error::ShuttingDown)) => Standing::Stopping,
        Ok(Err(error)) => {
            tracing::error!(%error, "the readiness query failed");
            Standing::Failed
        }
        Err(_) => {
            tracing::warn!("the readiness query has not ended within {LIMIT:?}");
            Standing::Slow
        }
    }
}

impl Inner {
    /// Runs a query of nobody's: past what bounds the queries of users, and with leave to nothing.
    async fn probe(&self) -> Result<()> {
        self.running.check_open()?;
        let session = self.sessions.of_nobody();
        let why = godwit_lake::Error::Unavailable {
            message: "the readiness query reads no table".to_owned(),
        };
        let seen = Seen::without_lake(session.temporary().clone(), why, None);
        let parsed = parse::parse(QUERY, self.planner.limits)?;
        let (state, caller) = (session.state(), session.caller());
        let plan = self.planner.plan(&state, &seen, parsed, None).await?;
        let translate = |error: DataFusionError| Error::from_datafusion(&error, PROBE);
        let share = self.shares.begin(PROBE)?;
        let rows = start(&plan, &caller, (&share, PROBE), None, |_| None).await;
        let mut rows = rows.map_err(translate)?;
        while let Some(batch) = rows.next().await {
            batch.map_err(translate)?;
        }
        Ok(())
    }
}
