use datafusion::sql::sqlparser::ast::{
    Statement, TransactionAccessMode, TransactionIsolationLevel, TransactionMode,
};

use super::folded;
use crate::{Error, Result};

/// A statement that begins, ends or divides a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TransactionStatement {
    /// `BEGIN`, `START TRANSACTION`
    Begin { read_only: bool },
    /// `COMMIT`, `END`
    Commit,
    /// `ROLLBACK`
    Rollback,
    /// `SAVEPOINT name`
    Savepoint(String),
    /// `RELEASE SAVEPOINT name`
    Release(String),
    /// `ROLLBACK TO SAVEPOINT name`
    RollbackTo(String),
}

/// The statement, if it is one about transactions.
///
/// # Errors
/// [`Error::Unsupported`] for clauses that would change what it does.
pub(super) fn find(statement: &Statement) -> Option<Result<TransactionStatement>> {
    use TransactionStatement as T;
    let found = match statement {
        Statement::StartTransaction {
            modes,
            modifier,
            statements,
            exception,
            ..
        } => {
            if let Some(modifier) = modifier {
                return Some(Err(Error::unsupported(format!(
                    "BEGIN {modifier}: transactions take no locks; BEGIN, or START TRANSACTION, is enough"
                ))));
            }
            if !statements.is_empty() || exception.is_some() {
                return Some(Err(Error::unsupported(
                    "BEGIN with statements in it: send BEGIN, the statements and COMMIT one by one",
                )));
            }
            read_only(modes).map(|read_only| T::Begin { read_only })
        }
        Statement::Commit { chain: true, .. } | Statement::Rollback { chain: true, .. } => Err(
            Error::unsupported("AND CHAIN: end the transaction, and begin the next one with BEGIN"),
        ),
        Statement::Commit {
            modifier: Some(modifier),
            ..
        } => Err(Error::unsupported(format!(
            "END {modifier} is no end of a transaction; COMMIT is"
        ))),
        Statement::Commit { .. } => Ok(T::Commit),
        Statement::Rollback {
            savepoint: Some(name),
            ..
        } => Ok(T::RollbackTo(folded(name))),
        Statement::Rollback { .. } => Ok(T::Rollback),
        Statement::Savepoint { name } => Ok(T::Savepoint(folded(name))),
        Statement::ReleaseSavepoint { name } => Ok(T::Release(folded(name))),
        _ => return None,
    };
    Some(found)
}

/// Whether the modes say READ ONLY; the last one counts.
fn read_only(modes: &[TransactionMode]) -> Result<bool> {
    let mut read_only = false;
    for mode in modes {
        match mode {
            TransactionMode::AccessMode(access) => {
                read_only = *access == TransactionAccessMode::ReadOnly;
            }
            // Whoever asks for less gets more.
            TransactionMode::IsolationLevel(
                TransactionIsolationLevel::Snapshot
                | TransactionIsolationLevel::RepeatableRead
                | TransactionIsolationLevel::ReadCommitted
                | TransactionIsolationLevel::ReadUncommitted,
            ) => {}
            TransactionMode::IsolationLevel(TransactionIsolationLevel::Serializable) => {
                return Err(Error::unsupported(
                    "ISOLATION LEVEL SERIALIZABLE: transactions have snapshot isolation, in which two of them may each \
                     change what the other has read (write skew); REPEATABLE READ, or SNAPSHOT, asks for it by name",
                ));
            }
        }
    }
    Ok(read_only)
}
