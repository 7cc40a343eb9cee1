//! Durable tables and their columns, changed.

use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn a_table_is_altered_in_one_step() {
    let world = World::new().await;
    world
        .changes(&["create table t as select id, name from people"])
        .await;
    world
        .changes(&["alter table t add column n int default 1 + 2, add column note text, rename column name to called, \
              alter column id type bigint, alter column note set default 'none'"])
        .await;
    assert_eq!(
        world
            .cells("select id, called, n, note from t order by id limit 1")
            .await,
        [["0", "Ada", "3", ""]]
    );
    assert!(matches!(
        world
            .refused("alter table t drop column n, drop column nowhere")
            .await,
        Error::NotFound { .. }
    ));
    world.describe("select n from t").await.unwrap();
    world
        .changes(&[
            "alter table t drop column if exists nowhere",
            "alter table t add column if not exists n int",
            "alter table if exists nowhere drop column x",
            "alter table t drop column n",
            "alter table t rename to u",
        ])
        .await;
    world
        .describe("select id, called, note from u")
        .await
        .unwrap();
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn not_null_is_checked_against_the_rows() {
    let world = World::new().await;
    world
        .changes(&["create table t as select id, name from people"])
        .await;
    let error = world
        .refused("alter table t alter column name set not null")
        .await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("holds nulls")),
        "{error:?}"
    );
    world
        .changes(&["alter table t alter column id set not null"])
        .await;
    let statement = world.describe("select id, name from t").await.unwrap();
    assert!(!statement.schema.field(0).is_nullable());
    assert!(statement.schema.field(1).is_nullable());
    world
        .changes(&["alter table t alter column id drop not null"])
        .await;
    let statement = world.describe("select id from t").await.unwrap();
    assert!(statement.schema.field(0).is_nullable());
    for (sql, said) in [
        ("alter table t add column x int not null", "DEFAULT"),
        (
            "alter table t add column x double default random()",
            "another value",
        ),
        ("alter table t alter column id type smallint", "Int16"),
        ("alter table t alter column id set default name", "name"),
        ("alter table t rename column id to name", "name"),
        ("alter table t alter column id type text using id", "using"),
    ] {
        let error = world.refused(sql).await;
        assert!(error.to_string().contains(said), "{sql}: {error:?}");
    }
}
