//! Transactions that a client begins by a call, and names in its statements.

use std::sync::Arc;

use godwit_engine::{Engine, Error, Origin, Result, Session, SessionKey};
use godwit_protocol::action::{EndSavepoint, EndTransaction};
use godwit_protocol::{SessionId, StatementId, TransactionId};

use crate::support::{World, permit_for};

impl World {
    fn begin(&self) -> TransactionId {
        self.engine
            .begin_transaction(&self.session, &self.permit)
            .unwrap()
    }

    fn within(&self, id: TransactionId) -> Arc<Session> {
        let session = self.engine.within(&self.session, &self.permit, Some(id));
        session.unwrap()
    }

    async fn end(&self, id: TransactionId, how: EndTransaction) -> Result<()> {
        let engine: &Engine = &self.engine;
        engine
            .end_transaction(&self.session, &self.permit, id, how)
            .await
    }

    async fn count(&self, session: &Arc<Session>) -> i64 {
        let sql = "select count(*) from t";
        let statement = self.engine.describe(session, &self.permit, sql).await;
        let batches = self.run(&statement.unwrap()).await.unwrap();
        let counts = batches[0].column(0).as_any();
        counts
            .downcast_ref::<arrow::array::Int64Array>()
            .unwrap()
            .value(0)
    }
}

#[tokio::test]
async fn only_statements_that_name_it_are_in_it() {
    let world = World::new().await;
    world.changes(&["create table t (a bigint)"]).await;
    let (one, two) = (world.begin(), world.begin());
    let insert = "insert into t values (1)";
    world.change_in(&world.within(one), insert).await.unwrap();
    world.change_in(&world.within(one), insert).await.unwrap();
    world.change_in(&world.within(two), insert).await.unwrap();
    assert_eq!(world.count(&world.within(one)).await, 2);
    assert_eq!(world.count(&world.within(two)).await, 1);
    assert_eq!(world.count(&world.session).await, 0);
    world.end(one, EndTransaction::Commit).await.unwrap();
    assert_eq!(world.count(&world.session).await, 2);
    assert_eq!(world.count(&world.within(two)).await, 1);
    world.end(two, EndTransaction::Rollback).await.unwrap();
    assert_eq!(world.count(&world.session).await, 2);
}

#[tokio::test]
async fn what_has_ended_or_never_was_is_said() {
    let world = World::new().await;
    let (committed, rolled_back) = (world.begin(), world.begin());
    world.end(committed, EndTransaction::Commit).await.unwrap();
    world
        .end(rolled_back, EndTransaction::Rollback)
        .await
        .unwrap();
    for (id, says) in [
        (committed, "was committed"),
        (rolled_back, "was rolled back"),
        (TransactionId::random(), "does not exist"),
    ] {
        let within = world.engine.within(&world.session, &world.permit, Some(id));
        let again = world.end(id, EndTransaction::Commit).await;
        let back = world.end(id, EndTransaction::Rollback).await;
        for outcome in [within.map(drop), again, back] {
            assert!(
                matches!(&outcome, Err(Error::NotFound { message }) if message.contains(says)),
                "{says}: {outcome:?}"
            );
        }
    }
    let other = world.another_session();
    let id = world.begin();
    let foreign = world.engine.within(&other, &world.permit, Some(id));
    assert!(
        matches!(&foreign, Err(Error::NotFound { message }) if message.contains("not of this session")),
        "{foreign:?}"
    );
}

#[tokio::test]
async fn nobody_else_may_use_it() {
    let config = godwit_config::Config::default();
    let world = World::new().await;
    let id = world.begin();
    let bob = permit_for(&config, Some("bob")).await;
    let key = SessionKey::Token(SessionId::random());
    let session = world.engine.sessions().open("bob", key).unwrap();
    let denied = world.engine.within(&session, &bob, Some(id));
    assert!(matches!(denied, Err(Error::Denied { .. })), "{denied:?}");
    let end = world
        .engine
        .end_transaction(&session, &bob, id, EndTransaction::Rollback);
    assert!(matches!(end.await, Err(Error::Denied { .. })));
    world.end(id, EndTransaction::Commit).await.unwrap();
}

