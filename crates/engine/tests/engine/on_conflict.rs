//! INSERT … ON CONFLICT on declared keys.

use godwit_engine::Error;

use crate::support::World;

async fn world() -> World {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (id int primary key, code text unique, n bigint default 1)",
            "insert into t values (1, 'a', 10), (2, null, 20), (3, null, 30)",
        ])
        .await;
    world
}

async fn content(world: &World) -> String {
    let rows = world.cells("select id, code, n from t order by id").await;
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    rows.join("; ")
}

#[tokio::test]
async fn do_nothing_keeps_what_is_there_and_the_first_of_what_comes() {
    let world = world().await;
    for (sql, rows) in [
        (
            "insert into t values (1, 'z', 0), (4, 'd', 40), (4, 'e', 41) on conflict (id) do nothing",
            1,
        ),
        (
            "insert into t values (5, 'a', 0), (6, null, 60), (7, null, 70), (2, 'q', 0) on conflict do nothing",
            2,
        ),
        ("insert or ignore into t values (1, 'x', 0)", 0),
    ] {
        assert_eq!(world.change(sql).await.unwrap(), rows, "{sql}");
    }
    assert_eq!(
        content(&world).await,
        "1 a 10; 2  20; 3  30; 4 d 40; 6  60; 7  70"
    );
}

#[tokio::test]
async fn do_update_changes_what_is_there() {
    let world = world().await;
    for (sql, rows) in [
        (
            "insert into t (id, n) values (1, 5), (8, 80) on conflict (id) do update set n = t.n + excluded.n",
            2,
        ),
        (
            "insert into t (id, n) values (2, 5), (3, 50) on conflict (id) do update set n = excluded.n where excluded.n > t.n",
            1,
        ),
        (
            "insert or replace into t values (9, 'nine', 9) on conflict (id) do nothing",
            -1,
        ),
    ] {
        match world.change(sql).await {
            Ok(changed) => assert_eq!(changed, rows, "{sql}"),
            Err(error) => assert!(
                rows == -1 && matches!(error, Error::Unsupported { .. }),
                "{sql}: {error:?}"
            ),
        }
    }
    assert_eq!(content(&world).await, "1 a 15; 2  20; 3  50; 8  80");
    let error = world
        .refused("insert into t (id, n) values (1, 5), (1, 6) on conflict (id) do update set n = 0")
        .await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    let error = world
        .refused("insert into t (id) values (1) on conflict (n) do update set n = 0")
        .await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("no key") && message.contains("PRIMARY KEY (id)")),
        "{error:?}"
    );
    assert_eq!(content(&world).await, "1 a 15; 2  20; 3  50; 8  80");
}

#[tokio::test]
async fn the_other_keys_hold_too() {
    let world = world().await;
    let error = world
        .refused("insert into t values (9, 'a', 1) on conflict (id) do update set n = 0")
        .await;
    assert!(
        matches!(&error, Error::AlreadyExists { message } if message.contains("(a) twice")),
        "{error:?}"
    );
}
