//! Tables as they were.

use godwit_engine::Error;

use crate::support::World;

async fn newest(world: &World) -> i64 {
    let newest = world
        .one("select max(snapshot_id) from system.snapshots")
        .await;
    newest.parse().unwrap()
}

#[tokio::test]
async fn a_table_is_read_at_a_version() {
    let world = World::new().await;
    world.changes(&["create table t as select 1 as a"]).await;
    let first = newest(&world).await;
    world
        .changes(&["create or replace table t as select 2 as a, 'new' as b"])
        .await;
    let second = newest(&world).await;
    world.changes(&["drop table t"]).await;
    let at = |version| format!("main.t AT (VERSION => {version})");
    assert_eq!(
        world.one(&format!("select * from {}", at(first))).await,
        "1"
    );
    assert_eq!(
        world
            .one(&format!("select t.a, b from {}", at(second)))
            .await,
        "2 new"
    );
    world.changes(&["create table t as select 3 as a"]).await;
    assert_eq!(
        world
            .cells(&format!(
                "select now.a, o.a, n.a from t now, {} as o left join t at (version => {second}) n on n.a > o.a",
                at(first)
            ))
            .await,
        [["3", "1", "2"]]
    );
    assert_eq!(
        world
            .one(&format!(
                "with t as (select a from {}) select (select max(a) from t), count(*) from t where a in \
                 (select a from {})",
                at(first),
                at(first)
            ))
            .await,
        "1 1"
    );
    let before = format!("select * from {}", at(0));
    assert!(
        matches!(world.error(&before).await, Error::NotFound { message } if message.contains("version 0"))
    );
    assert!(matches!(
        world
            .error(&format!("select * from {}", at(second + 1000)))
            .await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn a_table_is_read_at_a_time() {
    let world = World::new().await;
    world.changes(&["create table t as select 1 as a"]).await;
    let time = world
        .one("select max(time)::text from system.snapshots")
        .await;
    world
        .changes(&["create or replace table t as select 2 as a"])
        .await;
    let then = format!("select a from t at (timestamp => '{time}')");
    assert_eq!(world.one(&then).await, "1");
    let cast = format!("select a from t at (timestamp => timestamp '{time}')");
    assert_eq!(world.one(&cast).await, "1");
    assert_eq!(
        world.one("select a from t at (timestamp => now())").await,
        "2"
    );
    assert!(matches!(
        world
            .error("select a from t at (timestamp => now() - interval '10 years')")
            .await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn a_view_may_be_about_the_past() {
    let world = World::new().await;
    world.changes(&["create table t as select 1 as a"]).await;
    let first = newest(&world).await;
    world
        .changes(&[
            &format!("create view v as select a from t at (version => {first})"),
            "create view w as select a from t",
            "create or replace table t as select 2 as a",
        ])
        .await;
    let third = newest(&world).await - 1;
    assert_eq!(world.one("select v.a, w.a from v, w").await, "1 2");
    assert_eq!(
        world
            .one(&format!("select a from w at (version => {third})"))
            .await,
        "1"
    );
}

#[tokio::test]
async fn only_constants_name_a_moment_of_durable_tables() {
    let world = World::new().await;
    world
        .changes(&["create table t (a int)", "create temp table mine (a int)"])
        .await;
    for sql in [
        "select * from t at (version => a)",
        "select * from t at (version => 'x')",
        "select * from t at (version => null)",
        "select * from t at (version => (select 1))",
        "select * from t at (version => $1)",
        "select * from t at (timestamp => 'yesterday or so')",
        "select * from t at (version => 1 + random())",
    ] {
        let error = world.error(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "select * from people at (version => 1)",
        "select * from mine at (version => 1)",
        "select * from system.settings at (version => 1)",
        "select * from temp.mine at (version => 1)",
        "select * from files.people at (version => 1)",
    ] {
        let error = world.error(sql).await;
        assert!(
            matches!(error, Error::Unsupported { .. } | Error::NotFound { .. }),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "select at (version => 1) from t",
        "select * from t where at (version => 1)",
    ] {
        assert!(matches!(world.error(sql).await, Error::Syntax { .. }));
    }
    for sql in [
        "select * from t for system_time as of '2024-01-01'",
        "select * from t partition (p)",
    ] {
        assert!(matches!(
            world.error(sql).await,
            Error::Unsupported { .. } | Error::Syntax { .. }
        ));
    }
    // An alias of that name stays one.
    assert_eq!(world.one("select count(at.a) from t at").await, "0");
    world
        .describe("select changes.a from t changes")
        .await
        .unwrap();
}

#[tokio::test]
async fn snapshots_are_listed() {
    let world = World::new().await;
    world.changes(&["create table t as select 1 as a"]).await;
    let changes = world
        .one("select changes from system.snapshots order by snapshot_id desc limit 1")
        .await;
    assert!(changes.contains("created_table"), "{changes}");
    assert_eq!(
        world
            .one("select count(*) from system.snapshots where time > now()")
            .await,
        "0"
    );
}

#[tokio::test]
async fn changes_of_a_table_are_told() {
    let world = World::new().await;
    world
        .changes(&["create table t as select 1 as a union all select 2"])
        .await;
    let first = newest(&world).await;
    world
        .changes(&["insert into t values (3)", "delete from t where a = 1"])
        .await;
    let last = newest(&world).await;
    let feed = format!(
        "select change_type, a from table_changes('t', {}, {last}) order by snapshot_id, a",
        first + 1
    );
    assert_eq!(world.cells(&feed).await, [["insert", "3"], ["delete", "1"]]);
    let all =
        format!("select count(*) from table_changes('main.t', {first}, {last}) as f where f.a > 0");
    assert_eq!(world.one(&all).await, "4");
    assert!(matches!(
        world
            .error(&format!(
                "select * from table_changes('t', {last}, {first})"
            ))
            .await,
        Error::InvalidInput { .. }
    ));
    for sql in [
        "select * from table_changes('nowhere', 1, 1)",
        "select * from table_changes('t', 1, 100000)",
    ] {
        assert!(matches!(world.error(sql).await, Error::NotFound { .. }));
    }
    for sql in [
        "select * from table_changes('t')",
        "select * from table_changes(t, 1, 2)",
    ] {
        assert!(matches!(world.error(sql).await, Error::InvalidInput { .. }));
    }
}

#[tokio::test]
async fn the_lake_is_looked_after_by_call() {
    let world = World::new().await;
    world.changes(&["create table t as select 1 as a"]).await;
    let first = newest(&world).await;
    for number in 2..6 {
        let sql = format!("insert into t values ({number})");
        assert_eq!(world.change(&sql).await.unwrap(), 1);
    }
    world.describe("call compact('t')").await.unwrap();
    let before = newest(&world).await;
    world.change("call compact('t')").await.unwrap();
    assert!(newest(&world).await > before);
    assert_eq!(world.one("select sum(a) from t").await, "15");
    let restored = world
        .change(&format!("call restore('main.t', {first})"))
        .await;
    assert_eq!(restored.unwrap(), 1);
    assert_eq!(world.one("select sum(a) from t").await, "1");
    let restored = world.change(&format!("call restore(all, {before})")).await;
    assert_eq!(restored.unwrap(), 1);
    assert_eq!(world.one("select sum(a) from t").await, "15");
    let expired = world
        .change("call expire_snapshots(older_than => now())")
        .await;
    assert!(expired.unwrap() > 0);
    assert!(matches!(
        world
            .error(&format!("select * from t at (version => {first})"))
            .await,
        Error::NotFound { .. }
    ));
    assert_eq!(
        world
            .change("call expire_snapshots(older_than => '7 days')")
            .await
            .unwrap(),
        0
    );
    world.change("call clean_up()").await.unwrap();
    assert_eq!(world.one("select sum(a) from t").await, "15");
}

#[tokio::test]
async fn calls_are_checked_before_they_run() {
    let world = World::new().await;
    world.changes(&["create table t (a int)"]).await;
    for sql in [
        "call compact('t', 1)",
        "call compact(tables => 't')",
        "call restore('t')",
        "call restore(1, 1)",
        "call expire_snapshots()",
        "call expire_snapshots(older_than => 'soon')",
        "call clean_up(1)",
        "call restore('t', 'x')",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
    }
    for sql in [
        "call vacuum()",
        "call restore('t', 99999)",
        "call compact('nowhere')",
    ] {
        let error = world.refused(sql).await;
        assert!(matches!(error, Error::NotFound { .. }), "{sql}: {error:?}");
    }
    world.changes(&["begin"]).await;
    assert!(matches!(
        world.refused("call compact()").await,
        Error::Unsupported { .. }
    ));
    world.changes(&["rollback"]).await;
    assert!(matches!(
        world.refused("explain call compact()").await,
        Error::Unsupported { .. } | Error::Syntax { .. }
    ));
}
