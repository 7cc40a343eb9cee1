//! The transaction that a statement works in: one that its client began, one that SQL began in its session, or one of its own.

use std::sync::Arc;

use godwit_catalog::Seen;
use godwit_lake::{Leftover, Savepoint, Snapshot, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::session::Session;
use crate::{Error, Result};

mod calls;
pub(crate) mod gate;
mod locks;
mod open;
mod registry;
mod statements;

pub(crate) use locks::Claim;
use locks::Lock;
use open::Begun;
pub(crate) use open::commit;
pub(crate) use open::{Ended, Open, Using};
pub(crate) use registry::Transactions;
pub(crate) use statements::{SqlTransaction, check_statement};

/// Where the statements of a session work.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Wherever the session is when a statement begins: in the transaction that SQL began, or in none.
    Session,
    /// In none: every statement stands for itself.
    Alone,
    /// In a transaction.
    In(Arc<Open>),
    /// At a moment of the past, where nothing can be changed.
    At(Snapshot),
}

/// One statement's place in a transaction of the lake. Dropped before [`Working::finish`], the statement has changed
/// nothing.
#[derive(Debug)]
pub(crate) struct Working {
    transaction: Transaction,
    /// In a transaction of several statements.
    part: Option<Part>,
}

/// One statement of a transaction. Nobody else changes the transaction while it lives.
#[derive(Debug)]
struct Part {
    open: Arc<Open>,
    transaction: Transaction,
    /// Where it began.
    before: Savepoint,
    is_kept: bool,
    _changing: (Lock, OwnedMutexGuard<()>),
    _using: Using,
}

impl Place {
    /// The transaction, if it is in one.
    pub(crate) fn transaction(&self) -> Option<&Arc<Open>> {
        match self {
            Self::In(open) => Some(open),
            Self::Session | Self::Alone | Self::At(_) => None,
        }
    }
}

impl Working {
    /// Where the statement makes its changes. Its snapshot is what the statement sees.
    pub(crate) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Whether the statement stands for itself, and may be run again when another transaction was first.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.part.is_none()
    }

    /// Keeps what the statement did: commits it, or leaves it to the open transaction.
    ///
    /// # Errors
    /// [`Error::Aborted`] when another transaction committed first; [`Error::NotFound`] when the open transaction has
    /// ended meanwhile.
    pub(crate) async fn finish(self) -> Result<()> {
        match self.part {
            Some(part) => part.finish(),
            None => gate::keep(open::commit(self.transaction)).await,
        }
    }

    /// As [`Working::finish`]. Of a statement that stands for itself, lost to another transaction and only added rows, these
    /// are given back to be added again.
    pub(crate) async fn finish_or_keep(self) -> Result<(), (Error, Option<Leftover>)> {
        if self.part.is_some() {
            return self.finish().await.map_err(|error| (error, None));
        }
        let mut left = None;
        let step = async {
            let attempt = self.transaction.commit_or_keep().await;
            attempt.map(drop).map_err(|(error, rows)| {
                left = rows;
                Error::from_lake(&error, "commit")
            })
        };
        let kept = gate::keep(step).await;
        kept.map_err(|error| (error, left))
    }
}

impl Part {
    async fn begin(open: &Arc<Open>) -> Result<Self> {
        if open.is_read_only() {
            return Err(Error::ReadOnly {
                message:
                    "the transaction was begun READ ONLY, so that durable tables cannot be changed in it"
                        .to_owned(),
            });
        }
        let using = open.using();
        let changing = open.changing().await;
        let Begun { transaction, .. } = open.begun().await?;
        Ok(Self {
            before: transaction.savepoint(),
            open: Arc::clone(open),
            transaction,
            is_kept: false,
            _changing: changing,
            _using: using,
        })
    }

    fn finish(mut self) -> Result<()> {
        self.open.advance(&self.transaction)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            self.transaction.rollback_to(&self.before);
        }
    }
}

