//! Results that are kept: by whom they are read, and how each of them ends.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::{StreamExt, TryStreamExt};
use godwit_engine::{Error, Kept, KeptState, Result};

use crate::running::STREAM;
use crate::support::World;

pub(crate) const MANY: &str = "select value from generate_series(1, 1000000)";

impl World {
    pub(crate) async fn keep(&self, sql: &str, parts: u32) -> Result<Kept> {
        let statement = self.describe(sql).await?;
        self.engine
            .keep(&self.session, &self.permit, &statement, parts)
    }

    pub(crate) async fn read(&self, kept: &Kept, part: u32) -> Result<Vec<RecordBatch>> {
        let rows = self.engine.read_kept(&self.permit, kept.id(), part)?;
        assert_eq!(&rows.schema(), kept.schema());
        rows.try_collect().await
    }

    pub(crate) async fn numbers(&self, kept: &Kept, part: u32) -> Vec<i64> {
        let batches = self.read(kept, part).await.unwrap();
        let values = batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values());
        values.copied().collect()
    }

    /// The files that are spilled or kept at this moment.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut dirs = vec![self.path("data").join("spill")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    dirs.push(path);
                } else {
                    found.push(path);
                }
            }
        }
        found
    }

    pub(crate) async fn gone(&self, kept: &Kept) {
        until("the end of the result", || {
            self.engine.kept(&self.permit, kept.id()).is_err() && self.files().is_empty()
        })
        .await;
        let error = self.engine.kept(&self.permit, kept.id()).unwrap_err();
        assert!(
            matches!(&error, Error::NotFound { message } if message.contains("run the statement again"))
        );
    }
}

pub(crate) async fn ended(kept: &Kept) -> KeptState {
    kept.ended(Duration::from_secs(20)).await;
    kept.state()
}

pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            ticks.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    waited.unwrap_or_else(|_| panic!("{what} takes too long"));
}

#[tokio::test]
async fn a_result_is_kept_until_it_was_read_to_its_end() {
    let world = World::new().await;
    let kept = world.keep(MANY, 1).await.unwrap();
    let state = ended(&kept).await;
    assert!(
        matches!(state, KeptState::Finished { rows: 1_000_000, bytes } if bytes >= 8_000_000),
        "{state:?}"
    );
    assert_eq!(kept.progress(), Some(1.0));
    assert_eq!(world.files().len(), 1);
    let mut half = world.engine.read_kept(&world.permit, kept.id(), 0).unwrap();
    half.next().await.unwrap().unwrap();
    drop(half);
    assert!(world.engine.kept(&world.permit, kept.id()).is_ok());
    assert_eq!(world.numbers(&kept, 0).await, Vec::from_iter(1..=1_000_000));
    world.gone(&kept).await;
    until("the end of the readers", || world.engine.running() == 0).await;
}

#[tokio::test]
async fn the_parts_of_an_ordered_result_follow_each_other() {
    let world = World::new().await;
    let sql = "select value from generate_series(1, 1000000) order by value desc";
    let kept = world.keep(sql, 4).await.unwrap();
    assert!(kept.is_ordered());
    let mut together = Vec::new();
    for part in 0..4 {
        let numbers = world.numbers(&kept, part).await;
        assert_eq!(numbers.len(), 250_000);
        together.extend(numbers);
        // Each can be read again, until all have been.
        if part < 3 {
            assert_eq!(world.numbers(&kept, part).await.len(), 250_000);
        }
    }
    assert_eq!(together, Vec::from_iter((1..=1_000_000).rev()));
    world.gone(&kept).await;
}

#[tokio::test]
async fn the_parts_of_an_unordered_result_are_all_rows_once() {
    let world = World::new().await;
    let kept = world.keep(MANY, 4).await.unwrap();
    let parts = (0..4).map(|part| world.numbers(&kept, part));
    let parts = futures::future::join_all(parts).await;
    assert!(parts.iter().all(|part| !part.is_empty()));
    let all = parts.concat();
    assert_eq!(all.len(), 1_000_000);
    assert_eq!(BTreeSet::from_iter(all), BTreeSet::from_iter(1..=1_000_000));
    world.gone(&kept).await;
}

#[tokio::test]
async fn an_empty_result_has_all_of_its_parts() {
    let world = World::new().await;
    for order in ["", " order by id"] {
        let sql = format!("select * from people where id < 0{order}");
        let kept = world.keep(&sql, 3).await.unwrap();
        for part in 0..3 {
            assert_eq!(world.read(&kept, part).await.unwrap(), []);
        }
        world.gone(&kept).await;
    }
}

