use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, StringArray, StructArray,
};
use datafusion::arrow::datatypes::{DataType, Field};
use godwit_catalog::Error;
use godwit_config::{Mount, MountKind};

use crate::support::{Open, World, arrow_file, avro, batch};

async fn as_table(world: World) -> Open {
    let mount = Mount {
        kind: MountKind::Table,
        ..Mount::new("t")
    };
    world.mount_with("t", mount).open().await
}

#[tokio::test]
async fn parquet_by_name_with_types_that_widen() {
    let world = World::new();
    let old = batch(vec![
        ("id", Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef),
        ("name", Arc::new(StringArray::from(vec!["a", "b"]))),
    ]);
    let new = batch(vec![
        ("extra", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef),
        ("id", Arc::new(Int64Array::from(vec![5_000_000_000_i64]))),
    ]);
    world.parquet("t/1.parquet", &old);
    world.parquet("t/2.parquet", &new);
    let open = as_table(world).await;
    let found = open
        .table("select id, name, extra from files.t order by id")
        .await;
    assert!(found.contains("| 1          | a    |       |"), "{found}");
    assert!(found.contains("| 5000000000 |      | 0.5   |"), "{found}");
    assert_eq!(
        open.value("select arrow_typeof(id) from files.t limit 1")
            .await,
        "Int64"
    );
    let found = open
        .table(
            "select count(*) n, count(name) a, count(extra) e, min(id) i, max(id) m from files.t",
        )
        .await;
    assert!(found.contains("| 3 | 2 | 1 | 1 | 5000000000 |"), "{found}");
    assert_eq!(open.value("select min(name) from files.t").await, "a");
    assert_eq!(
        open.value("select count(*) from files.t where extra is null")
            .await,
        "2"
    );
    assert_eq!(
        open.value("select count(*) from files.t where id > 1")
            .await,
        "2"
    );
    assert_eq!(open.value("select max(extra) from files.t").await, "0.5");
}

#[tokio::test]
async fn types_without_a_common_one_name_both_files() {
    let world = World::new();
    world.parquet(
        "t/1.parquet",
        &batch(vec![(
            "id",
            Arc::new(Int64Array::from(vec![1])) as ArrayRef,
        )]),
    );
    world.parquet(
        "t/2.parquet",
        &batch(vec![(
            "id",
            Arc::new(StringArray::from(vec!["a"])) as ArrayRef,
        )]),
    );
    let error = as_table(world).await.error("select * from files.t").await;
    let text = error.to_string();
    assert!(matches!(error, Error::SchemaConflict { .. }), "{text}");
    assert!(
        text.contains("1.parquet") && text.contains("2.parquet") && text.contains("'id'"),
        "{text}"
    );
}

#[tokio::test]
async fn csv_goes_by_the_header() {
    let world = World::new();
    world.text("t/1.csv", "a,b\n1,x\n");
    world.text("t/2.csv", "b,a\ny,2\n");
    world.text("t/3.csv", "c,a\n1.5,oops\n");
    let open = as_table(world).await;
    let found = open.table("select a, b, c from files.t order by a").await;
    for row in [
        "| 1    | x |     |",
        "| 2    | y |     |",
        "| oops |   | 1.5 |",
    ] {
        assert!(found.contains(row), "{row}\n{found}");
    }
    assert_eq!(
        open.value("select count(*) from files.t where b = 'y'")
            .await,
        "1"
    );
    assert_eq!(open.value("select count(*) from files.t").await, "3");
    assert_eq!(
        open.value("select count(*) from (select b from files.t limit 2)")
            .await,
        "2"
    );
}

#[tokio::test]
async fn leading_zeros_survive_beside_text() {
    let world = World::new();
    world.text("t/1.csv", "code\n007\n");
    world.text("t/2.csv", "code\nabc\n");
    let open = as_table(world).await;
    assert_eq!(
        open.value("select code from files.t order by code").await,
        "007"
    );
}

#[tokio::test]
async fn ndjson_with_more_keys_and_other_types() {
    let world = World::new();
    world.text("t/1.ndjson", "{\"a\":1,\"s\":{\"x\":1}}\n");
    world.text(
        "t/2.ndjson",
        "{\"a\":2.5,\"s\":{\"x\":2,\"y\":\"z\"},\"b\":true}\n",
    );
    world.text("t/3.ndjson", "{\"a\":null,\"b\":\"no\"}\n");
    let open = as_table(world).await;
    let found = open
        .table("select a, s['x'] x, s['y'] y, b from files.t order by a")
        .await;
    for row in [
        "| 1.0 | 1 |   |      |",
        "| 2.5 | 2 | z | true |",
        "|     |   |   | no   |",
    ] {
        assert!(found.contains(row), "{row}\n{found}");
    }
}

#[tokio::test]
async fn arrow_and_avro_with_other_columns() {
    let one = batch(vec![
        ("a", Arc::new(Int32Array::from(vec![1])) as ArrayRef),
        ("b", Arc::new(StringArray::from(vec!["x"]))),
    ]);
    let two = batch(vec![
        ("b", Arc::new(StringArray::from(vec!["y"])) as ArrayRef),
        ("a", Arc::new(Int64Array::from(vec![2]))),
        ("c", Arc::new(Int64Array::from(vec![3]))),
    ]);
    for extension in ["arrow", "avro"] {
        let world = World::new();
        let write = if extension == "avro" {
            avro
        } else {
            arrow_file
        };
        write(&world.file(&format!("t/1.{extension}")), &one);
        write(&world.file(&format!("t/2.{extension}")), &two);
        let open = as_table(world).await;
        let found = open.table("select c, b, a from files.t order by a").await;
        for row in ["|   | x | 1 |", "| 3 | y | 2 |"] {
            assert!(found.contains(row), "{extension}\n{found}");
        }
        assert_eq!(
            open.value("select count(*) from files.t").await,
            "2",
            "{extension}"
        );
        assert_eq!(
            open.value("select sum(a) from files.t where b = 'y'").await,
            "2",
            "{extension}"
        );
    }
}

#[tokio::test]
async fn structs_grow() {
    let world = World::new();
    let nested = |name: &str| {
        let child: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let field = Arc::new(Field::new(name, DataType::Int64, true));
        batch(vec![(
            "s",
            Arc::new(StructArray::from(vec![(field, child)])) as ArrayRef,
        )])
    };
    world.parquet("t/1.parquet", &nested("x"));
    world.parquet("t/2.parquet", &nested("y"));
    let open = as_table(world).await;
    let found = open
        .table("select count(s['x']) x, count(s['y']) y, count(*) n from files.t")
        .await;
    assert!(found.contains("| 1 | 1 | 2 |"), "{found}");
}

#[tokio::test]
async fn formats_may_be_mixed_when_the_operator_says_table() {
    let world = World::new();
    world.text("t/1.csv", "id,name\n1,a\n");
    world.text("t/2.ndjson", "{\"id\":2,\"name\":\"b\"}\n");
    let three = batch(vec![
        ("id", Arc::new(Int64Array::from(vec![3])) as ArrayRef),
        ("name", Arc::new(StringArray::from(vec!["c"]))),
    ]);
    world.parquet("t/3.parquet", &three);
    let open = as_table(world).await;
    assert_eq!(
        open.value("select string_agg(name, '' order by id) from files.t")
            .await,
        "abc"
    );
    assert_eq!(
        open.value("select sum(id) from files.t where id > 1").await,
        "5"
    );
}
