use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn names_are_found_along_the_search_path() {
    let world = World::new().await;
    for sql in [
        "select count(*) from people",
        "select count(*) from files.people",
        "select count(*) from godwit.files.people",
        "select count(*) from PEOPLE",
        "select count(*) from \"people\"",
        "with people as (select * from people) select count(*) from people",
    ] {
        assert_eq!(world.one(sql).await, "5", "{sql}");
    }
    assert_eq!(
        world.one("select name from shop.items where id = 2").await,
        "bolt"
    );
}

#[tokio::test]
async fn the_schema_of_a_session_is_searched_before_files() {
    let world = World::new().await;
    assert!(matches!(
        world.error("select * from items").await,
        Error::NotFound { .. }
    ));
    world.execute("set schema = 'shop'").await.unwrap();
    assert_eq!(world.one("select count(*) from items").await, "2");
    assert_eq!(world.one("select count(*) from people").await, "5");
    world.execute("use main").await.unwrap();
    assert!(matches!(
        world.error("select * from items").await,
        Error::NotFound { .. }
    ));
    world.execute("use godwit.shop").await.unwrap();
    assert_eq!(world.one("show schema").await, "schema shop");
}

#[tokio::test]
async fn what_is_not_there_is_said_with_the_nearest_name() {
    let world = World::new().await;
    for (sql, said) in [
        (
            "select * from poeple",
            "table 'poeple' does not exist; looked in temp, main, files; did you mean 'people'?",
        ),
        (
            "select * from item",
            "table 'item' does not exist; looked in temp, main, files; did you mean 'shop.items'?",
        ),
        (
            "select * from shop.item",
            "table 'item' does not exist in schema shop; did you mean 'items'?",
        ),
        (
            "select * from shoop.items",
            "schema 'shoop' does not exist in catalog godwit; did you mean 'shop'?",
        ),
        (
            "select * from other.shop.items",
            "catalog 'other' does not exist; the only one is godwit",
        ),
        (
            "select * from \"PEOPLE\"",
            "table 'PEOPLE' does not exist; looked in temp, main, files; did you mean 'people'?",
        ),
        (
            "describe nothing_like_it",
            "table 'nothing_like_it' does not exist; looked in temp, main, files",
        ),
    ] {
        let error = world.error(sql).await;
        assert!(matches!(error, Error::NotFound { .. }), "{sql}: {error:?}");
        assert_eq!(error.to_string(), said, "{sql}");
    }
    let error = world.error("select nmae from people").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    assert!(error.to_string().contains("nmae"), "{error}");
}

#[tokio::test]
async fn show_and_describe_know_the_search_path() {
    let world = World::new().await;
    let columns = world.cells("show columns from people").await;
    assert_eq!(columns.len(), 8);
    assert_eq!(columns[0][..4], ["godwit", "files", "people", "id"]);
    assert_eq!(world.cells("show columns from shop.items").await.len(), 2);
    assert_eq!(
        world.cells("describe people").await[0],
        ["id", "Int32", "NO"]
    );
    assert_eq!(world.cells("desc shop.stock").await.len(), 2);
    assert_eq!(
        world.cells("describe select 1 as x").await[0],
        ["x", "Int64", "NO"]
    );
    let tables = world.table("show tables").await;
    for name in ["people", "orders", "items", "stock", "settings", "mounts"] {
        assert!(tables.contains(&format!(" {name} ")), "{name} in {tables}");
    }
    assert!(world.cells("show functions").await.len() > 100);
    assert_eq!(world.one("show time_zone").await, "time_zone UTC");
    assert_eq!(world.one("show timezone").await, "time_zone UTC");
    assert_eq!(
        world.one("show datafusion.execution.batch_size").await,
        "batch_rows 8192"
    );
    assert!(world.cells("show all").await.len() > 10);
    assert!(
        world
            .cells("show schemas")
            .await
            .iter()
            .any(|row| row[1] == "shop")
    );
    assert_eq!(world.cells("show databases").await, [["godwit"]]);
    assert!(world.rows("show create table people").await.is_ok());
}

#[tokio::test]
async fn information_schema_lists_everything() {
    let world = World::new().await;
    let count = "select count(*) from information_schema.columns where table_name = 'people'";
    assert_eq!(world.one(count).await, "8");
    let all = "select table_schema, table_type from godwit.information_schema.tables where table_name = 'items'";
    assert_eq!(world.one(all).await, "shop BASE TABLE");
    for table in [
        "tables",
        "views",
        "columns",
        "df_settings",
        "schemata",
        "routines",
        "parameters",
    ] {
        world
            .rows(&format!("select * from information_schema.{table}"))
            .await
            .unwrap();
    }
    assert!(matches!(
        world
            .error("select * from information_schema.nothing")
            .await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn a_statement_sees_one_snapshot_and_the_next_one_the_next() {
    let world = World::new().await;
    let sql = "select count(*) from shop.items a, shop.items b";
    let before = world.describe(sql).await.unwrap();
    assert_ne!(before.snapshot, 0);
    assert_eq!(world.describe(sql).await.unwrap().snapshot, before.snapshot);
    std::fs::write(
        world.path("shop/items.csv"),
        "id,name\n1,nut\n2,bolt\n3,screw\n",
    )
    .unwrap();
    let after = world.describe(sql).await.unwrap();
    assert_ne!(after.snapshot, before.snapshot);
    assert_eq!(world.one(sql).await, "9");
    assert_eq!(world.describe("select 1").await.unwrap().snapshot, 0);
}

#[tokio::test]
async fn a_broken_file_names_itself_and_nothing_else_breaks() {
    let world = World::with(|config| {
        let path = config.data_dir.parent().unwrap().join("broken.parquet");
        std::fs::write(&path, b"PAR1 this is no parquet file PAR1").unwrap();
        config
            .mounts
            .insert("broken".to_owned(), godwit_config::Mount::new(path));
    })
    .await;
    let error = world.error("select * from broken").await;
    assert!(
        matches!(&error, Error::BrokenData { file: Some(file), .. } if file.ends_with("broken.parquet")),
        "{error:?}"
    );
    assert!(error.to_string().contains("broken.parquet"), "{error}");
    assert_eq!(world.one("select count(*) from people").await, "5");
    assert!(world.table("show tables").await.contains("people"));
}
