//! How much temporary tables may take, and what happens when a change is cut off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use godwit_engine::{Error, SessionKey};
use godwit_protocol::SessionId;

use crate::support::World;

/// A table of a given number of MiB.
fn make(name: &str, mebibytes: usize) -> String {
    let rows = mebibytes << 10;
    format!(
        "create temp table {name} as select repeat('x', 1010) || value as text from generate_series(1, {rows}) as g(value)"
    )
}

fn is_full(error: &Error, key: &str) -> bool {
    matches!(error, Error::ResourcesExhausted { message } if message.contains(key))
}

#[tokio::test]
async fn the_tables_of_a_session_share_a_limit() {
    let world = World::with(|config| config.sessions.temp_bytes = 8 << 20).await;
    world
        .changes(&[&make("a", 5), "create temp table b (text text)"])
        .await;
    for sql in [
        make("c", 5),
        "insert into b select text from a".to_owned(),
        "insert into a select text from a".to_owned(),
        "update a set text = text || repeat('y', 1200)".to_owned(),
        "create or replace temp table b as select * from a".to_owned(),
    ] {
        let error = world.refused(&sql).await;
        assert!(is_full(&error, "sessions.temp_bytes"), "{sql}: {error:?}");
        assert_eq!(
            world
                .one("select (select count(*) from a), (select count(*) from b)")
                .await,
            "5120 0"
        );
    }
    // What is given back can be used again, and a table may take the place of its own old rows.
    world
        .changes(&[
            "update a set text = text || 'y'",
            "create or replace temp table a as select * from a",
            "delete from a where text like '%5y'",
            "truncate a",
            &make("c", 6),
            "drop table c",
            &make("d", 6),
        ])
        .await;
    // Another session has a limit of its own.
    let other = world.another_session();
    world.change_in(&other, &make("a", 6)).await.unwrap();
}

#[tokio::test]
async fn tables_without_rows_are_counted_too() {
    let world = World::with(|config| config.sessions.temp_bytes = 64 << 10).await;
    let mut made = 0;
    let error = loop {
        match world
            .change(&format!("create temp table t{made} (a int)"))
            .await
        {
            Ok(_) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 100, "more tables than the limit has room for");
    };
    assert!(is_full(&error, "sessions.temp_bytes"), "{error:?}");
    assert!(made > 10, "{made}");
}

#[tokio::test]
async fn they_count_against_the_memory_of_the_server_until_the_session_ends() {
    let world = World::with(|config| config.memory.limit = 32 << 20).await;
    let key = SessionKey::Token(SessionId::random());
    let other = world
        .engine
        .sessions()
        .open(world.permit.user(), key)
        .unwrap();
    world.change_in(&other, &make("held", 20)).await.unwrap();
    let error = world.refused(&make("mine", 20)).await;
    assert!(is_full(&error, "memory.limit"), "{error:?}");
    drop(other);
    world.engine.sessions().close(world.permit.user(), key);
    assert_eq!(world.change(&make("mine", 20)).await.unwrap(), 20 << 10);
}

#[tokio::test]
async fn replaced_rows_are_given_back() {
    let world = World::with(|config| config.memory.limit = 64 << 20).await;
    world.changes(&[&make("t", 10)]).await;
    for _ in 0..20 {
        world.changes(&["update t set text = text"]).await;
        assert_eq!(world.one("select count(*) from t").await, "10240");
        let statement = world.describe("select count(text) from t").await.unwrap();
        world.run(&statement).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_ends_with_its_time_and_changes_nothing() {
    let world = World::new().await;
    world
        .changes(&["create temp table t (a bigint)", "set timeout = '300ms'"])
        .await;
    let endless = "insert into t select a.value from generate_series(1, 1000000) a, generate_series(1, 1000000) b where a.value + b.value < 0";
    let began = Instant::now();
    assert!(matches!(
        world.refused(endless).await,
        Error::DeadlineExceeded { .. }
    ));
    assert!(began.elapsed() < Duration::from_secs(20));
    world.session.reset_option("timeout").unwrap();
    idle(&world).await;
    assert_eq!(world.one("select count(*) from t").await, "0");
    assert_eq!(world.change("insert into t values (1)").await.unwrap(), 1);
}

#[tokio::test]
async fn dropping_the_call_cancels_the_change() {
    let world = World::new().await;
    world.changes(&["create temp table t (a bigint)"]).await;
    let endless = "insert into t select a.value from generate_series(1, 1000000) a, generate_series(1, 1000000) b where a.value + b.value < 0";
    let statement = world.describe(endless).await.unwrap();
    let call = {
        let (engine, session, permit) = (
            world.engine.clone(),
            Arc::clone(&world.session),
            world.permit.clone(),
        );
        tokio::spawn(async move { engine.execute(&session, &permit, &statement).await })
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.engine.running() == 0 {
        assert!(Instant::now() < deadline, "the change never began");
        tokio::task::yield_now().await;
    }
    call.abort();
    idle(&world).await;
    assert_eq!(world.change("insert into t values (1)").await.unwrap(), 1);
    assert_eq!(world.one("select count(*) from t").await, "1");
}

/// Waits until nothing runs.
async fn idle(world: &World) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while world.engine.running() > 0 {
        assert!(Instant::now() < deadline, "a change still runs");
        tokio::task::yield_now().await;
    }
}
