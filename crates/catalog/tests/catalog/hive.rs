use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use godwit_catalog::Error;

use crate::support::{World, arrow_file, avro, batch};

fn numbers(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    batch(vec![(
        "n",
        Arc::new(values.into_iter().collect::<Int64Array>()) as ArrayRef,
    )])
}

fn tree() -> World {
    let world = World::new();
    world.parquet("t/year=2023/country=DE/a.parquet", &numbers(0..10));
    world.parquet("t/year=2023/country=FR/a.parquet", &numbers(10..20));
    world.parquet("t/year=2024/country=DE/a.parquet", &numbers(20..30));
    world.parquet(
        "t/year=2024/country=__HIVE_DEFAULT_PARTITION__/a.parquet",
        &numbers(30..40),
    );
    world.parquet(
        "t/year=2024/country=C%C3%B4te%20d'Ivoire/a.parquet",
        &numbers(40..50),
    );
    world.text("t/_SUCCESS", "");
    world.text("t/.crc", "");
    world.text("t/year=2024/notes.txt", "");
    world.mount("t", "t")
}

#[tokio::test]
async fn folders_are_columns() {
    let open = tree().open().await;
    let found = open
        .table(
            "select arrow_typeof(year), arrow_typeof(country), sum(n) from files.t group by 1, 2",
        )
        .await;
    assert!(
        found.contains("| Int64 ") && found.contains("| Utf8 ") && found.contains("| 1225 "),
        "{found}"
    );
    let total = |filter: &str| format!("select coalesce(sum(n), -1) from files.t where {filter}");
    for (filter, sum) in [
        ("year = 2023", "190"),
        ("year = 2024 and country = 'DE'", "245"),
        ("country = 'DE' or country = 'FR'", "435"),
        ("country is null", "345"),
        ("country is not null and year = 2024", "690"),
        ("country = 'Côte d''Ivoire'", "445"),
        ("country <> 'DE'", "590"),
        ("year + 1 = 2024", "190"),
        ("year = 2024 and n < 22", "41"),
        ("year in (1999)", "-1"),
        ("country in ('DE', 'XX') and n >= 20", "245"),
        ("year = (select max(year) from files.t)", "1035"),
        ("year in (select 2023)", "190"),
        (
            "exists (select 1 from files.t u where u.year = t.year + 1)",
            "190",
        ),
    ] {
        assert_eq!(open.value(&total(filter)).await, sum, "{filter}");
    }
    assert_eq!(open.value("select count(country) from files.t").await, "40");
    assert_eq!(
        open.value("select count(*) from files.t where country is null")
            .await,
        "10"
    );
    assert_eq!(open.value("select min(year) from files.t").await, "2023");
    assert_eq!(open.value("select max(country) from files.t").await, "FR");
    assert_eq!(
        open.value("select count(distinct country) from files.t")
            .await,
        "3"
    );
    assert_eq!(
        open.value("select country from files.t where n = 35").await,
        ""
    );
    assert_eq!(
        open.value("select count(*) from (select year from files.t limit 7)")
            .await,
        "7"
    );
}

#[tokio::test]
async fn a_filter_on_folders_leaves_their_files_alone() {
    let open = tree().open().await;
    let plan = open
        .table("explain select * from files.t where year = 2023 and country = 'FR'")
        .await;
    assert!(
        plan.contains("country=FR") && !plan.contains("country=DE"),
        "{plan}"
    );
    assert!(!plan.contains("FilterExec"), "{plan}");
    let plan = open
        .table("explain select * from files.t where year = 1999")
        .await;
    assert!(plan.contains("EmptyExec"), "{plan}");
}

#[tokio::test]
async fn every_format_takes_part() {
    let world = World::new();
    world.text("c/day=2024-01-01/a.csv", "n\n1\n2\n");
    world.text("c/day=2024-02-01/a.csv", "n\n3\n");
    world.text("j/k=x/a.ndjson", "{\"n\":1}\n{\"n\":2}\n");
    world.text("j/k=y/a.ndjson", "{\"n\":3}\n");
    for (k, values) in [("x", 1..3), ("y", 3..4)] {
        arrow_file(
            &world.file(&format!("f/k={k}/a.arrow")),
            &numbers(values.clone()),
        );
        avro(&world.file(&format!("v/k={k}/a.avro")), &numbers(values));
    }
    let open = world
        .mount("c", "c")
        .mount("j", "j")
        .mount("f", "f")
        .mount("v", "v")
        .open()
        .await;
    for (table, key, value) in [
        ("c", "day", "2024-02-01"),
        ("j", "k", "y"),
        ("f", "k", "y"),
        ("v", "k", "y"),
    ] {
        let found = open
            .value(&format!("select sum(n) from files.{table}"))
            .await;
        assert_eq!(found, "6", "{table}");
        let found = open
            .value(&format!(
                "select n from files.{table} where {key} = '{value}'"
            ))
            .await;
        assert_eq!(found, "3", "{table}");
        let found = open
            .value(&format!("select {key} from files.{table} where n = 3"))
            .await;
        assert_eq!(found, value, "{table}");
        let found = open
            .value(&format!("select count({key}) from files.{table}"))
            .await;
        assert_eq!(found, "3", "{table}");
    }
    assert_eq!(
        open.value("select arrow_typeof(day) from files.c limit 1")
            .await,
        "Date32"
    );
    assert_eq!(
        open.value("select count(*) from files.c where day >= date '2024-01-15'")
            .await,
        "1"
    );
}

#[tokio::test]
async fn a_folder_hides_a_column_of_its_name() {
    let world = World::new();
    let both = batch(vec![
        ("k", Arc::new(Int64Array::from(vec![-1, -1])) as ArrayRef),
        ("n", Arc::new(Int64Array::from(vec![1, 2]))),
    ]);
    world.parquet("p/k=7/a.parquet", &both);
    arrow_file(&world.file("a/k=7/a.arrow"), &both);
    avro(&world.file("v/k=7/a.avro"), &both);
    world.text("c/k=7/a.csv", "k,n\n-1,1\n-1,2\n");
    world.text("j/k=7/a.ndjson", "{\"k\":-1,\"n\":1}\n{\"k\":-1,\"n\":2}\n");
    let open = world
        .mount("p", "p")
        .mount("a", "a")
        .mount("v", "v")
        .mount("c", "c")
        .mount("j", "j")
        .open()
        .await;
    for table in ["p", "a", "v", "c", "j"] {
        let found = open
            .table(&format!("select n, k from files.{table} where n = 2"))
            .await;
        assert!(found.contains("| 2 | 7 |"), "{table}\n{found}");
        let found = open
            .value(&format!("select sum(k) from files.{table}"))
            .await;
        assert_eq!(found, "14", "{table}");
    }
}

#[tokio::test]
async fn a_file_outside_of_the_folders_is_named() {
    let world = tree();
    world.parquet("t/year=2025/stray.parquet", &numbers(0..1));
    let error = world.open().await.error("select * from files.t").await;
    assert!(
        matches!(&error, Error::File { path, .. } if path.ends_with("year=2025/stray.parquet")),
        "{error}"
    );
}
