use std::fs;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use godwit_catalog::{Error, TableKind};
use godwit_config::{Mount, MountKind};

use crate::support::{World, batch};

fn column(name: &str) -> RecordBatch {
    batch(vec![(
        name,
        Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
    )])
}

#[tokio::test]
async fn files_alike_are_a_table_and_others_a_schema() {
    let world = World::new();
    world.parquet("alike/a.parquet", &column("x"));
    world.parquet("alike/b.parquet", &column("x"));
    world.parquet("different/Orders.parquet", &column("x"));
    world.parquet("different/line-items.parquet", &column("y"));
    world.text("different/2024.csv", "z\n1\n");
    world.text("different/README.md", "not a table");
    world.parquet("folders/flat/deep/a.parquet", &column("x"));
    world.parquet("folders/hive/k=1/a.parquet", &column("x"));
    world.parquet("folders/lone.parquet", &column("x"));
    fs::create_dir_all(world.path("folders/nothing")).unwrap();
    world.text("mixed/a.csv", "x\n1\n");
    world.text("mixed/b.ndjson", "{\"x\":1}\n");
    let world = ["alike", "different", "folders", "mixed"]
        .into_iter()
        .fold(world, |world, name| world.mount(name, name));
    let open = world.open().await;
    assert_eq!(
        open.catalog.schema_names(),
        [
            "different",
            "files",
            "folders",
            "main",
            "mixed",
            "system",
            "temp"
        ]
    );
    assert_eq!(open.tables("files").await, ["alike"]);
    assert_eq!(
        open.tables("different").await,
        ["_2024", "line_items", "orders"]
    );
    assert_eq!(open.tables("folders").await, ["flat", "hive", "lone"]);
    assert_eq!(open.tables("mixed").await, ["a", "b"]);
    assert_eq!(open.value("select count(*) from files.alike").await, "4");
    assert_eq!(
        open.value("select sum(y) from different.line_items").await,
        "3"
    );
    assert_eq!(open.value("select sum(k) from folders.hive").await, "2");
    assert_eq!(open.value("select count(*) from folders.flat").await, "2");
    assert!(
        open.catalog
            .table("files", "different")
            .await
            .unwrap()
            .is_none()
    );
    assert!(open.catalog.table("alike", "a").await.unwrap().is_none());
    assert!(open.catalog.table("no_such", "a").await.unwrap().is_none());
    let kinds: Vec<_> = open
        .catalog
        .table_names("files")
        .await
        .into_iter()
        .map(|entry| entry.kind)
        .collect();
    assert_eq!(kinds, [TableKind::Table]);
}

#[tokio::test]
async fn the_operator_decides() {
    let world = World::new();
    world.parquet("t/a.parquet", &column("x"));
    world.parquet("t/sub/b.parquet", &column("y"));
    let table = Mount {
        kind: MountKind::Table,
        ..Mount::new("t")
    };
    let schema = Mount {
        kind: MountKind::Schema,
        ..Mount::new("t/a.parquet")
    };
    let open = world
        .mount_with("one", table)
        .mount_with("many", schema)
        .open()
        .await;
    let found = open
        .table("select count(*) n, count(x) x, count(y) y from files.one")
        .await;
    assert!(found.contains("| 4 | 2 | 2 |"), "{found}");
    assert_eq!(open.tables("many").await, ["a"]);
}

#[tokio::test]
async fn globs() {
    let world = World::new();
    for name in ["2023/a.csv", "2023/b.txt", "2024/a.csv", "2024/deep/c.csv"] {
        world.text(&format!("t/{name}"), "x\n1\n");
    }
    world.text("h/k=1/a.csv", "x\n1\n");
    world.text("h/k=2/a.csv", "x\n1\n");
    world.text("odd [1].csv", "x\n1\n");
    let open = world
        .mount("star", "t/*/a.csv")
        .mount("deep", "t/**/*.csv")
        .mount("folder", "t/20?4")
        .mount("hive", "h/k=*/a.csv")
        .mount("literal", "odd [1].csv")
        .mount("none", "t/*.parquet")
        .open()
        .await;
    for (table, rows) in [("files.hive", "2"), ("files.literal", "1")] {
        assert_eq!(
            open.value(&format!("select count(*) from {table}")).await,
            rows,
            "{table}"
        );
    }
    assert_eq!(open.tables("star").await, ["_2023", "_2024"]);
    assert_eq!(open.tables("deep").await, ["_2023", "_2024"]);
    assert_eq!(open.tables("folder").await, ["_2024"]);
    assert_eq!(open.value("select count(*) from folder._2024").await, "2");
    assert_eq!(open.value("select sum(k) from files.hive").await, "3");
    assert!(open.tables("none").await.is_empty());
}

