use std::fs::{self, File};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use godwit_catalog::Error;

use crate::support::{Open, World, arrow_file, avro, batch, ours, parquet};

fn numbers(values: std::ops::Range<i64>) -> RecordBatch {
    batch(vec![(
        "n",
        Arc::new(values.collect::<Int64Array>()) as ArrayRef,
    )])
}

async fn snapshot(open: &Open, schema: &str, name: &str) -> u64 {
    open.catalog
        .table(schema, name)
        .await
        .unwrap()
        .unwrap()
        .snapshot
}

#[tokio::test]
async fn new_files_are_seen_by_the_next_query() {
    let world = World::new();
    world.parquet("t/1.parquet", &numbers(0..2));
    let world = world.mount("t", "t");
    let open = world.open().await;
    let count = "select count(*) from files.t";
    assert_eq!(open.value(count).await, "2");
    let first = snapshot(&open, "files", "t").await;
    assert_eq!(first, snapshot(&open, "files", "t").await);
    world.parquet("t/2.parquet", &numbers(0..3));
    assert_eq!(open.value(count).await, "5");
    assert_ne!(first, snapshot(&open, "files", "t").await);
    world.parquet("t/1.parquet", &numbers(0..100));
    assert_eq!(open.value(count).await, "103");
    fs::remove_file(world.path("t/1.parquet")).unwrap();
    assert_eq!(open.value(count).await, "3");
    assert_eq!(open.value("select max(n) from files.t").await, "2");
}

#[tokio::test]
async fn an_unchanged_table_keeps_its_provider() {
    let world = World::new();
    world.text("s/a.csv", "x\n1\n");
    world.text("s/b.csv", "y\n1\n");
    let world = world.mount("s", "s");
    let open = world.open().await;
    let before = open.catalog.table("s", "a").await.unwrap().unwrap();
    world.text("s/c.csv", "z\n1\n");
    let after = open.catalog.table("s", "a").await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&before.provider, &after.provider));
    assert_eq!(before.snapshot, after.snapshot);
    assert_eq!(open.tables("s").await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_rewrite_of_the_same_size_counts() {
    let world = World::new();
    world.text("a.csv", "x\n1\n");
    let world = world.mount("a", "a.csv");
    let open = world.open().await;
    assert_eq!(open.value("select x from files.a").await, "1");
    world.text("a.csv", "x\n2\n");
    let later = SystemTime::now() + Duration::from_secs(5);
    File::options()
        .write(true)
        .open(world.path("a.csv"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    assert_eq!(open.value("select x from files.a").await, "2");
}

#[tokio::test]
async fn an_empty_directory_becomes_what_is_put_there() {
    let world = World::new();
    fs::create_dir_all(world.path("t")).unwrap();
    let world = world.mount("t", "t").mount("later", "later");
    let open = world.open().await;
    assert!(open.tables("t").await.is_empty());
    assert!(open.catalog.schema_names().contains(&"t".to_owned()));
    world.text("t/a.csv", "x\n1\n");
    assert_eq!(open.value("select x from files.t").await, "1");
    world.text("t/b.csv", "y\n2\n");
    assert_eq!(open.value("select y from t.b").await, "2");
    assert!(open.catalog.table("files", "t").await.unwrap().is_none());
    assert!(matches!(
        open.error("select * from files.later").await,
        Error::Mount { .. }
    ));
    world.text("later/a.csv", "x\n1\n");
    assert_eq!(open.value("select x from files.later").await, "1");
    fs::remove_dir_all(world.path("later")).unwrap();
    assert!(matches!(
        open.error("select * from files.later").await,
        Error::Mount { .. }
    ));
}

#[tokio::test]
async fn an_empty_table_has_no_rows() {
    let world = World::new();
    fs::create_dir_all(world.path("t")).unwrap();
    world.text("nothing.csv", "");
    world.text("header.csv", "a,b\n");
    let table = godwit_config::Mount {
        kind: godwit_config::MountKind::Table,
        ..godwit_config::Mount::new("t")
    };
    let open = world
        .mount_with("t", table)
        .mount("nothing", "nothing.csv")
        .mount("header", "header.csv")
        .open()
        .await;
    for name in ["t", "nothing", "header"] {
        assert_eq!(
            open.value(&format!("select count(*) from files.{name}"))
                .await,
            "0",
            "{name}"
        );
    }
    assert!(
        open.rows("select a, b from files.header")
            .await
            .unwrap()
            .iter()
            .all(|rows| rows.num_rows() == 0)
    );
}

/// A plan made of the files as they are now.
#[expect(clippy::disallowed_methods, reason = "tests have no engine")]
async fn planned(
    open: &Open,
    sql: &str,
) -> (
    Arc<dyn datafusion::physical_plan::ExecutionPlan>,
    SessionContext,
) {
    let plan = open
        .session
        .sql(sql)
        .await
        .unwrap()
        .create_physical_plan()
        .await
        .unwrap();
    (plan, open.session.clone())
}

#[tokio::test]
async fn what_changes_between_plan_and_read_is_an_error() {
    let world = World::new();
    world.text("t.csv", &format!("n\n{}", "1\n".repeat(50)));
    world.text("t.ndjson", &"{\"n\":1}\n".repeat(50));
    world.parquet("t.parquet", &numbers(0..50));
    arrow_file(&world.file("t.arrow"), &numbers(0..50));
    avro(&world.file("t.avro"), &numbers(0..50));
    let mut world = world;
    let files = ["t.csv", "t.ndjson", "t.parquet", "t.arrow", "t.avro"];
    for (index, file) in files.iter().enumerate() {
        world = world.mount(&format!("m{index}"), file);
    }
    let open = world.open().await;
    type Change = fn(&std::path::Path);
    let changes: [(&str, Change); 4] = [
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("shorter", |path| {
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(20)
                .unwrap()
        }),
        ("replaced", |path| {
            let new = path.with_extension("new");
            parquet(&new, &numbers(0..7));
            fs::rename(new, path).unwrap();
        }),
        ("touched", |path| {
            let later = SystemTime::now() + Duration::from_secs(5);
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(later)
                .unwrap();
        }),
    ];
    for (index, file) in files.iter().enumerate() {
        let path = world.path(file);
        let original = fs::read(&path).unwrap();
        for (what, change) in changes {
            fs::write(&path, &original).unwrap();
            let (plan, session) =
                planned(&open, &format!("select sum(n) from files.m{index}")).await;
            change(&path);
            let read = datafusion::physical_plan::collect(plan, session.task_ctx()).await;
            let error = ours(&read.expect_err(file)).unwrap();
            assert!(
                matches!(&error, Error::Changed { path, .. } if path.ends_with(file)),
                "{file} {what}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_read_is_an_error() {
    let world = World::new();
    world.text("a.csv", &format!("n\n{}", "123456789\n".repeat(200_000)));
    let world = world.mount("a", "a.csv");
    let open = world.open().await;
    let (plan, session) = planned(&open, "select n from files.a").await;
    let mut rows = datafusion::physical_plan::execute_stream(plan, session.task_ctx()).unwrap();
    rows.next().await.unwrap().unwrap();
    File::options()
        .write(true)
        .open(world.path("a.csv"))
        .unwrap()
        .set_len(1_000_000)
        .unwrap();
    let mut end = None;
    while let Some(batch) = rows.next().await {
        end = Some(batch);
    }
    let error = ours(&end.unwrap().unwrap_err()).unwrap();
    assert!(matches!(error, Error::Changed { .. }), "{error}");
}
