use std::time::{Duration, Instant};

use futures::StreamExt;
use godwit_engine::Error;

use crate::support::World;

/// Would run for hours.
pub(crate) const ENDLESS: &str = "select count(*) from generate_series(1, 1000000000) a, generate_series(1, 1000000000) b where a.value * b.value = 7";

/// Gives rows for hours.
pub(crate) const STREAM: &str = "select a.value * b.value as v from generate_series(1, 1000) a, generate_series(1, 1000000000) b";

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
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
async fn a_query_that_is_dropped_ends_within_a_second() {
    let world = World::new().await;
    let statement = world.describe(ENDLESS).await.unwrap();
    let mut stream = world
        .engine
        .query(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    assert!(waiting.is_err());
    assert_eq!(world.engine.running(), 1);
    let dropped = Instant::now();
    drop(stream);
    until("cancelling", || world.engine.running() == 0).await;
    assert!(
        dropped.elapsed() < Duration::from_secs(1),
        "{:?}",
        dropped.elapsed()
    );
}

#[tokio::test]
async fn a_stream_that_is_dropped_midway_ends_too_and_a_slow_reader_holds_it() {
    let world = World::new().await;
    let statement = world.describe(STREAM).await.unwrap();
    let mut stream = world
        .engine
        .query(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    for _ in 0..5 {
        assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
    }
    // Nobody reads: the query is there, held back by its two waiting batches, and takes next to no memory.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.engine.running(), 1);
    assert_eq!(
        world
            .one("select count(*) from system.queries where ended is null")
            .await,
        "2"
    );
    assert!(stream.next().await.unwrap().is_ok());
    drop(stream);
    until("cancelling", || world.engine.running() == 0).await;
}

#[tokio::test]
async fn a_future_that_is_dropped_cancels_the_planning() {
    let world = World::new().await;
    let statement = world.describe(ENDLESS).await.unwrap();
    {
        let query = world
            .engine
            .query(&world.session, &world.permit, &statement);
        tokio::pin!(query);
        let polled = futures::poll!(query.as_mut());
        assert_eq!(world.engine.running(), 1);
        drop(polled);
    }
    until("cancelling", || world.engine.running() == 0).await;
}

#[tokio::test]
async fn a_statement_has_its_time() {
    let world = World::new().await;
    world.execute("set timeout = '300ms'").await.unwrap();
    let started = Instant::now();
    let error = world.error(ENDLESS).await;
    assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(3));
    until("ending", || world.engine.running() == 0).await;
    assert_eq!(world.one("select 1").await, "1");
}

#[tokio::test]
async fn the_servers_limit_bounds_the_sessions() {
    let world = World::with(|config| config.query.timeout = Some(Duration::from_millis(200))).await;
    assert!(
        matches!(world.error(ENDLESS).await, Error::DeadlineExceeded { seconds } if seconds == 0.2)
    );
    assert!(matches!(
        world.execute("set timeout = '1h'").await,
        Err(Error::InvalidInput { .. })
    ));
}

#[tokio::test]
async fn memory_is_bounded_and_the_error_names_the_key() {
    let world = World::with(|config| config.memory.limit = 20 << 20).await;
    // One side of a cross join is held, and there is no other plan for it.
    let sql = "select sum(a.value + b.value) from generate_series(1, 20000000) a cross join generate_series(1, 20000000) b";
    let error = world.error(sql).await;
    assert!(
        matches!(&error, Error::ResourcesExhausted { message } if message.contains("memory.query_limit")),
        "{error:?}"
    );
    assert_eq!(world.one("select count(*) from people").await, "5");
}

#[tokio::test]
async fn sorts_spill() {
    let world = World::with(|config| config.memory.limit = 64 << 20).await;
    let sql = "select max(value) from (select value, row_number() over (order by value % 1000, value) as n from generate_series(1, 6000000))";
    assert_eq!(world.one(sql).await, "6000000");
}

#[tokio::test]
async fn errors_while_rows_flow_come_through_the_stream() {
    let world = World::new().await;
    for sql in [
        "select 1 / (id - 3) from people",
        "select cast(name as int) from people",
        "select (select id from people)",
    ] {
        let error = world.error(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
        assert!(
            !error.to_string().contains("Error during planning"),
            "{error}"
        );
    }
    until("ending", || world.engine.running() == 0).await;
}

#[tokio::test]
async fn shutdown_waits_for_the_grace_and_then_cancels() {
    let world = World::new().await;
    let statement = world.describe(STREAM).await.unwrap();
    let mut stream = world
        .engine
        .query(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    let started = Instant::now();
    world.engine.shutdown(Duration::from_millis(200)).await;
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(world.engine.running(), 0);
    let last = loop {
        match stream.next().await {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(last, Some(Err(Error::Cancelled))), "{last:?}");
    assert!(matches!(
        world.describe("select 1").await,
        Err(Error::ShuttingDown)
    ));
    assert!(matches!(
        world.engine.schemas(&world.session, &world.permit).await,
        Err(Error::ShuttingDown)
    ));
}

#[tokio::test]
async fn shutdown_without_queries_is_quick() {
    let world = World::new().await;
    let started = Instant::now();
    world.engine.shutdown(Duration::from_secs(10)).await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn many_queries_at_once() {
    let world = World::new().await;
    let queries = (0..64).map(|at| {
        let sql = format!("select count(*) + {at} from people a, people b where a.id <> b.id");
        let world = &world;
        async move { world.one(&sql).await == (20 + at).to_string() }
    });
    assert!(
        futures::future::join_all(queries)
            .await
            .into_iter()
            .all(|right| right)
    );
}
