use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::running::{ENDLESS, STREAM, until};
use crate::support::World;

#[tokio::test]
async fn figures_say_what_runs_and_what_has_ended() {
    let world = World::new().await;
    let before = world.engine.figures();
    assert_eq!(
        (before.executing, before.sessions, before.ended.len()),
        (0, 1, 0)
    );
    assert_eq!(before.memory_limit, 1 << 30);
    world.rows("select * from people").await.unwrap();
    world.error("select * from nowhere").await;
    world
        .changes(&["create temp table t as select * from people"])
        .await;
    let statement = world.describe(STREAM).await.unwrap();
    let stream = world
        .engine
        .query(&world.session, &world.permit, &statement);
    let mut stream = stream.await.unwrap();
    stream.next().await.unwrap().unwrap();
    let during = world.engine.figures();
    assert_eq!(
        (during.queued, during.planning, during.executing),
        (0, 0, 1)
    );
    drop(stream);
    until("cancelling", || world.engine.running() == 0).await;
    let after = world.engine.figures();
    let queries = &after.ended["query"];
    assert_eq!(
        (queries.finished, queries.failed, queries.cancelled),
        (1, 0, 1)
    );
    assert!(queries.rows > 5 && queries.bytes > 0);
    assert!(queries.classes.iter().sum::<u64>() == 2);
    assert_eq!(after.ended["statement"].failed, 1);
    assert_eq!(after.ended["change"].rows, 5);
    assert!(after.memory_reserved > 0, "the temporary table is held");
}

#[tokio::test]
async fn what_has_ended_is_shown_with_its_times_and_why() {
    let world = World::new().await;
    world.rows("select name from people").await.unwrap();
    world.error("select * from nowhere").await;
    world.error("select 1 / (id - 3) from people").await;
    world.changes(&["create table t (x int)"]).await;
    let told = "select kind, state, code, rows, error is null, ended >= started, session_id is null, plan is null \
                from system.queries where ended is not null and sql not like '%system%' order by ended";
    let expected = [
        "query finished ok 5 true true false true",
        "statement failed not_found 0 false true false true",
        "query failed invalid_input 0 false true false true",
        "definition finished ok 0 true true false true",
    ];
    let rows = world.cells(told).await;
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    assert_eq!(rows, expected);
    let times = "select count(*) from system.queries where ended is not null and sql = 'select name from people' \
                 and planning_seconds > 0 and execution_seconds > 0 and seconds > 0 and bytes > 0 \
                 and queued_seconds + execution_seconds + sending_seconds <= seconds \
                 and spilled_bytes = 0 and peak_memory_bytes is not null and snapshot_id is not null";
    assert_eq!(world.one(times).await, "1");
}

#[tokio::test]
async fn a_query_that_runs_shows_how() {
    let world = World::new().await;
    let statement = world.describe(STREAM).await.unwrap();
    let stream = world
        .engine
        .query(&world.session, &world.permit, &statement);
    let mut stream = stream.await.unwrap();
    stream.next().await.unwrap().unwrap();
    let told = format!(
        "select state, plan like '%CrossJoinExec%' or plan like '%NestedLoop%', plan like '%output_rows%' \
         from system.queries where query_id = '{}'",
        statement.id
    );
    assert_eq!(world.one(&told).await, "running true true");
    drop(stream);
    until("cancelling", || world.engine.running() == 0).await;
    let told = format!(
        "select state, code, plan is null, rows > 0 from system.queries where query_id = '{}'",
        statement.id
    );
    assert_eq!(world.one(&told).await, "cancelled cancelled true true");
}

#[tokio::test]
async fn a_slow_query_leaves_its_plan_and_shows_what_it_spilled() {
    let world = World::with(|config| {
        config.memory.limit = 64 << 20;
        config.query.target_partitions = Some(1);
        config.history.plan_after = Some(Duration::from_millis(1));
    })
    .await;
    let sql = "select value as spilled, repeat('x', 50) || value as text from generate_series(1, 3000000) order by text desc";
    world.rows(sql).await.unwrap();
    let told = "select plan like '%SortExec%', spilled_bytes > 1000000, peak_memory_bytes between 1000000 and 67108864 \
                from system.queries where ended is not null and sql like 'select value as spilled%'";
    assert_eq!(world.one(told).await, "true true true");
    assert!(world.engine.figures().ended["query"].spilled_bytes > 1_000_000);
}

#[tokio::test]
async fn plans_hide_literals_where_statements_do() {
    let world = World::with(|config| {
        config.audit.redact_literals = true;
        config.history.plan_after = Some(Duration::from_nanos(1));
    })
    .await;
    world
        .rows("select id from people where name <> 'hidden-7' and id < 4711")
        .await
        .unwrap();
    let plan = world
        .one("select replace(plan, chr(10), ' ') from system.queries where ended is not null and plan is not null")
        .await;
    assert!(
        !plan.contains("hidden-7") && !plan.contains("4711"),
        "{plan}"
    );
}

