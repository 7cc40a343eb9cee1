//! The results that are being sent, so that another call can stop one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use godwit_engine::Canceller;
use godwit_protocol::StatementId;
use tokio_util::sync::CancellationToken;

/// Every statement whose rows are being sent. As large as the number of DoGet calls in flight.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    statements: Arc<Mutex<HashMap<StatementId, Entry>>>,
}

#[derive(Debug, Default)]
struct Entry {
    stop: CancellationToken,
    next: u64,
    streams: HashMap<u64, Rows>,
}

/// The rows of one stream.
#[derive(Debug)]
struct Rows {
    canceller: Option<Canceller>,
    pulse: Arc<Pulse>,
}

/// Whether the client of a stream takes its rows.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Since when it has not asked for more.
    since: Mutex<Option<Instant>>,
    is_given_up: AtomicBool,
}

/// Held while a statement's rows are sent.
#[derive(Debug)]
pub(crate) struct Sending {
    running: Running,
    statement: StatementId,
    stream: u64,
    stop: CancellationToken,
    pulse: Arc<Pulse>,
}

impl Running {
    /// Notes that rows of a statement are being sent, until the answer is dropped; `canceller` stops those who make them.
    pub(crate) fn enter(&self, statement: StatementId, canceller: Option<Canceller>) -> Sending {
        let mut statements = self
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = statements.entry(statement).or_default();
        let stream = entry.next;
        entry.next += 1;
        let pulse = Arc::new(Pulse::default());
        let rows = Rows {
            canceller,
            pulse: Arc::clone(&pulse),
        };
        entry.streams.insert(stream, rows);
        Sending {
            running: self.clone(),
            statement,
            stream,
            stop: entry.stop.clone(),
            pulse,
        }
    }

    /// Gives up streams whose clients have not asked for more for this long: what makes their rows is stopped, and gives its
    /// place to others.
    pub(crate) fn give_up_idle(&self, longest: Duration) {
        let statements = self
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let streams = statements.values().flat_map(|entry| entry.streams.values());
        for Rows { canceller, pulse } in streams {
            if pulse.is_idle_for(longest) && !pulse.is_given_up.swap(true, Ordering::AcqRel) {
                tracing::info!(
                    seconds = longest.as_secs_f64(),
                    "a client does not read its rows; they are given up"
                );
                canceller.iter().for_each(Canceller::cancel);
            }
        }
    }

    /// Stops every stream of a statement, and at once what makes its rows: a client that does not read keeps nobody
    /// working. `false` when there is none.
    pub(crate) fn cancel(&self, statement: StatementId) -> bool {
        let statements = self
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = statements.get(&statement);
        let Some(entry) = entry else {
            return false;
        };
        entry.stop.cancel();
        let cancellers = entry.streams.values();
        let cancellers = cancellers.filter_map(|rows| rows.canceller.as_ref());
        cancellers.for_each(Canceller::cancel);
        true
    }
}

impl Sending {
    /// What stops those who make its rows.
    pub(crate) fn attach(&self, canceller: Canceller) {
        let mut statements = self
            .running
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = statements.get_mut(&self.statement)
            && let Some(rows) = entry.streams.get_mut(&self.stream)
        {
            rows.canceller = Some(canceller);
        }
    }

    /// What is told when the client takes rows.
    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Ready as soon as somebody cancels the statement.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }
}

impl Pulse {
    /// The client has asked for more.
    pub(crate) fn asked(&self) {
        *self.lock() = None;
    }

    /// The client was given something.
    pub(crate) fn given(&self) {
        *self.lock() = Some(Instant::now());
    }

    /// Whether the client was given up.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Acquire)
    }

    fn is_idle_for(&self, longest: Duration) -> bool {
        self.lock().is_some_and(|since| since.elapsed() > longest)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut statements = self
            .running
            .statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = statements.get_mut(&self.statement) {
            entry.streams.remove(&self.stream);
            if entry.streams.is_empty() {
                statements.remove(&self.statement);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_does_not_ask_is_given_up() {
        let (running, id) = (Running::default(), StatementId::random());
        let (idle, busy) = (running.enter(id, None), running.enter(id, None));
        idle.pulse().given();
        busy.pulse().given();
        busy.pulse().asked();
        running.give_up_idle(Duration::from_hours(1));
        assert!(!idle.pulse().is_given_up());
        running.give_up_idle(Duration::ZERO);
        assert!(idle.pulse().is_given_up());
        assert!(!busy.pulse().is_given_up());
    }

    #[test]
    fn a_statement_is_known_while_any_of_its_streams_is() {
        let (running, id) = (Running::default(), StatementId::random());
        assert!(!running.cancel(id));
        let (first, second) = (running.enter(id, None), running.enter(id, None));
        drop(first);
        assert!(!second.stop().is_cancelled());
        assert!(running.cancel(id));
        assert!(second.stop().is_cancelled());
        drop(second);
        assert!(!running.cancel(id));
    }
}
