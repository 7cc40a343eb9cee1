//! Durable tables and schemas: how they are made, changed and dropped.

use std::time::Duration;

use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn a_table_is_made_once_and_when_it_runs() {
    let world = World::new().await;
    let sql = "create table t (a int not null, b text default 'x', c decimal(10,2))";
    world.describe(sql).await.unwrap();
    world
        .engine
        .prepare(&world.session, &world.permit, sql)
        .await
        .unwrap();
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
    let statement = world.describe(sql).await.unwrap();
    let run = || {
        world
            .engine
            .execute(&world.session, &world.permit, &statement)
    };
    assert_eq!(run().await.unwrap().rows, 0);
    assert!(matches!(
        run().await.unwrap_err(),
        Error::InvalidInput { .. }
    ));
    assert_eq!(world.one("select count(*) from main.t").await, "0");
    let schema = world.describe("select * from godwit.main.t").await.unwrap();
    let fields = schema.schema.fields().iter();
    let columns: Vec<_> = fields
        .map(|field| (field.name().as_str(), field.is_nullable()))
        .collect();
    assert_eq!(columns, [("a", false), ("b", true), ("c", true)]);
    assert!(
        matches!(world.refused(sql).await, Error::AlreadyExists { message } if message.contains("main.t"))
    );
    world
        .changes(&["create table if not exists t (other int)"])
        .await;
    world.describe("select a, b, c from t").await.unwrap();
    world.changes(&["create or replace table t (z int)"]).await;
    world.describe("select z from t").await.unwrap();
}

#[tokio::test]
async fn the_rows_of_a_query_become_a_table() {
    let world = World::new().await;
    let made = world
        .change("create table copied as select * from people")
        .await;
    assert_eq!(made.unwrap(), 5);
    assert_eq!(
        world.cells("select * from copied order by id").await,
        world.cells("select * from people order by id").await
    );
    let replaced = world
        .change("create or replace table copied as select id, name from copied where id > 2")
        .await;
    assert_eq!(replaced.unwrap(), 2);
    assert_eq!(
        world.cells("select id from copied order by id").await,
        [["3"], ["4"]]
    );
    let skipped = world
        .change("create table if not exists copied as select 1 as one")
        .await;
    assert_eq!(skipped.unwrap(), 0);
    let none = world
        .change("create table empty as select id from people where false")
        .await;
    assert_eq!(none.unwrap(), 0);
    assert_eq!(world.one("select count(*) from empty").await, "0");
    for sql in [
        "create table twice as select 1 as a, 2 as a",
        "create table fails as select 1 / (id - id) as x from people",
    ] {
        assert!(matches!(
            world.refused(sql).await,
            Error::InvalidInput { .. }
        ));
    }
    assert!(matches!(
        world.error("select * from fails").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn tables_are_dropped_several_at_once_or_none() {
    let world = World::new().await;
    world
        .changes(&["create table a (x int)", "create table b (x int)"])
        .await;
    assert!(matches!(
        world.refused("drop table a, nowhere").await,
        Error::NotFound { .. }
    ));
    world.describe("select * from a").await.unwrap();
    world.changes(&["drop table if exists a, nowhere, b"]).await;
    for sql in ["select * from a", "select * from b"] {
        assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    }
    assert!(
        matches!(world.refused("drop table people").await, Error::ReadOnly { message } if message.contains("files.people"))
    );
}

#[tokio::test]
async fn a_temporary_table_goes_before_a_durable_one() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (durable int)",
            "create temp table t (temporary int)",
        ])
        .await;
    world.describe("select temporary from t").await.unwrap();
    world.describe("select durable from main.t").await.unwrap();
    assert!(matches!(
        world.refused("drop table t, main.t").await,
        Error::Unsupported { .. }
    ));
    assert!(
        matches!(world.refused("alter table t add column x int").await, Error::Unsupported { message } if message.contains("temporary"))
    );
    world.changes(&["drop table t"]).await;
    world.describe("select durable from t").await.unwrap();
    world.changes(&["drop table t"]).await;
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn schemas_hold_tables() {
    let world = World::new().await;
    world
        .changes(&[
            "create schema sales",
            "create schema if not exists sales",
            "create schema if not exists files",
            "create table sales.t (a int)",
            "create view sales.v as select a from t",
        ])
        .await;
    assert_eq!(world.one("select count(*) from sales.v").await, "0");
    assert!(matches!(
        world.refused("create schema sales").await,
        Error::AlreadyExists { .. }
    ));
    assert!(
        matches!(world.refused("drop schema sales").await, Error::InvalidInput { message } if message.contains("CASCADE"))
    );
    assert!(matches!(
        world.refused("drop schema main cascade").await,
        Error::InvalidInput { .. }
    ));
    assert!(matches!(
        world.refused("drop schema shop").await,
        Error::ReadOnly { .. }
    ));
    assert!(matches!(
        world.refused("create table nowhere.t (a int)").await,
        Error::NotFound { .. }
    ));
    for schema in ["files", "system", "information_schema", "shop"] {
        let sql = format!("create table {schema}.t (a int)");
        assert!(matches!(world.refused(&sql).await, Error::ReadOnly { .. }));
    }
    world
        .changes(&["drop schema sales cascade", "drop schema if exists sales"])
        .await;
    assert!(
        matches!(world.error("select * from sales.t").await, Error::NotFound { message } if message.contains("schema 'sales'"))
    );
}

#[tokio::test]
async fn comments_are_kept_and_taken_away() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a int)",
            "create view v as select a from t",
            "comment on table t is 'of numbers'",
            "comment on column t.a is 'a number'",
            "comment on column main.t.a is null",
            "comment on schema main is 'the first'",
            "comment on view v is 'the same'",
            "comment if exists on table nowhere is 'nothing'",
        ])
        .await;
    for sql in [
        "comment on table nowhere is 'x'",
        "comment on column t.nowhere is 'x'",
        "comment on schema nowhere is 'x'",
    ] {
        assert!(matches!(world.refused(sql).await, Error::NotFound { .. }));
    }
    assert!(matches!(
        world.refused("comment on view t is 'x'").await,
        Error::InvalidInput { .. }
    ));
    assert!(matches!(
        world.refused("comment on table people is 'x'").await,
        Error::ReadOnly { .. }
    ));
}

