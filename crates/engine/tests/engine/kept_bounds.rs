//! What bounds kept results, and how each ends: by failure, limit, expiry, another user, or the server's own end.

use std::time::{Duration, Instant};

use futures::StreamExt;
use godwit_engine::{Error, KeptState, Result};

use crate::results::{MANY, ended, until};
use crate::running::STREAM;
use crate::support::{World, permit_for};

#[tokio::test]
async fn a_query_that_fails_says_why_to_all_who_ask() {
    let world = World::new().await;
    let kept = world
        .keep("select 1 / (id - 3) from people", 2)
        .await
        .unwrap();
    let state = ended(&kept).await;
    assert!(
        matches!(&state, KeptState::Failed(Error::InvalidInput { message }) if message.contains("zero")),
        "{state:?}"
    );
    for part in [0, 1, 0] {
        let read = world.read(&kept, part).await;
        assert!(matches!(read, Err(Error::InvalidInput { .. })), "{read:?}");
    }
    until("tidying", || world.files().is_empty()).await;
}

#[tokio::test]
async fn a_statement_has_its_time_in_the_background_too() {
    let world = World::new().await;
    world.execute("set timeout = '300ms'").await.unwrap();
    let kept = world.keep(STREAM, 1).await.unwrap();
    let state = ended(&kept).await;
    assert!(
        matches!(state, KeptState::Failed(Error::DeadlineExceeded { .. })),
        "{state:?}"
    );
    until("tidying", || world.files().is_empty()).await;
}

#[tokio::test]
async fn the_disk_of_all_results_is_bounded() {
    let world = World::with(|config| config.results.max_bytes = 3 << 20).await;
    let first = world.keep("select value from generate_series(1, 200000)", 1);
    let first = first.await.unwrap();
    assert!(matches!(ended(&first).await, KeptState::Finished { .. }));
    let second = world.keep(MANY, 1).await.unwrap();
    let state = ended(&second).await;
    assert!(
        matches!(&state, KeptState::Failed(Error::ResourcesExhausted { message }) if message.contains("results.max_bytes")),
        "{state:?}"
    );
    until("tidying", || world.files().len() == 1).await;
    assert_eq!(world.numbers(&first, 0).await.len(), 200_000);
    until("tidying", || world.files().is_empty()).await;
    let third = world.keep("select value from generate_series(1, 300000)", 1);
    assert!(matches!(
        ended(&third.await.unwrap()).await,
        KeptState::Finished { .. }
    ));
}

#[tokio::test]
async fn the_spill_limit_counts_too() {
    let world = World::with(|config| config.memory.spill_limit = 1 << 20).await;
    let kept = world.keep(MANY, 1).await.unwrap();
    let state = ended(&kept).await;
    assert!(
        matches!(&state, KeptState::Failed(Error::ResourcesExhausted { message }) if message.contains("memory.spill_limit")),
        "{state:?}"
    );
}

#[tokio::test]
async fn a_user_has_so_many_results() {
    let world = World::with(|config| config.results.max_per_user = 2).await;
    let first = world.keep("select 1", 1).await.unwrap();
    let second = world.keep(STREAM, 1).await.unwrap();
    let third = world.keep("select 3", 1).await;
    assert!(
        matches!(&third, Err(Error::ResourcesExhausted { message }) if message.contains("results.max_per_user")),
        "{third:?}"
    );
    assert!(
        world
            .engine
            .cancel_kept(&world.permit, second.id())
            .unwrap()
    );
    world.keep("select 3", 1).await.unwrap();
    assert!(world.keep("select 4", 1).await.is_err());
    world.read(&first, 0).await.unwrap();
    world.keep("select 4", 1).await.unwrap();
}

#[tokio::test]
async fn failures_are_remembered_for_as_many_as_there_may_be_results() {
    let world = World::with(|config| config.results.max_per_user = 2).await;
    let mut failed = Vec::new();
    for _ in 0..4 {
        let kept = world
            .keep("select 1 / (id - 3) from people", 1)
            .await
            .unwrap();
        assert!(matches!(ended(&kept).await, KeptState::Failed(_)));
        failed.push(kept.id());
    }
    let known = failed
        .iter()
        .map(|id| world.engine.kept(&world.permit, *id));
    assert_eq!(known.filter(Result::is_ok).count(), 2);
}

