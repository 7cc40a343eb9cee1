//! PRIMARY KEY and UNIQUE.

use godwit_engine::Error;

use crate::support::World;

async fn world() -> World {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a int, b int, c text unique, primary key (a, b))",
            "insert into t values (1, 1, 'x'), (1, 2, 'y'), (2, 1, null), (2, 2, null)",
        ])
        .await;
    world
}

#[tokio::test]
async fn every_write_is_looked_at() {
    let world = world().await;
    for (sql, said) in [
        ("insert into t values (1, 2, 'z')", "(1, 2) twice"),
        ("insert into t values (5, 5, 'y')", "UNIQUE"),
        (
            "insert into t values (7, 7, 'p'), (7, 7, 'q')",
            "(7, 7) twice",
        ),
        ("insert into t select * from t", "twice"),
        ("update t set b = 1 where a = 1", "(1, 1) twice"),
        ("update t set c = 'x' where a = 2 and b = 2", "(x) twice"),
        (
            "merge into t using (select 1 as a) s on false when not matched then insert values (2, 2, 'm')",
            "(2, 2) twice",
        ),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::AlreadyExists { message } if message.contains(said) && message.contains("'main.t'")),
            "{sql}: {error:?}"
        );
    }
    let error = world.refused("insert into t (a) values (1)").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    assert_eq!(
        world.one("select count(*), sum(a), sum(b) from t").await,
        "4 6 6"
    );
}

#[tokio::test]
async fn keys_may_move_within_a_statement() {
    let world = world().await;
    for (sql, rows) in [
        ("update t set a = a + 1", 4),
        ("insert into t values (9, 9, null), (9, 8, null)", 2),
        ("delete from t where c = 'x'", 1),
        ("insert into t values (2, 1, 'x')", 1),
        ("update t set c = 'y' where c = 'y'", 1),
        ("truncate table t", 0),
        ("insert into t values (1, 1, 'x'), (1, 2, 'y')", 2),
    ] {
        assert_eq!(world.change(sql).await.unwrap(), rows, "{sql}");
    }
}

#[tokio::test]
async fn of_two_writers_of_one_key_one_is_refused() {
    let world = world().await;
    let (one, other) = (world.another_session(), world.another_session());
    let insert = |text: &'static str| format!("insert into t values (50, 50, '{text}')");
    let (one_sql, other_sql) = (insert("one"), insert("other"));
    let (one, other) = futures::join!(
        world.change_in(&one, &one_sql),
        world.change_in(&other, &other_sql)
    );
    assert_eq!(
        [&one, &other].iter().filter(|done| done.is_ok()).count(),
        1,
        "{one:?} {other:?}"
    );
    assert_eq!(world.one("select count(*) from t where a = 50").await, "1");
}