#[tokio::test]
async fn names_that_collide_are_reported() {
    let world = World::new();
    world.text("t/a b.csv", "x\n1\n");
    world.text("t/a-b.csv", "y\n1\n2\n");
    world.text("t/c.csv", "z\n1\n2\n");
    let open = world.mount("t", "t").open().await;
    assert_eq!(open.tables("t").await, ["a_b", "c"]);
    assert_eq!(open.value("select sum(x) from t.a_b").await, "1");
    let error = open.value("select error from system.mounts").await;
    assert!(
        error.contains("a-b.csv") && error.contains("t.a_b"),
        "{error}"
    );
}

#[tokio::test]
async fn mounts_are_listed_with_what_is_wrong() {
    let world = World::new();
    world.text("good.csv", "x\n1\n");
    world.text("s/a.csv", "x\n1\n");
    world.text("s/b.csv", "y\n1\n");
    world.text("s/broken.parquet", "PAR1 it is not");
    world.text("texts/a.txt", "");
    fs::create_dir_all(world.path("empty")).unwrap();
    let open = world
        .mount("good", "good.csv")
        .mount("s", "s")
        .mount("missing", "missing")
        .mount("empty", "empty")
        .mount("texts", "texts")
        .open()
        .await;
    let found = open
        .table("select name, kind, format, schema, tables, error is null ok from system.mounts")
        .await;
    for row in [
        "| empty   | auto   |              | empty  | 0      | true  |",
        "| good    | table  | csv          | files  | 1      | true  |",
        "| missing | auto   |              | files  | 0      | false |",
        "| s       | schema | csv, parquet | s      | 3      | false |",
        "| texts   | auto   |              | texts  | 0      | false |",
    ] {
        assert!(found.contains(row), "{row}\n{found}");
    }
    let error = open
        .value("select error from system.mounts where name = 's'")
        .await;
    assert!(error.contains("broken.parquet"), "{error}");
    for name in ["files.missing", "missing.x"] {
        if let Ok(found) = open
            .catalog
            .table(
                name.split_once('.').unwrap().0,
                name.split_once('.').unwrap().1,
            )
            .await
        {
            panic!("{name}: {found:?}");
        }
    }
    assert!(matches!(
        open.error("select * from files.missing").await,
        Error::Mount { .. }
    ));
    assert_eq!(open.tables("files").await, ["good", "missing"]);
    assert_eq!(open.tables("system").await, ["mounts"]);
}

#[tokio::test]
async fn the_engine_adds_system_tables() {
    let open = World::new().open().await;
    let rows = column("x");
    let table = datafusion::datasource::MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap();
    open.catalog
        .register_system_table("settings", Arc::new(table));
    assert_eq!(open.tables("system").await, ["mounts", "settings"]);
    assert_eq!(open.value("select sum(x) from system.settings").await, "3");
    let resolved = open
        .catalog
        .table("system", "settings")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (resolved.kind, resolved.snapshot),
        (TableKind::SystemTable, 0)
    );
}

#[tokio::test]
async fn information_schema_stands_a_broken_table() {
    let world = World::new();
    world.text("s/a.csv", "x\n1\n");
    world.text("s/broken.parquet", "PAR1 it is not");
    let open = world.mount("s", "s").mount("gone", "gone").open().await;
    open.show_metadata();
    let found = open
        .table("select table_schema, table_name from information_schema.tables where table_schema <> 'information_schema' order by 1, 2")
        .await;
    for row in [
        "| files        | gone       |",
        "| s            | a          |",
        "| s            | broken     |",
        "| system       | mounts     |",
    ] {
        assert!(found.contains(row), "{row}\n{found}");
    }
    let found = open.table("select table_name, column_name from information_schema.columns where table_schema = 's'").await;
    assert!(
        found.contains("| a          | x           |") && !found.contains("broken"),
        "{found}"
    );
    open.rows("select * from information_schema.views")
        .await
        .unwrap();
    assert_eq!(open.value("select count(*) from information_schema.schemata where schema_name in ('main', 'temp', 's')").await, "3");
}

#[tokio::test]
async fn writes_are_refused() {
    let world = World::new();
    world.text("a.csv", "x\n1\n");
    let open = world.mount("a", "a.csv").open().await;
    for sql in [
        "insert into files.a values (2)",
        "delete from files.a where x = 1",
        "update files.a set x = 2",
        "truncate table files.a",
    ] {
        let error = open.error(sql).await;
        assert!(
            matches!(&error, Error::ReadOnly { table, .. } if table == "files.a"),
            "{sql}: {error}"
        );
    }
    assert_eq!(open.value("select count(*) from files.a").await, "1");
}
