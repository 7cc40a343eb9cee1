use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use godwit_config::Config;

use crate::support::{Open, World, batch};

/// How often columns are read until they are kept.
const READS: usize = 4;

fn rows(range: std::ops::Range<i64>) -> RecordBatch {
    let text: StringArray = range
        .clone()
        .map(|n| Some(format!("a text of some length, {n}")))
        .collect();
    batch(vec![
        ("n", Arc::new(range.collect::<Int64Array>()) as ArrayRef),
        ("s", Arc::new(text)),
    ])
}

async fn is_kept(open: &Open, sql: &str) -> bool {
    let plan = open.table(&format!("explain {sql}")).await;
    plan.contains("decoded before")
}

/// Asks until the answer comes from what is kept; all answers are the same.
async fn ask_until_kept(open: &Open, sql: &str) -> String {
    let first = open.table(sql).await;
    for _ in 1..READS {
        assert_eq!(open.table(sql).await, first, "{sql}");
    }
    assert!(is_kept(open, sql).await, "{sql}");
    assert_eq!(open.table(sql).await, first, "{sql}");
    first
}

#[tokio::test]
async fn columns_that_are_read_again_and_again_are_kept() {
    let world = World::new();
    world.parquet("t/1.parquet", &rows(0..1000));
    world.parquet("t/2.parquet", &rows(1000..3000));
    let open = world.mount("t", "t").open().await;
    let found = ask_until_kept(&open, "select s, n from files.t where n = 1234").await;
    assert!(found.contains("a text of some length, 1234"), "{found}");
    // Which row is wanted makes no difference, and other columns do.
    assert!(is_kept(&open, "select s, n from files.t where n = 7").await);
    assert!(!is_kept(&open, "select s from files.t").await);
    let count = "select count(*) from files.t where s like '%9'";
    assert!(ask_until_kept(&open, count).await.contains("| 300 "));
    let least = "select min(n), max(n), count(s) from files.t where n % 2 = 1";
    assert!(ask_until_kept(&open, least).await.contains("| 1 "));
    ask_until_kept(&open, "select * from files.t order by n desc limit 3").await;
}

#[tokio::test]
async fn what_is_kept_goes_with_the_files_that_it_was_read_from() {
    let world = World::new();
    world.parquet("t/1.parquet", &rows(0..10));
    let world = world.mount("t", "t");
    let open = world.open().await;
    let sum = "select sum(n) from files.t where n < 100";
    assert!(ask_until_kept(&open, sum).await.contains("| 45 "));
    world.parquet("t/2.parquet", &rows(50..52));
    assert!(ask_until_kept(&open, sum).await.contains("| 146 "));
    fs::remove_file(world.path("t/1.parquet")).unwrap();
    assert!(ask_until_kept(&open, sum).await.contains("| 101 "));
}

#[tokio::test]
async fn folders_and_joins_are_as_before() {
    let world = World::new();
    world.parquet("t/k=1/a.parquet", &rows(0..1000));
    world.parquet("t/k=2/a.parquet", &rows(1000..2000));
    let open = world.mount("t", "t").open().await;
    let grouped = "select k, count(*), sum(n) from files.t where n > 500 group by k order by k";
    let found = ask_until_kept(&open, grouped).await;
    assert!(found.contains("| 2 | 1000 "), "{found}");
    // Folders that are left out are not read.
    let one = "select sum(n) from files.t where k = 1 and n > 500";
    for _ in 0..=READS {
        assert_eq!(open.value(one).await, "374250");
    }
    assert!(!is_kept(&open, one).await);
    let joined = "select count(*) from files.t a join files.t b on a.n = b.n + 1";
    assert!(ask_until_kept(&open, joined).await.contains("| 1999 "));
}

#[tokio::test]
async fn what_is_too_much_is_read_from_its_files() {
    let world = World::new();
    let long = "x".repeat(12 << 10);
    let text: StringArray = (0..2000).map(|n| Some(format!("{n:04}{long}"))).collect();
    let numbers = (0..2000).collect::<Int64Array>();
    let rows = batch(vec![
        ("n", Arc::new(numbers) as ArrayRef),
        ("s", Arc::new(text)),
    ]);
    world.parquet("t.parquet", &rows);
    let open = world.mount("t", "t.parquet").open().await;
    let sum = "select sum(n + length(s)) from files.t";
    for _ in 0..=READS {
        assert_eq!(open.value(sum).await, "26583000");
    }
    assert!(!is_kept(&open, sum).await);
}

#[tokio::test]
async fn as_much_is_kept_as_the_configuration_says() {
    let world = World::new();
    world.parquet("t.parquet", &rows(0..1000));
    let world = world.mount("t", "t.parquet");
    let sum = "select sum(n) from files.t where n >= 10";
    for room in [0, 16_000] {
        let mut config = Config::default();
        config.memory.kept_columns = room;
        let open = world.open_with(config).await;
        for _ in 0..=READS {
            assert_eq!(open.value(sum).await, "499455");
        }
        assert!(!is_kept(&open, sum).await, "{room}");
    }
}
