//! Transactions that SQL begins and ends.

use std::sync::Arc;

use godwit_engine::{Error, Session, SessionKey};

use crate::support::{World, cells};

impl World {
    /// The cells of a query in another session, joined by blanks, its rows by commas.
    async fn shown(&self, session: &Arc<Session>, sql: &str) -> String {
        let statement = self.engine.describe(session, &self.permit, sql).await;
        let statement = statement.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let batches = self.run(&statement).await.unwrap();
        let table = arrow::util::pretty::pretty_format_batches(&batches).unwrap();
        let rows = cells(&table.to_string());
        rows.iter()
            .map(|row| row.join(" "))
            .collect::<Vec<_>>()
            .join(",")
    }

    async fn mine(&self, sql: &str) -> String {
        self.shown(&self.session, sql).await
    }
}

const ALL: &str = "select a from t order by a";

#[tokio::test]
async fn what_is_committed_is_seen_by_others_and_nothing_before() {
    let world = World::new().await;
    let other = world.another_session();
    world.changes(&["create table t (a bigint)", "begin"]).await;
    assert_eq!(
        world.change("insert into t values (1), (2)").await.unwrap(),
        2
    );
    assert_eq!(world.mine(ALL).await, "1,2");
    assert_eq!(world.shown(&other, ALL).await, "");
    world.changes(&["create table u (b int)"]).await;
    let hidden = world
        .engine
        .describe(&other, &world.permit, "select * from u")
        .await;
    assert!(matches!(hidden, Err(Error::NotFound { .. })), "{hidden:?}");
    world.changes(&["commit"]).await;
    assert_eq!(world.shown(&other, ALL).await, "1,2");
    assert_eq!(world.shown(&other, "select count(*) from u").await, "0");
}

#[tokio::test]
async fn a_transaction_sees_the_lake_as_its_first_statement_did() {
    let world = World::new().await;
    let other = world.another_session();
    world
        .changes(&["create table t (a bigint)", "insert into t values (1)"])
        .await;
    world.changes(&["start transaction"]).await;
    world
        .change_in(&other, "insert into t values (2)")
        .await
        .unwrap();
    assert_eq!(world.mine(ALL).await, "1,2");
    world
        .change_in(&other, "insert into t values (3)")
        .await
        .unwrap();
    assert_eq!(world.mine(ALL).await, "1,2");
    world.changes(&["insert into t values (4)"]).await;
    assert_eq!(world.mine(ALL).await, "1,2,4");
    world.changes(&["end"]).await;
    assert_eq!(world.mine(ALL).await, "1,2,3,4");
}

#[tokio::test]
async fn a_rollback_takes_everything_back() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a bigint)",
            "create temp table kept as select 1 as a",
            "create temp table gone as select 1 as a",
            "begin transaction",
            "insert into t values (1)",
            "create table u (b int)",
            "insert into kept values (2)",
            "drop table gone",
            "create temp table made as select 3 as a",
        ])
        .await;
    assert_eq!(world.mine("select sum(a) from kept").await, "3");
    world.changes(&["rollback work"]).await;
    assert_eq!(world.mine(ALL).await, "");
    assert_eq!(world.mine("select sum(a) from kept").await, "1");
    assert_eq!(world.mine("select a from gone").await, "1");
    for lost in ["select * from u", "select * from made"] {
        let error = world.error(lost).await;
        assert!(matches!(error, Error::NotFound { .. }), "{lost}: {error:?}");
    }
}

#[tokio::test]
async fn savepoints_nest_and_shadow_each_other() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a bigint)",
            "create temp table s as select 0 as a",
            "begin",
            "insert into t values (1)",
            "savepoint x",
            "insert into t values (2)",
            "insert into s values (2)",
            "savepoint x",
            "insert into t values (3)",
            "insert into s values (3)",
        ])
        .await;
    world.changes(&["rollback to x"]).await;
    assert_eq!(world.mine(ALL).await, "1,2");
    assert_eq!(world.mine("select count(*) from s").await, "2");
    world
        .changes(&["insert into t values (4)", "rollback to savepoint X"])
        .await;
    assert_eq!(world.mine(ALL).await, "1,2");
    // The outer one comes to light again.
    world
        .changes(&["release savepoint x", "rollback to x"])
        .await;
    assert_eq!(world.mine(ALL).await, "1");
    assert_eq!(world.mine("select count(*) from s").await, "1");
    world
        .changes(&["savepoint \"X\"", "insert into t values (5)", "release x"])
        .await;
    for gone in ["rollback to x", "rollback to \"X\"", "release x"] {
        let error = world.refused(gone).await;
        assert!(matches!(error, Error::NotFound { .. }), "{gone}: {error:?}");
    }
    world.changes(&["commit"]).await;
    assert_eq!(world.mine(ALL).await, "1,5");
    assert_eq!(world.mine("select count(*) from s").await, "1");
}

