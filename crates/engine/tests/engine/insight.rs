use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::support::World;

/// Gives rows for hours.
const STREAM: &str = "select a.value * b.value as v from generate_series(1, 1000) a, generate_series(1, 1000000000) b";

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{what} takes too long"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

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
