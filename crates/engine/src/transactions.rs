//! The transaction that a statement works in.

use godwit_lake::Transaction;

use crate::session::Session;
use crate::{Error, Result};

/// One statement's place in a transaction of the lake. Dropped before [`Working::finish`], the statement has changed
/// nothing.
#[derive(Debug)]
pub(crate) struct Working {
    transaction: Transaction,
}

impl Working {
    /// Where the statement makes its changes. Its snapshot is what the statement sees.
    pub(crate) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Whether the statement stands for itself, and may be run again when another transaction was first.
    pub(crate) fn is_autocommit(&self) -> bool {
        true
    }

    /// Keeps what the statement did: commits it, or leaves it to the open transaction.
    ///
    /// # Errors
    /// [`Error::Aborted`] when another transaction committed first.
    pub(crate) async fn finish(self) -> Result<()> {
        let committed = self.transaction.commit().await;
        committed
            .map(drop)
            .map_err(|error| Error::from_lake(&error, "commit"))
    }
}

impl Session {
    /// Begins a statement that changes the lake.
    ///
    /// # Errors
    /// When the lake does not answer.
    pub(crate) async fn work(&self) -> Result<Working> {
        let begun = self.lake().begin().await;
        let transaction = begun.map_err(|error| Error::from_lake(&error, "begin"))?;
        Ok(Working { transaction })
    }
}
