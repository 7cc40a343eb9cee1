use std::fs::File;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;

use crate::support::{World, batch};

#[tokio::test]
async fn counts_come_from_the_footers() {
    let world = World::new();
    for part in 0..5_i64 {
        let rows = batch(vec![(
            "n",
            Arc::new((part * 100..part * 100 + 100).collect::<Int64Array>()) as ArrayRef,
        )]);
        world.parquet(&format!("t/{part}.parquet"), &rows);
    }
    let open = world.mount("t", "t").open().await;
    let plan = open
        .table("explain select count(*), min(n), max(n) from files.t")
        .await;
    assert!(
        plan.contains("PlaceholderRowExec") && !plan.contains("DataSourceExec"),
        "{plan}"
    );
    let found = open
        .table("select count(*), min(n), max(n) from files.t")
        .await;
    assert!(
        found.contains("| 500      | 0 ") && found.contains("| 499 "),
        "{found}"
    );
    let plan = open
        .table("explain select * from files.t where n = 250")
        .await;
    assert!(plan.contains("pruning_predicate"), "{plan}");
    let plan = open.table("explain select * from files.t limit 150").await;
    assert!(!plan.contains("4.parquet"), "{plan}");
}

#[tokio::test]
async fn a_big_file_is_read_in_parts() {
    let world = World::new();
    let rows = batch(vec![
        (
            "n",
            Arc::new((0..400_000).collect::<Int64Array>()) as ArrayRef,
        ),
        (
            "s",
            Arc::new(
                (0..400_000)
                    .map(|n: i64| Some(format!("{:x}", n * 2_654_435_761)))
                    .collect::<StringArray>(),
            ),
        ),
    ]);
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(20_000))
        .set_dictionary_enabled(false)
        .build();
    let path = world.file("big.parquet");
    let mut writer = ArrowWriter::try_new(
        File::create(&path).unwrap(),
        rows.schema(),
        Some(properties),
    )
    .unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let open = world.mount("big", "big.parquet").open().await;
    open.rows("set datafusion.optimizer.repartition_file_min_size = 1024")
        .await
        .unwrap();
    let plan = open
        .table("explain select s from files.big where n % 7 = 3")
        .await;
    assert!(plan.contains("file_groups={4 groups"), "{plan}");
    assert_eq!(
        open.value("select count(distinct s) from files.big where n % 7 = 3")
            .await,
        "57143"
    );
    assert_eq!(
        open.value("select sum(n) from files.big").await,
        "79999800000"
    );
    let top = open
        .value("select n from files.big order by n desc limit 1")
        .await;
    assert_eq!(top, "399999");
    open.rows("set datafusion.execution.parquet.pushdown_filters = true")
        .await
        .unwrap();
    assert_eq!(
        open.value("select count(*) from files.big where n between 1000 and 1999")
            .await,
        "1000"
    );
}

#[tokio::test]
async fn joins_and_dynamic_filters_pass_the_guard() {
    let world = World::new();
    let rows = |n: std::ops::Range<i64>| {
        batch(vec![("n", Arc::new(n.collect::<Int64Array>()) as ArrayRef)])
    };
    world.parquet("a/k=1/a.parquet", &rows(0..1000));
    world.parquet("a/k=2/a.parquet", &rows(1000..2000));
    world.text("b.csv", "n\n5\n1500\n9999\n");
    let open = world.mount("a", "a").mount("b", "b.csv").open().await;
    let found = open
        .value("select sum(k) from files.a join files.b using (n)")
        .await;
    assert_eq!(found, "3");
    let found = open.value("select string_agg(cast(n as text), ' ' order by n desc) from (select n from files.a order by n desc limit 2)").await;
    assert_eq!(found, "1999 1998");
}
