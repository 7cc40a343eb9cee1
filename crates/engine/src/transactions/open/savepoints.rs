use godwit_lake::Savepoint;
use godwit_protocol::SavepointId;

use super::{Begun, Inner, Open};
use crate::{Error, Result};

#[derive(Debug)]
pub(super) struct Mark {
    number: u64,
    name: String,
    lake: Savepoint,
    temporary: usize,
}

/// A savepoint by its number, or the latest one of a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which<'a> {
    Number(u64),
    Name(&'a str),
}

impl Open {
    /// A mark to go back to.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `lake.max_savepoints`; when the transaction has ended.
    pub(crate) async fn mark(&self, name: &str) -> Result<SavepointId> {
        let _changing = self.changing().await;
        let Begun { transaction, .. } = self.begun().await?;
        let mut inner = self.lock();
        let most = self.max_savepoints;
        if inner.savepoints.len() >= most {
            return Err(Error::exhausted(format!(
                "the transaction has {most} savepoints, as many as it may (lake.max_savepoints); release some"
            )));
        }
        inner.marks += 1;
        let number = inner.marks;
        inner.savepoints.push(Mark {
            number,
            name: name.to_owned(),
            lake: transaction.savepoint(),
            temporary: self.journal.mark(),
        });
        Ok(SavepointId {
            transaction: self.id,
            number,
        })
    }

    /// Forgets a savepoint and those after it; what was changed stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; when the transaction has ended.
    pub(crate) async fn release(&self, which: Which<'_>) -> Result<()> {
        let _changing = self.changing().await;
        self.begun().await?;
        let mut inner = self.lock();
        let at = inner.find(which)?;
        let released = inner.savepoints.drain(at..).next();
        if let Some(mark) = released {
            self.journal.release(mark.temporary);
        }
        Ok(())
    }

    /// Takes back what was changed since a savepoint, which stays, unlike those after it.
    ///
    /// # Errors
    /// As [`Self::release`].
    pub(crate) async fn rollback_to(&self, which: Which<'_>) -> Result<()> {
        let _changing = self.changing().await;
        let Begun { transaction, .. } = self.begun().await?;
        let temporary = {
            let mut inner = self.lock();
            let at = inner.find(which)?;
            inner.savepoints.truncate(at + 1);
            let Some(mark) = inner.savepoints.last() else {
                return Ok(());
            };
            transaction.rollback_to(&mark.lake);
            mark.temporary
        };
        self.advance(&transaction)?;
        if let Some(tables) = self.temporary.get() {
            tables.undo(&self.journal, temporary).await;
        }
        Ok(())
    }
}

impl Inner {
    fn find(&self, which: Which<'_>) -> Result<usize> {
        let found = self.savepoints.iter().rposition(|mark| match which {
            Which::Number(number) => mark.number == number,
            Which::Name(name) => mark.name == name,
        });
        found.ok_or_else(|| {
            Error::not_found(match which {
                Which::Number(_) => {
                    "the savepoint does not exist any more: it was released, or an earlier one was, or the transaction \
                     went back to an earlier one"
                        .to_owned()
                }
                Which::Name(name) => format!("savepoint '{name}' does not exist in this transaction"),
            })
        })
    }
}
