//! The results that are being sent, so that another call can stop one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    streams: HashMap<u64, Option<Canceller>>,
}

/// Held while a statement's rows are sent.
#[derive(Debug)]
pub(crate) struct Sending {
    running: Running,
    statement: StatementId,
    stream: u64,
    stop: CancellationToken,
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
        entry.streams.insert(stream, canceller);
        Sending {
            running: self.clone(),
            statement,
            stream,
            stop: entry.stop.clone(),
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
        entry.streams.values().flatten().for_each(Canceller::cancel);
        true
    }
}

impl Sending {
    /// Ready as soon as somebody cancels the statement.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
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
