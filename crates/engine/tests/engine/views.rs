//! Stored queries.

use godwit_engine::Error;

use crate::support::World;

#[tokio::test]
async fn a_view_is_its_query_over_what_there_is_now() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t as select id, name from people where id < 2",
            "create view v (number, called) as select id, upper(name) from t where id >= 0",
        ])
        .await;
    assert_eq!(
        world.cells("select called, number from v order by 2").await,
        [["ADA", "0"], ["BOB", "1"]]
    );
    world
        .changes(&["create or replace table t as select id, name from people where id < 3"])
        .await;
    assert_eq!(world.one("select count(*) from v").await, "3");
    assert_eq!(
        world
            .cells(
                "select a.called from main.v a join v b on a.number = b.number + 1 \
                 where b.called in (select called from v) order by 1"
            )
            .await,
        [["BOB"], ["CLEO"]]
    );
    let other = world.another_session();
    let statement = world
        .engine
        .describe(&other, &world.permit, "select * from v")
        .await
        .unwrap();
    assert_eq!(statement.schema.fields().len(), 2);
}

#[tokio::test]
async fn a_views_names_are_those_of_its_own_schema() {
    let world = World::new().await;
    world
        .changes(&[
            "create schema s",
            "create table s.t as select 1 as a",
            "create table t as select 2 as a",
            "create view s.v as select a from t",
            "create temp table t as select 3 as a",
        ])
        .await;
    assert_eq!(
        world
            .cells("select v.a, t.a, m.a from s.v, t, main.t m")
            .await,
        [["1", "3", "2"]]
    );
    assert_eq!(world.one("select a from s.v").await, "1");
    world
        .changes(&["create view files_too as select count(*) as n from people"])
        .await;
    assert_eq!(world.one("select n from files_too").await, "5");
}

#[tokio::test]
async fn a_view_reads_no_temporary_table() {
    let world = World::new().await;
    world
        .changes(&["create temp table mine as select 1 as a"])
        .await;
    for sql in [
        "create view v as select a from mine",
        "create view v as select a from temp.mine",
        "create view v as select * from people where id in (select a from mine)",
    ] {
        assert!(
            matches!(world.refused(sql).await, Error::InvalidInput { message } if message.contains("temporary")),
            "{sql}"
        );
    }
    world
        .changes(&["create view v as with mine as (select 2 as a) select a from mine"])
        .await;
    assert_eq!(world.one("select a from v").await, "2");
}

#[tokio::test]
async fn a_view_is_checked_when_it_is_made_and_when_it_is_used() {
    let world = World::new().await;
    for sql in [
        "create view v as select nothing from people",
        "create view v as select * from nowhere",
        "create view v (a) as select 1, 2",
        "create view v as select 1 as a, 2 as a",
        "create view v as select ? as a",
        "create view v as select * from v",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. } | Error::NotFound { .. }),
            "{sql}: {error:?}"
        );
    }
    world
        .changes(&["create table t (a int)", "create view v as select a from t"])
        .await;
    world.changes(&["drop table t"]).await;
    assert!(
        matches!(world.error("select * from v").await, Error::NotFound { message } if message.contains("view 'main.v'"))
    );
    assert_eq!(
        world
            .one("select count(*) from information_schema.views where table_name = 'v'")
            .await,
        "0"
    );
    world.changes(&["create table t (a int, b int)"]).await;
    assert_eq!(world.one("select count(*) from v").await, "0");
    world
        .changes(&["drop view v", "drop view if exists v"])
        .await;
    assert!(matches!(
        world.refused("drop view v").await,
        Error::NotFound { .. }
    ));
    assert!(matches!(
        world.refused("drop view t").await,
        Error::InvalidInput { .. }
    ));
    assert!(matches!(
        world.refused("drop table people").await,
        Error::ReadOnly { .. }
    ));
}

#[tokio::test]
async fn views_that_read_each_other_are_refused() {
    let world = World::new().await;
    world
        .changes(&[
            "create view a as select 1 as x",
            "create view b as select x from a",
        ])
        .await;
    assert!(
        matches!(world.refused("create or replace view a as select x from b").await, Error::InvalidInput { message } if message.contains("reads itself"))
    );
    assert_eq!(world.one("select x from b").await, "1");
    // Each reads the one before twice.
    let mut made = 0;
    world.changes(&["create view c0 as select 1 as x"]).await;
    for number in 1..40 {
        let sql = format!(
            "create view c{number} as select l.x from c{0} l join c{0} r on l.x = r.x",
            number - 1
        );
        match world.change(&sql).await {
            Ok(_) => made += 1,
            Err(error) => {
                assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
                break;
            }
        }
    }
    assert!((3..39).contains(&made), "{made}");
}

#[tokio::test]
async fn a_view_is_replaced_and_named_once() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a int)",
            "create view v as select 1 as a",
            "create view if not exists v as select 2 as a",
        ])
        .await;
    assert_eq!(world.one("select a from v").await, "1");
    world
        .changes(&["create or replace view v as select 3 as a"])
        .await;
    assert_eq!(world.one("select a from v").await, "3");
    for sql in [
        "create view v as select 1 as a",
        "create view t as select 1 as a",
        "create or replace view t as select 1 as a",
        "create table v (a int)",
        "create or replace table v (a int)",
    ] {
        assert!(
            matches!(world.refused(sql).await, Error::AlreadyExists { .. }),
            "{sql}"
        );
    }
    assert!(matches!(
        world.refused("drop table v").await,
        Error::InvalidInput { .. }
    ));
    for sql in ["insert into v values (1)", "delete from v"] {
        assert!(
            matches!(
                world.refused(sql).await,
                Error::ReadOnly { .. } | Error::InvalidInput { .. } | Error::Unsupported { .. }
            ),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_prepared_query_of_a_view_follows_it() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t as select 1 as a",
            "create view v as select a from t",
        ])
        .await;
    let prepared = world
        .engine
        .prepare(&world.session, &world.permit, "select a from v")
        .await
        .unwrap();
    let read = || async {
        let statement = world
            .engine
            .instantiate(&world.session, &world.permit, prepared.id)
            .await
            .unwrap();
        let rows = world.run(&statement).await.unwrap();
        rows.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    assert_eq!(read().await, 1);
    world
        .changes(&["create or replace table t as select 1 as a union all select 2"])
        .await;
    assert_eq!(read().await, 2);
}
