//! BEGIN, COMMIT, ROLLBACK and savepoints as SQL has them.

use std::sync::Arc;

use godwit_protocol::StatementId;

use super::open::{Ended, Kind, Open, Which};
use super::registry::Transactions;
use crate::check::TransactionStatement;
use crate::inner::Inner;
use crate::session::{Session, stateless};
use crate::{Error, Outcome, Result};

/// The transaction that SQL began in a session. It stays here until SQL ends it, even when it has ended otherwise: the
/// statements that follow must not take effect one by one.
#[derive(Debug, Default)]
pub(crate) struct SqlTransaction {
    open: Option<Arc<Open>>,
    /// Whether the last one ended in a COMMIT that failed; a ROLLBACK after it is no mistake.
    has_failed: bool,
}

impl SqlTransaction {
    pub(crate) fn open(&self) -> Option<Arc<Open>> {
        self.open.clone()
    }

    fn clear(&mut self, open: &Arc<Open>, has_failed: bool) {
        if self.open.as_ref().is_some_and(|own| Arc::ptr_eq(own, open)) {
            self.open = None;
            self.has_failed = has_failed;
        }
    }
}

impl Inner {
    /// Does what a statement about transactions says. What ends one goes on to its end when nobody waits for it.
    pub(crate) async fn transact(
        self: &Arc<Self>,
        session: &Arc<Session>,
        id: StatementId,
        statement: &TransactionStatement,
    ) -> Result<Outcome> {
        check_statement(session, statement)?;
        let (session, statement) = (Arc::clone(session), statement.clone());
        let work = async move { run(&session, &statement).await };
        let done = self.runtime.handle().spawn(work).await;
        done.map_err(|error| Error::from_join(&error, &id.to_string()))??;
        Ok(Outcome { rows: 0 })
    }
}

/// Whether a statement about transactions makes sense in a session, before it is run.
///
/// # Errors
/// [`Error::InvalidInput`] in a session of clients that are not told apart, and for an end by SQL of what a call began.
pub(crate) fn check_statement(session: &Session, statement: &TransactionStatement) -> Result<()> {
    use TransactionStatement as T;
    let named = session.place().transaction().filter(|open| open.is_named());
    match (statement, named) {
        (T::Begin { .. }, Some(open)) => Err(Error::invalid(format!(
            "BEGIN: the statement is in transaction {} already",
            open.id()
        ))),
        (T::Commit | T::Rollback, Some(_)) => Err(Error::invalid(
            "the transaction was begun by a call of the client (BeginTransaction), and ends by one (EndTransaction): use \
             the client's own commit and rollback",
        )),
        (T::Savepoint(_) | T::Release(_) | T::RollbackTo(_), Some(_)) => Ok(()),
        (_, None) if session.is_stateless() => {
            Err(stateless("transactions that SQL begins belong"))
        }
        (_, None) => Ok(()),
    }
}

async fn run(session: &Session, statement: &TransactionStatement) -> Result<()> {
    use TransactionStatement as T;
    match statement {
        T::Begin { read_only } => begin(session, *read_only),
        T::Commit => {
            let open = own(session)?;
            let committed = open.commit().await;
            session.sql_transaction().clear(&open, committed.is_err());
            session.shared().transactions.forget(&open);
            committed
        }
        T::Rollback => rollback(session).await,
        T::Savepoint(name) => here(session)?.mark(name).await.map(drop),
        T::Release(name) => here(session)?.release(Which::Name(name)).await,
        T::RollbackTo(name) => here(session)?.rollback_to(Which::Name(name)).await,
    }
}

fn begin(session: &Session, is_read_only: bool) -> Result<()> {
    let mut transaction = session.sql_transaction();
    if let Some(open) = &transaction.open {
        return Err(match open.ended() {
            Some(ended) => ended.error(open),
            None => Error::invalid(
                "a transaction is open in this session already; COMMIT or ROLLBACK it before BEGIN, or use SAVEPOINT",
            ),
        });
    }
    let transactions: &Transactions = &session.shared().transactions;
    let open = transactions.begin(
        session,
        Kind {
            is_named: false,
            is_shared: false,
            is_read_only,
        },
    )?;
    *transaction = SqlTransaction {
        open: Some(open),
        has_failed: false,
    };
    Ok(())
}

async fn rollback(session: &Session) -> Result<()> {
    let open = {
        let mut transaction = session.sql_transaction();
        if transaction.open.is_none() && std::mem::take(&mut transaction.has_failed) {
            return Ok(());
        }
        transaction.open()
    };
    let open = open.ok_or_else(none_open)?;
    let done = match open.ended() {
        Some(_) => Ok(()),
        None => open.rollback(Ended::RolledBack).await,
    };
    session.sql_transaction().clear(&open, false);
    session.shared().transactions.forget(&open);
    done
}

/// What SQL began in the session, ended or not.
fn own(session: &Session) -> Result<Arc<Open>> {
    session.sql_transaction().open().ok_or_else(none_open)
}

/// The transaction that a savepoint belongs to.
fn here(session: &Session) -> Result<Arc<Open>> {
    session.here()?.ok_or_else(none_open)
}

fn none_open() -> Error {
    Error::invalid("no transaction is open in this session; BEGIN begins one")
}
