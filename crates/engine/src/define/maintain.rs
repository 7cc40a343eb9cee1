//! `CALL`: what looks after the lake. It happens at once and for itself, in no transaction.

use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Statement};
use godwit_lake::{Budget, Expiry, Scope, Snapshot, SnapshotId};

use super::{Job, reference, translate};
use crate::access::denied;
use crate::check::{Call, call_of};
use crate::inner::Inner;
use crate::parse::{self, Parsed};
use crate::session::{Session, State};
use crate::transactions::{commit, gate};
use crate::{Error, Result, constants};

/// A call whose arguments have values.
enum Work {
    Compact(Scope),
    Flush(Scope),
    Expire(Expiry),
    CleanUp,
    Restore(SnapshotId, Scope),
}

impl Inner {
    /// Checks a call; nothing is done.
    pub(crate) async fn check_call(&self, session: &Session, parsed: &Parsed) -> Result<()> {
        if !parsed.parameters.is_empty() {
            return Err(Error::invalid("CALL takes no parameters"));
        }
        let state = session.state();
        allow(&state)?;
        refuse_in_transaction(session).await?;
        let work = work_of(state.session(), state.schema(), &call_in(parsed)?)?;
        if let Work::Restore(version, _) = work {
            self.snapshot(version).await?;
        }
        Ok(())
    }

    /// Does what a call says. How much it did: files that were joined, rows that were put into files, snapshots that
    /// were dropped, files that were removed, tables that were restored.
    pub(crate) async fn call_now(&self, job: &Job) -> Result<u64> {
        let parsed = parse::parse(&job.sql, self.planner.limits)?;
        let state = job.session.state();
        allow(&state)?;
        refuse_in_transaction(&job.session).await?;
        let work = work_of(state.session(), state.schema(), &call_in(&parsed)?)?;
        let lake = &self.lake;
        let done = match work {
            Work::Compact(scope) => {
                let done = lake.compact(&scope, Budget::THOROUGH).await;
                done.map(|done| done.files)
            }
            Work::Flush(scope) => lake.flush(&scope).await.map(|done| done.flushed_rows),
            Work::Expire(expiry) => lake.expire(&expiry).await.map(|done| done.snapshots),
            Work::CleanUp => {
                let done = lake.clean_up(self.orphan_grace).await;
                done.map(|done| done.expired_files + done.orphaned_files)
            }
            Work::Restore(version, scope) => {
                let then = self.snapshot(version).await?;
                let transaction = lake.begin().await.map_err(translate)?;
                let transaction = transaction.owned_by(job.session.user());
                let done = transaction.restore(&then, &scope).await;
                let done = done.map_err(translate)?;
                gate::keep(commit(transaction)).await?;
                Ok(done.tables)
            }
        };
        done.map_err(translate)
    }

    async fn snapshot(&self, version: SnapshotId) -> Result<Snapshot> {
        let at = godwit_lake::At::Version(version);
        self.lake.at(at).await.map_err(translate)
    }
}

/// It is about the lake as a whole.
fn allow(state: &State) -> Result<()> {
    let caller = state.authority();
    if caller.is_admin() {
        return Ok(());
    }
    Err(denied(caller, "CALL; the role admin may"))
}

async fn refuse_in_transaction(session: &Session) -> Result<()> {
    if session.work().await?.is_autocommit() {
        return Ok(());
    }
    Err(Error::unsupported(
        "CALL in a transaction: it happens at once and cannot be taken back; COMMIT or ROLLBACK before it",
    ))
}

fn call_in(parsed: &Parsed) -> Result<Call> {
    match &parsed.tree {
        Tree::Statement(statement) => match statement.as_ref() {
            Statement::Call(function) => call_of(function),
            _ => Err(Error::unsupported("the statement calls nothing")),
        },
        _ => Err(Error::unsupported("the statement calls nothing")),
    }
}

fn work_of(session: &SessionState, schema: &str, call: &Call) -> Result<Work> {
    Ok(match call {
        Call::Compact { table } => Work::Compact(scope(schema, table.as_ref())?),
        Call::Flush { table } => Work::Flush(scope(schema, table.as_ref())?),
        Call::CleanUp => Work::CleanUp,
        Call::Restore { table, version } => {
            let version = constants::version(session, version)?;
            Work::Restore(version, scope(schema, table.as_ref())?)
        }
        Call::Expire {
            older_than: Some(time),
            versions: None,
            keep: None,
        } => Work::Expire(Expiry::Before(constants::time_or_age(session, time)?)),
        Call::Expire {
            older_than: None,
            versions: Some(versions),
            keep: None,
        } => Work::Expire(Expiry::Versions(versions_of(session, versions)?)),
        Call::Expire {
            older_than: None,
            versions: None,
            keep: Some(keep),
        } => Work::Expire(Expiry::Keep(constants::count(session, keep)?)),
        Call::Expire { .. } => {
            return Err(Error::invalid(
                "expire_snapshots takes one of older_than => a point in time or an age, versions => [numbers], and keep => how \
                 many of the newest stay",
            ));
        }
    })
}

/// `3`, or `[3, 4]`.
fn versions_of(session: &SessionState, versions: &Expr) -> Result<Vec<SnapshotId>> {
    match versions {
        Expr::Array(array) => {
            let each = array.elem.iter();
            each.map(|version| constants::version(session, version))
                .collect()
        }
        one => Ok(vec![constants::version(session, one)?]),
    }
}

fn scope(schema: &str, table: Option<&ObjectName>) -> Result<Scope> {
    let Some(table) = table else {
        return Ok(Scope::All);
    };
    let reference = reference(table)?;
    let schema = reference.schema().unwrap_or(schema).to_owned();
    Ok(Scope::Table(schema, reference.table().to_owned()))
}