#[tokio::test]
async fn the_first_to_commit_wins() {
    let world = World::new().await;
    let other = world.another_session();
    world
        .changes(&["create table t (a bigint)", "insert into t values (1), (2)"])
        .await;
    for session in [&world.session, &other] {
        world.change_in(session, "begin").await.unwrap();
        let update = world.change_in(session, "update t set a = a + 10 where a = 1");
        assert_eq!(update.await.unwrap(), 1);
    }
    world.change_in(&other, "commit").await.unwrap();
    world
        .changes(&["create temp table lost as select 1 as a"])
        .await;
    let error = world.refused("commit").await;
    assert!(matches!(error, Error::Aborted { .. }), "{error:?}");
    // It is gone with everything, and a ROLLBACK after the failed COMMIT is no mistake, once.
    assert_eq!(world.mine(ALL).await, "2,11");
    assert!(matches!(
        world.error("select * from lost").await,
        Error::NotFound { .. }
    ));
    world.changes(&["rollback"]).await;
    let error = world.refused("rollback").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
}

#[tokio::test]
async fn a_statement_that_fails_is_taken_back_and_the_transaction_goes_on() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a bigint not null)",
            "begin",
            "insert into t values (1)",
        ])
        .await;
    for failing in [
        "insert into t select 10 / (a - 1) from t",
        "insert into t values (null)",
        "create table v as select 1 / (a - 1) as b from t",
    ] {
        world.refused(failing).await;
        assert_eq!(world.mine(ALL).await, "1", "{failing}");
    }
    world.changes(&["insert into t values (2)", "commit"]).await;
    assert_eq!(world.mine(ALL).await, "1,2");
    assert!(matches!(
        world.error("select * from v").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn a_read_only_transaction_writes_temporary_tables_only() {
    let world = World::new().await;
    world
        .changes(&["create table t (a bigint)", "start transaction read only"])
        .await;
    for write in [
        "insert into t values (1)",
        "delete from t",
        "drop table t",
        "create table u (a int)",
    ] {
        let error = world.refused(write).await;
        assert!(
            matches!(error, Error::ReadOnly { .. }),
            "{write}: {error:?}"
        );
    }
    world
        .changes(&["create temp table s as select 1 as a", "commit"])
        .await;
    assert_eq!(world.mine("select a from s").await, "1");
    world
        .changes(&["begin read write", "insert into t values (1)", "commit"])
        .await;
    assert_eq!(world.mine(ALL).await, "1");
}

#[tokio::test]
async fn isolation_levels_below_ours_are_given_ours() {
    let world = World::new().await;
    for level in [
        "read uncommitted",
        "read committed",
        "repeatable read",
        "snapshot",
    ] {
        world
            .changes(&[&format!("begin isolation level {level}"), "rollback"])
            .await;
    }
    let error = world
        .refused("start transaction isolation level serializable")
        .await;
    assert!(
        matches!(&error, Error::Unsupported { message } if message.contains("snapshot isolation")),
        "{error:?}"
    );
    for (odd, says) in [
        ("commit and chain", "CHAIN"),
        ("begin immediate", "IMMEDIATE"),
        ("explain commit", "EXPLAIN"),
    ] {
        let error = world.refused(odd).await;
        assert!(
            matches!(&error, Error::Unsupported { message } if message.contains(says)),
            "{odd}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_does() {
    let world = World::new().await;
    for (sql, says) in [
        ("commit", "BEGIN begins one"),
        ("rollback", "BEGIN begins one"),
        ("savepoint x", "BEGIN begins one"),
        ("release x", "BEGIN begins one"),
        ("rollback to x", "BEGIN begins one"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains(says)),
            "{sql}: {error:?}"
        );
    }
    world.changes(&["begin"]).await;
    let error = world.refused("begin").await;
    assert!(
        error.to_string().contains("open in this session already"),
        "{error}"
    );
    world.changes(&["rollback"]).await;
    let sessions = world.engine.sessions();
    let stateless = sessions
        .open(world.permit.user(), SessionKey::Stateless)
        .unwrap();
    let error = world.change_in(&stateless, "begin").await.unwrap_err();
    assert!(error.to_string().contains("handshake"), "{error}");
}

#[tokio::test]
async fn describing_and_preparing_begin_and_end_nothing() {
    let world = World::new().await;
    world.describe("begin").await.unwrap();
    let begin = world
        .engine
        .prepare(&world.session, &world.permit, "begin")
        .await
        .unwrap();
    assert!(matches!(
        world.refused("commit").await,
        Error::InvalidInput { .. }
    ));
    world.changes(&["create table t (a bigint)"]).await;
    let run = world
        .engine
        .execute_prepared(&world.session, &world.permit, begin.id);
    assert_eq!(run.await.unwrap().rows, 0);
    world.changes(&["insert into t values (1)"]).await;
    world.describe("rollback").await.unwrap();
    assert_eq!(world.mine(ALL).await, "1");
    world.changes(&["rollback"]).await;
    assert_eq!(world.mine(ALL).await, "");
}

#[tokio::test]
async fn a_session_that_ends_takes_its_transaction_with_it() {
    let world = World::new().await;
    let key = SessionKey::Token(godwit_protocol::SessionId::random());
    let user = world.permit.user().to_owned();
    let ending = world.engine.sessions().open(&user, key).unwrap();
    world.changes(&["create table t (a bigint)"]).await;
    for sql in ["begin", "insert into t values (1)"] {
        world.change_in(&ending, sql).await.unwrap();
    }
    world.engine.sessions().close(&user, key);
    let error = world.change_in(&ending, "insert into t values (2)").await;
    assert!(matches!(error, Err(Error::NotFound { .. })), "{error:?}");
    assert_eq!(world.mine(ALL).await, "");
    assert_eq!(
        world
            .mine("select sum(transactions) from system.sessions")
            .await,
        "0"
    );
}
