//! Changes of durable tables: each in a transaction, its own or the session's.

use std::time::Duration;

use godwit_lake::Transaction;

use super::{Job, Place, Run};
use crate::inner::Inner;
use crate::results::Returned;
use crate::{Error, Result};

/// The longest pause before a change is made again; the first ones are shorter.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The pauses between attempts to commit.
pub(crate) struct Pauses {
    longest: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            longest: Duration::from_millis(2),
        }
    }
}

impl Pauses {
    /// Those that met once would meet again, if each came back at once.
    pub(crate) async fn next(&mut self) {
        let pause = rand::random_range(Duration::ZERO..=self.longest);
        tokio::time::sleep(pause).await;
        self.longest = LONGEST_PAUSE.min(self.longest * 2);
    }
}

impl Inner {
    /// Makes a change of a durable table, and again when another transaction was first and the statement stands for
    /// itself: `lake.commit_retries` times. `begin` gives a place for the rows that it returns.
    pub(super) async fn change_lake(
        &self,
        job: &Job,
        begin: impl Fn() -> Result<Option<Returned>> + Send,
    ) -> Result<(u64, Option<Returned>)> {
        let mut left = self.commit_retries;
        let mut pauses = Pauses::default();
        loop {
            let working = job.session.work().await?;
            let may_retry = working.is_autocommit() && left > 0;
            let transaction: &Transaction = working.transaction();
            let mut returned = begin()?;
            let run = Run::new(self, job, Place::Durable(transaction))?;
            let rows = run.all(&mut returned).await?;
            match working.finish().await {
                Ok(()) => return Ok((rows, returned)),
                Err(Error::Aborted { message }) if may_retry => {
                    tracing::debug!(message, left, "a change is made again");
                    left -= 1;
                    pauses.next().await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