impl Session {
    /// What a statement that begins now sees: the temporary tables, and the lake as its transaction does, else the newest
    /// snapshot.
    ///
    /// # Errors
    /// When the transaction has ended, or cannot begin. When the lake does not answer otherwise, whoever needs it fails.
    pub(crate) async fn seen(&self) -> Result<Seen> {
        let lake = match (self.place(), self.here()?) {
            (Place::At(snapshot), _) => snapshot.clone(),
            (_, Some(open)) => open.begun().await?.seen,
            (_, None) => {
                let lake = &self.shared().lake;
                match lake.latest().await {
                    Ok(latest) => return Ok(Seen::newest(self.temporary().clone(), latest)),
                    Err(why) => {
                        let (temporary, held) = (self.temporary().clone(), lake.last_known());
                        return Ok(Seen::without_lake(temporary, why, held));
                    }
                }
            }
        };
        Ok(Seen::new(self.temporary().clone(), lake))
    }

    /// Begins a statement that changes the lake.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] in a transaction that only reads; when the transaction has ended; when the lake does not
    /// answer.
    pub(crate) async fn work(&self) -> Result<Working> {
        if let Place::At(_) = self.place() {
            return Err(Error::ReadOnly {
                message: "the past cannot be changed".to_owned(),
            });
        }
        if let Some(open) = self.here()? {
            let part = Part::begin(&open).await?;
            return Ok(Working {
                transaction: part.transaction.clone(),
                part: Some(part),
            });
        }
        let begun = self.shared().lake.begin().await;
        let transaction = begun.map_err(|error| Error::from_lake(&error, "begin"))?;
        Ok(Working {
            transaction: transaction.owned_by(self.user()),
            part: None,
        })
    }

    /// The transaction that a statement works in which begins now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it has ended.
    pub(crate) fn here(&self) -> Result<Option<Arc<Open>>> {
        let open = match self.place() {
            Place::Session => self.sql_transaction().open(),
            Place::In(open) => Some(Arc::clone(open)),
            Place::Alone | Place::At(_) => None,
        };
        if let Some(open) = &open
            && let Some(ended) = open.ended()
        {
            return Err(ended.error(open));
        }
        Ok(open)
    }

    /// The session for one statement, which stays where it begins.
    pub(crate) fn pinned(self: &Arc<Self>) -> Arc<Self> {
        match self.place() {
            Place::Session => {
                let open = self.sql_transaction().open();
                self.placed(open.map_or(Place::Alone, Place::In))
            }
            Place::Alone | Place::In(_) | Place::At(_) => Arc::clone(self),
        }
    }

    /// The session for what names no transaction and is meant to be in the open one all the same, since some clients
    /// have no way to name it there: uploads and lists of tables.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when several are open.
    pub(crate) fn joined(self: &Arc<Self>) -> Result<Arc<Self>> {
        let pinned = self.pinned();
        // Clients that are not told apart would join each other's.
        if !matches!(pinned.place(), Place::Alone) || self.is_stateless() {
            return Ok(pinned);
        }
        let mut named = self.shared().transactions.named_of(self.id());
        match (named.pop(), named.len()) {
            (None, _) => Ok(pinned),
            (Some(open), 0) => Ok(self.placed(Place::In(open))),
            (Some(_), others) => Err(Error::invalid(format!(
                "the session has {} open transactions; name the one that is meant",
                others + 1
            ))),
        }
    }

    /// The session for a prepared statement that belongs to a transaction, or to none.
    ///
    /// Some clients keep a statement when they commit and begin anew: it goes on in the session's only open transaction.
    pub(crate) fn placed_for(self: &Arc<Self>, began: Option<&Arc<Open>>) -> Arc<Self> {
        let Some(open) = began else {
            return Arc::clone(self);
        };
        if open.was_ended_by_client() && !self.is_stateless() {
            let named = self.shared().transactions.named_of(self.id());
            if let [only] = named.as_slice() {
                return self.placed(Place::In(Arc::clone(only)));
            }
        }
        self.placed(Place::In(Arc::clone(open)))
    }
}