#[tokio::test]
async fn savepoints_have_ids_of_their_own() {
    let world = World::new().await;
    world.changes(&["create table t (a bigint)"]).await;
    let id = world.begin();
    let session = world.within(id);
    let insert = "insert into t values (1)";
    let mut marks = Vec::new();
    for _ in 0..3 {
        let mark = world
            .engine
            .begin_savepoint(&world.session, &world.permit, id, "same");
        marks.push(mark.await.unwrap());
        world.change_in(&session, insert).await.unwrap();
    }
    let end = async |at: usize, how| {
        let ended = world
            .engine
            .end_savepoint(&world.session, &world.permit, marks[at], how);
        ended.await
    };
    end(2, EndSavepoint::Rollback).await.unwrap();
    assert_eq!(world.count(&session).await, 2);
    end(1, EndSavepoint::Release).await.unwrap();
    for how in [EndSavepoint::Rollback, EndSavepoint::Release] {
        assert!(matches!(end(2, how).await, Err(Error::NotFound { .. })));
        assert!(matches!(end(1, how).await, Err(Error::NotFound { .. })));
    }
    end(0, EndSavepoint::Rollback).await.unwrap();
    assert_eq!(world.count(&session).await, 0);
    world.change_in(&session, insert).await.unwrap();
    world.end(id, EndTransaction::Commit).await.unwrap();
    assert_eq!(world.count(&world.session).await, 1);
    let gone = end(0, EndSavepoint::Rollback).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn sql_neither_begins_nor_ends_it() {
    let world = World::new().await;
    world.changes(&["create table t (a bigint)"]).await;
    let id = world.begin();
    let session = world.within(id);
    for sql in ["begin", "commit", "rollback"] {
        let error = world.change_in(&session, sql).await;
        assert!(
            matches!(error, Err(Error::InvalidInput { .. })),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "savepoint x",
        "insert into t values (1)",
        "rollback to x",
        "release x",
    ] {
        world.change_in(&session, sql).await.unwrap();
    }
    world.end(id, EndTransaction::Commit).await.unwrap();
    assert_eq!(world.count(&world.session).await, 0);
}

#[tokio::test]
async fn a_prepared_statement_belongs_to_its_transaction_and_goes_on_in_the_next() {
    let world = World::new().await;
    world.changes(&["create table t (a bigint)"]).await;
    let first = world.begin();
    let insert = world
        .engine
        .prepare(
            &world.within(first),
            &world.permit,
            "insert into t values (1)",
        )
        .await
        .unwrap();
    let run = async || {
        let run = world
            .engine
            .execute_prepared(&world.session, &world.permit, insert.id);
        run.await.map(|outcome| outcome.rows)
    };
    assert_eq!(run().await.unwrap(), 1);
    assert_eq!(world.count(&world.session).await, 0);
    world.end(first, EndTransaction::Commit).await.unwrap();
    assert_eq!(world.count(&world.session).await, 1);
    let ended = run().await;
    assert!(matches!(ended, Err(Error::NotFound { .. })), "{ended:?}");
    let next = world.begin();
    assert_eq!(run().await.unwrap(), 1);
    assert_eq!(world.count(&world.session).await, 1);
    world.end(next, EndTransaction::Rollback).await.unwrap();
    assert_eq!(world.count(&world.session).await, 1);
}

#[tokio::test]
async fn a_ticket_reads_what_was_described() {
    let world = World::with(|config| config.statements.cached_plans = 0).await;
    world
        .changes(&["create table t (a bigint)", "insert into t values (1)"])
        .await;
    let sql = "select a from t";
    let described = world.describe(sql).await.unwrap();
    world.changes(&["insert into t values (2)"]).await;
    let resume = async |id: StatementId, origin: Origin| {
        let resumed = world
            .engine
            .resume(&world.session, &world.permit, id, (sql, None), origin);
        let rows = world.run(&resumed.await?).await?;
        Ok::<_, Error>(rows.iter().map(|batch| batch.num_rows()).sum::<usize>())
    };
    assert_eq!(resume(described.id, described.origin).await.unwrap(), 1);
    let id = world.begin();
    let session = world.within(id);
    world
        .change_in(&session, "insert into t values (3)")
        .await
        .unwrap();
    let inside = world
        .engine
        .describe(&session, &world.permit, sql)
        .await
        .unwrap();
    assert_eq!(inside.origin.transaction, Some(id));
    assert_eq!(resume(inside.id, inside.origin).await.unwrap(), 3);
    world.end(id, EndTransaction::Rollback).await.unwrap();
    let gone = resume(inside.id, inside.origin).await;
    assert!(
        matches!(&gone, Err(Error::NotFound { message }) if message.contains("rolled back")),
        "{gone:?}"
    );
}

#[tokio::test]
async fn lists_of_tables_are_those_of_the_open_transaction() {
    let world = World::new().await;
    let id = world.begin();
    let session = world.within(id);
    world
        .change_in(&session, "create table t (a bigint)")
        .await
        .unwrap();
    let names = async || {
        let tables = world
            .engine
            .tables(&world.session, &world.permit, false, &|entry| {
                entry.schema == "main"
            });
        let tables = tables.await.unwrap();
        tables
            .into_iter()
            .map(|table| table.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["t"]);
    world.end(id, EndTransaction::Rollback).await.unwrap();
    assert!(names().await.is_empty());
}
