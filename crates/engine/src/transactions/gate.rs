//! Between the time that a statement may take and the commit at its end: whichever comes first has its way, and what is
//! reported is what happened.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::{Error, Result};

tokio::task_local! {
    static GATE: Gate;
}

/// What a statement and whoever waits for it agree about. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    stage: Arc<Mutex<Stage>>,
    query_id: Arc<str>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The statement has kept what it did, or does not know whether it has.
    Kept,
    /// Its time is up.
    Closed,
}

impl Gate {
    /// That of a statement.
    pub(crate) fn of(query_id: &str) -> Self {
        Self {
            stage: Arc::default(),
            query_id: query_id.into(),
        }
    }

    /// Runs the statement.
    pub(crate) async fn around<T>(self, work: impl Future<Output = T>) -> T {
        GATE.scope(self, work).await
    }

    /// Waits for the statement no longer than the timeout; but when it has begun to keep what it did, to its end.
    ///
    /// # Errors
    /// [`Error::DeadlineExceeded`]; then it keeps nothing.
    pub(crate) async fn within<T>(
        &self,
        timeout: Option<Duration>,
        statement: impl Future<Output = T>,
    ) -> Result<T> {
        let mut statement = pin!(statement);
        let Some(timeout) = timeout else {
            return Ok(statement.await);
        };
        if let Ok(done) = tokio::time::timeout(timeout, &mut statement).await {
            return Ok(done);
        }
        tokio::select! {
            biased;
            done = &mut statement => return Ok(done),
            mut stage = self.stage.lock() => if *stage == Stage::Open {
                *stage = Stage::Closed;
                return Err(Error::DeadlineExceeded {
                    seconds: timeout.as_secs_f64(),
                });
            },
        }
        Ok(statement.await)
    }
}

/// The statement at hand, where it is one that changes something.
pub(super) fn query_id() -> Option<Arc<str>> {
    GATE.try_with(|gate| Arc::clone(&gate.query_id)).ok()
}

/// The step that keeps what a statement did. When its time was up before, it is not taken.
///
/// # Errors
/// What the step gives. After [`Error::Aborted`] the statement may try again, for as long as it has time.
pub(crate) async fn keep<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    let Ok(gate) = GATE.try_with(Clone::clone) else {
        return step.await;
    };
    let mut stage = gate.stage.lock().await;
    if *stage == Stage::Closed {
        return Err(Error::Cancelled);
    }
    let done = step.await;
    if !matches!(done, Err(Error::Aborted { .. })) {
        *stage = Stage::Kept;
    }
    done
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const SHORT: Option<Duration> = Some(Duration::from_millis(20));

    #[tokio::test]
    async fn a_commit_that_has_begun_is_waited_for() {
        let gate = Gate::default();
        let commit = async {
            tokio::time::sleep(SHORT.unwrap() * 3).await;
            Ok(7)
        };
        let statement = gate.clone().around(keep(commit));
        assert_eq!(gate.within(SHORT, statement).await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_commit_after_the_time_is_not_begun() {
        let gate = Gate::default();
        let (go, gone) = oneshot::channel::<()>();
        let statement = tokio::spawn(gate.clone().around(async move {
            let _ = gone.await;
            keep(async { Ok(7) }).await
        }));
        let (statement, late) = {
            let mut statement = statement;
            let late = gate.within(SHORT, &mut statement).await;
            (statement, late.is_err())
        };
        assert!(late);
        go.send(()).unwrap();
        assert!(matches!(statement.await.unwrap(), Err(Error::Cancelled)));
    }

    #[tokio::test]
    async fn a_commit_that_came_second_leaves_the_time_as_it_is() {
        let gate = Gate::default();
        let aborted = || async {
            Err::<(), _>(Error::Aborted {
                message: String::new(),
            })
        };
        let statement = gate.clone().around(async move {
            let _ = keep(aborted()).await;
            std::future::pending::<()>().await;
        });
        let late = gate.within(SHORT, statement).await;
        assert!(matches!(late, Err(Error::DeadlineExceeded { .. })));
    }
}