#[tokio::test]
async fn definitions_at_the_same_time_all_happen() {
    let world = std::sync::Arc::new(World::new().await);
    let tables = (0..8).map(|number| {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move {
            let session = world.another_session();
            let sql = format!("create table t{number} (a int)");
            world.change_in(&session, &sql).await
        })
    });
    let all = futures::future::join_all(tables);
    for made in tokio::time::timeout(Duration::from_secs(60), all)
        .await
        .unwrap()
    {
        assert_eq!(made.unwrap().unwrap(), 0);
    }
    assert_eq!(
        world
            .one("select count(*) from information_schema.tables where table_schema = 'main'")
            .await,
        "8"
    );
}

#[tokio::test]
async fn durable_tables_are_listed() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a int not null default 7, b text)",
            "create view v as select a from t",
        ])
        .await;
    assert_eq!(
        world
            .cells(
                "select table_name, table_type from information_schema.tables where table_schema = 'main' order by 1"
            )
            .await,
        [["t", "BASE TABLE"], ["v", "VIEW"]]
    );
    assert_eq!(
        world
            .cells(
                "select table_name, column_name, is_nullable, column_default from information_schema.columns \
                 where table_schema = 'main' order by 1, ordinal_position"
            )
            .await,
        [
            ["t", "a", "NO", "7"],
            ["t", "b", "YES", ""],
            ["v", "a", "NO", ""]
        ]
    );
    assert_eq!(world.cells("describe t").await.len(), 2);
    assert_eq!(world.cells("show columns from v").await.len(), 1);
    let tables = world
        .engine
        .tables(&world.session, &world.permit, true, &|entry| {
            entry.schema == "main"
        })
        .await
        .unwrap();
    let listed: Vec<_> = tables
        .iter()
        .map(|table| {
            let columns = table.arrow_schema.as_ref().unwrap().fields().len();
            (table.name.as_str(), table.kind, columns)
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("t", godwit_engine::TableKind::Table, 2),
            ("v", godwit_engine::TableKind::View, 1)
        ]
    );
}