#[tokio::test]
async fn what_nobody_asks_for_is_forgotten_and_stopped() {
    let world = World::with(|config| config.results.ttl = Duration::from_millis(400)).await;
    let finished = world.keep("select 1", 1).await.unwrap();
    let running = world.keep(STREAM, 1).await.unwrap();
    assert!(matches!(ended(&finished).await, KeptState::Finished { .. }));
    // Who asks prolongs.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(900) {
        assert!(world.engine.kept(&world.permit, finished.id()).is_ok());
        tokio::task::yield_now().await;
    }
    until("stopping", || world.engine.running() == 0).await;
    assert!(matches!(
        running.state(),
        KeptState::Failed(Error::Cancelled)
    ));
    until("forgetting", || world.files().is_empty()).await;
    world.gone(&finished).await;
    assert!(matches!(
        world.read(&finished, 0).await,
        Err(Error::NotFound { .. })
    ));
}

#[tokio::test]
async fn what_is_read_is_not_forgotten() {
    let world = World::with(|config| config.results.ttl = Duration::from_millis(300)).await;
    let kept = world.keep(MANY, 1).await.unwrap();
    let mut rows = world.engine.read_kept(&world.permit, kept.id(), 0).unwrap();
    let mut count = rows.next().await.unwrap().unwrap().num_rows();
    let expired =
        tokio::time::timeout(Duration::from_millis(900), futures::future::pending::<()>());
    expired.await.unwrap_err();
    while let Some(batch) = rows.next().await {
        count += batch.unwrap().num_rows();
    }
    assert_eq!(count, 1_000_000);
    world.gone(&kept).await;
}

#[tokio::test]
async fn a_result_is_its_users_own() {
    let world = World::new().await;
    let kept = world.keep("select 1", 1).await.unwrap();
    let config = godwit_config::Config::default();
    let eve = permit_for(&config, Some("eve")).await;
    let denied = |error: &Error| matches!(error, Error::Denied { .. });
    let engine = &world.engine;
    assert!(denied(&engine.kept(&eve, kept.id()).unwrap_err()));
    assert!(denied(&engine.read_kept(&eve, kept.id(), 0).unwrap_err()));
    assert!(denied(&engine.cancel_kept(&eve, kept.id()).unwrap_err()));
    let statement = world.describe("select 1").await.unwrap();
    let stolen = engine.keep(&world.session, &eve, &statement, 1);
    assert!(denied(&stolen.unwrap_err()));
    assert!(matches!(
        engine.read_kept(&world.permit, kept.id(), 1),
        Err(Error::InvalidInput { .. })
    ));
}

#[tokio::test]
async fn a_stopping_server_does_not_wait_for_what_nobody_reads() {
    let world = World::new().await;
    let unread = world.keep(STREAM, 1).await.unwrap();
    let finished = world.keep(MANY, 1).await.unwrap();
    assert!(matches!(ended(&finished).await, KeptState::Finished { .. }));
    until("starting", || world.engine.running() == 1).await;
    let asked = Instant::now();
    world.engine.shutdown(Duration::from_secs(20)).await;
    assert!(asked.elapsed() < Duration::from_secs(3));
    assert!(matches!(
        unread.state(),
        KeptState::Failed(Error::Cancelled)
    ));
    until("tidying", || world.files().is_empty()).await;
    let after = world.engine.kept(&world.permit, finished.id());
    assert!(matches!(after, Err(Error::ShuttingDown)));
}

#[tokio::test]
async fn a_stopping_server_lets_a_reader_come_to_the_end() {
    let world = World::new().await;
    let kept = world.keep(MANY, 1).await.unwrap();
    let mut rows = world.engine.read_kept(&world.permit, kept.id(), 0).unwrap();
    let mut count = rows.next().await.unwrap().unwrap().num_rows();
    let reading = async {
        while let Some(batch) = rows.next().await {
            count += batch.unwrap().num_rows();
        }
    };
    tokio::join!(world.engine.shutdown(Duration::from_secs(20)), reading);
    assert_eq!(count, 1_000_000);
}