#[tokio::test]
async fn the_history_is_bounded() {
    let world = World::with(|config| config.history.max_rows = 3).await;
    for at in 0..5 {
        world.rows(&format!("select {at} as n")).await.unwrap();
    }
    let told = "select sql from system.queries where ended is not null";
    let rows = world.cells(told).await.concat();
    assert_eq!(
        rows,
        ["select 4 as n", "select 3 as n", "select 2 as n"],
        "newest first"
    );
}

mod killing {
    use futures::StreamExt;
    use godwit_engine::{Error, Kill, QueryStream};

    use super::*;

    async fn endless(world: &World) -> (String, QueryStream) {
        let statement = world.describe(ENDLESS).await.unwrap();
        let stream = world
            .engine
            .query(&world.session, &world.permit, &statement);
        (statement.id.to_string(), stream.await.unwrap())
    }

    async fn ends_killed(mut stream: QueryStream) {
        let started = Instant::now();
        let Some(Err(error)) = stream.next().await else {
            panic!("it gave rows");
        };
        assert!(started.elapsed() < Duration::from_secs(1));
        assert!(
            matches!(&error, Error::Killed { message } if message.contains("its own user")),
            "{error:?}"
        );
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn a_query_ends_within_a_second() {
        let world = World::new().await;
        let (id, stream) = endless(&world).await;
        let started = Instant::now();
        let rows = world.change(&format!("kill query '{id}'")).await.unwrap();
        assert_eq!((rows, world.engine.running()), (1, 0));
        assert!(started.elapsed() < Duration::from_secs(1));
        ends_killed(stream).await;
        let told = format!("select state, code, error from system.queries where query_id = '{id}'");
        assert_eq!(
            world.one(&told).await,
            "killed killed the query was killed by its own user (KILL)"
        );
        let again = world.refused(&format!("kill query '{id}'")).await;
        assert!(matches!(again, Error::NotFound { .. }), "{again:?}");
        let figures = world.engine.figures();
        let queries = &figures.ended["query"];
        assert_eq!((queries.killed, queries.cancelled), (1, 0));
    }

    #[tokio::test]
    async fn the_id_of_an_error_message_is_enough_and_less_is_not() {
        let world = World::new().await;
        let (id, stream) = endless(&world).await;
        for wrong in ["", "x", &id[..15], &format!("{id}0")] {
            let error = world.refused(&format!("kill query '{wrong}'")).await;
            assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
        }
        assert_eq!(world.engine.running(), 1);
        let kill = Kill::Query(id[..16].to_owned());
        let killed = world.engine.kill(&world.session, &world.permit, kill);
        killed.await.unwrap();
        ends_killed(stream).await;
    }

    #[tokio::test]
    async fn a_session_ends_with_what_runs_in_it() {
        let world = World::new().await;
        world.changes(&["create temp table mine (a int)"]).await;
        let (_, stream) = endless(&world).await;
        let other = world.another_session();
        let id = world.session.id();
        let kill = format!("kill session '{id}'");
        assert_eq!(world.change_in(&other, &kill).await.unwrap(), 1);
        ends_killed(stream).await;
        assert_eq!(world.engine.figures().sessions, 1);
        let again = world.change_in(&other, &kill).await;
        assert!(matches!(again, Err(Error::NotFound { .. })), "{again:?}");
    }

    #[tokio::test]
    async fn a_change_that_is_killed_leaves_nothing() {
        let world = World::new().await;
        world.changes(&["create table t (x bigint)"]).await;
        let sql = "insert into t select a.value from generate_series(1, 100000000) a, generate_series(1, 100000) b";
        let statement = world.describe(sql).await.unwrap();
        let id = statement.id;
        let change = world
            .engine
            .execute(&world.session, &world.permit, &statement);
        let kill = async {
            until("starting", || world.engine.figures().executing == 1).await;
            let other = world.another_session();
            world.change_in(&other, &format!("kill query '{id}'")).await
        };
        let (changed, killed) = tokio::join!(change, kill);
        assert_eq!(killed.unwrap(), 1);
        assert!(matches!(changed, Err(Error::Killed { .. })), "{changed:?}");
        assert_eq!(world.one("select count(*) from t").await, "0");
    }

    #[tokio::test]
    async fn a_kept_result_says_that_its_query_was_killed() {
        let world = World::new().await;
        let statement = world.describe(ENDLESS).await.unwrap();
        let kept = world
            .engine
            .keep(&world.session, &world.permit, &statement, 1)
            .unwrap();
        until("starting", || world.engine.running() == 1).await;
        let kill = format!("kill query '{}'", statement.id);
        assert_eq!(world.change(&kill).await.unwrap(), 1);
        kept.ended(Duration::from_secs(1)).await;
        let state = kept.state();
        assert!(
            matches!(
                &state,
                godwit_engine::KeptState::Failed(Error::Killed { .. })
            ),
            "{state:?}"
        );
    }
}