#[tokio::test]
async fn every_type_comes_back_as_it_was() {
    let world = World::new().await;
    for sql in [
        "select * from people",
        "select arrow_cast(name, 'Utf8View') as v, arrow_cast(name, 'Dictionary(Int8, Utf8)') as d from people",
        "select [name, name] as l, struct(id, arrow_cast(name, 'Utf8View')) as s, null as n from people",
        "select map(['a', 'b'], [1, 2]) as m, arrow_cast([id], 'LargeList(Int64)') as l, x'00ff' as b from people",
    ] {
        let direct = world.rows(sql).await.unwrap();
        let kept = world.keep(sql, 1).await.unwrap();
        assert_eq!(world.read(&kept, 0).await.unwrap(), direct, "{sql}");
    }
}

#[tokio::test]
async fn a_reader_need_not_wait_for_the_end() {
    let world = World::new().await;
    let kept = world.keep(STREAM, 1).await.unwrap();
    let mut rows = world.engine.read_kept(&world.permit, kept.id(), 0).unwrap();
    for _ in 0..20 {
        assert!(rows.next().await.unwrap().unwrap().num_rows() > 0);
    }
    assert!(matches!(kept.state(), KeptState::Running));
    assert!(world.engine.cancel_kept(&world.permit, kept.id()).unwrap());
    let last = loop {
        match rows.next().await {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(last, Some(Err(Error::Cancelled))), "{last:?}");
    drop(rows);
    until("cancelling", || {
        world.engine.running() == 0 && world.files().is_empty()
    })
    .await;
    // What was cancelled says so for a while; it cannot be cancelled twice.
    assert!(matches!(kept.state(), KeptState::Failed(Error::Cancelled)));
    let again = world.engine.kept(&world.permit, kept.id()).unwrap();
    assert!(matches!(again.state(), KeptState::Failed(Error::Cancelled)));
    assert!(!world.engine.cancel_kept(&world.permit, kept.id()).unwrap());
}

#[tokio::test]
async fn a_query_in_the_background_is_listed() {
    let world = World::new().await;
    let kept = world.keep(STREAM, 1).await.unwrap();
    until("starting", || world.engine.running() == 1).await;
    let id = world
        .one("select query_id from system.queries where ended is null and sql not like '%system%'")
        .await;
    assert_eq!(id, kept.id().to_string());
    assert!(world.engine.cancel_kept(&world.permit, kept.id()).unwrap());
    until("cancelling", || world.engine.running() == 0).await;
}

#[tokio::test]
async fn progress_grows_and_ends_with_the_last_row() {
    let world = World::new().await;
    let sql = "select count(*) from generate_series(1, 3000) a, generate_series(1, 100000) b where a.value * b.value % 7 = 3";
    let kept = world.keep(sql, 1).await.unwrap();
    let mut seen = vec![0.0];
    while matches!(kept.state(), KeptState::Running) {
        kept.advanced(0.05, Duration::from_secs(1)).await;
        if let Some(progress) = kept.progress() {
            assert!(progress < 1.0 || matches!(kept.state(), KeptState::Finished { .. }));
            seen.push(progress);
        }
    }
    seen.extend(kept.progress());
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&1.0));
    assert!(
        seen.iter().any(|seen| (0.01..0.99).contains(seen)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn bound_rows_are_kept_as_one_result() {
    let world = World::new().await;
    let prepared = world
        .engine
        .prepare(
            &world.session,
            &world.permit,
            "select $1 + value from generate_series(1, 3)",
        )
        .await
        .unwrap();
    let values = Int64Array::from(vec![10, 20]);
    let rows = RecordBatch::try_from_iter([("$1", Arc::new(values) as ArrayRef)]).unwrap();
    let bound = world
        .engine
        .bind(&world.session, &world.permit, prepared.id, vec![rows]);
    bound.unwrap();
    let statement = world
        .engine
        .instantiate(&world.session, &world.permit, prepared.id)
        .await
        .unwrap();
    let kept = world
        .engine
        .keep(&world.session, &world.permit, &statement, 1)
        .unwrap();
    assert_eq!(world.numbers(&kept, 0).await, [11, 12, 13, 21, 22, 23]);
}

#[tokio::test]
async fn an_effect_is_not_kept() {
    let world = World::new().await;
    let kept = world.keep("set batch_rows = 100", 1).await;
    assert!(matches!(kept, Err(Error::InvalidInput { .. })), "{kept:?}");
}
