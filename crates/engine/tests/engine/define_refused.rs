//! Clauses of definitions that are refused by name.

use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn nothing_of_a_definition_is_left_out() {
    let world = World::new().await;
    world.changes(&["create table t (a int)"]).await;
    for (sql, said) in [
        ("create table u (a int check (a > 0))", "CHECK"),
        ("create table u (a int, check (a > 0))", "CHECK"),
        ("create table u (a int references t (a))", "REFERENCES"),
        (
            "create table u (a int, foreign key (a) references t (a))",
            "FOREIGN KEY",
        ),
        (
            "create table u (a int, b int generated always as (a) stored)",
            "GENERATED",
        ),
        (
            "create table u (a int default (select 1))",
            "a query in a DEFAULT",
        ),
        ("create table u (a int) as select 1", "both columns"),
        ("create table u (a int) with (x = 1)", "more than columns"),
        ("create table u like t", "more than columns"),
        (
            "create external table u (a int) stored as csv location '/x'",
            "mounts",
        ),
        (
            "create materialized view v as select 1 as a",
            "MATERIALIZED",
        ),
        ("alter table t add primary key (a)", "keys"),
        ("alter table t add column x int primary key", "PRIMARY KEY"),
        ("alter table t drop column a cascade", "CASCADE"),
        ("alter table t rename to shop.t", "schema"),
        ("drop table t cascade", "CASCADE"),
        ("explain create table u (a int)", "EXPLAIN"),
        ("explain drop table t", "EXPLAIN"),
        ("create index i on t (a)", "CREATE INDEX"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::Unsupported { message } if message.contains(said)),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "create table u ()",
        "create table u (a int, A int)",
        "create table u (a int, primary key (b))",
        "create table u (a int, unique (a, a))",
        "create table u (a int primary key, b int, primary key (b))",
        "create table u (a int default b)",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. } | Error::Syntax { .. }),
            "{sql}: {error:?}"
        );
    }
    world.describe("select a from t").await.unwrap();
}
