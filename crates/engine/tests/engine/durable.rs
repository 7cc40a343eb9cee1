//! INSERT, UPDATE, DELETE and TRUNCATE of durable tables.

use godwit_engine::Error;

use crate::support::World;

async fn world() -> World {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (id int not null, name text, n bigint default 7)",
            "insert into t values (1, 'a', 10), (2, 'b', null), (3, null, 30)",
        ])
        .await;
    world
}

/// The table as one line.
async fn content(world: &World) -> String {
    let rows = world.cells("select id, name, n from t order by id").await;
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    rows.join("; ")
}

#[tokio::test]
async fn insert_counts_casts_and_fills_in() {
    let world = world().await;
    for (sql, rows) in [
        ("insert into t (name, id) values ('d', '4'), ('5', '5')", 2),
        (
            "insert into main.t select id + 10, name, id from people where id < 2",
            2,
        ),
        (
            "insert into t with w as (select 20 as x) select x, 'w', x from w",
            1,
        ),
        (
            "with w as (select 21 as x) insert into t select x, 'w', default_n from (select x, 3 as default_n from w)",
            1,
        ),
        ("insert into t (id) select id + 100 from t", 9),
        ("insert into t values (30, default, default)", 1),
    ] {
        assert_eq!(world.change(sql).await.unwrap(), rows, "{sql}");
    }
    assert_eq!(
        world
            .cells("select id, name, n from t where id between 4 and 30 order by id")
            .await,
        [
            ["4", "d", "7"],
            ["5", "5", "7"],
            ["10", "Ada", "0"],
            ["11", "Bob", "1"],
            ["20", "w", "20"],
            ["21", "w", "3"],
            ["30", "", "7"]
        ]
    );
    for (sql, said) in [
        ("insert into t values (1, 'x')", "3 values"),
        ("insert into t (id, nothing) values (1, 2)", "'nothing'"),
        ("insert into t (id, id) values (1, 2)", "twice"),
        ("insert into t (id) values ('four')", "four"),
        (
            "insert into t (name) values ('no id')",
            "'id' of table 'main.t' is NOT NULL",
        ),
        ("insert into t (id) values ([1])", "cannot become"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains(said)),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(world.one("select count(*) from t").await, "19");
}

#[tokio::test]
async fn a_failure_in_the_middle_leaves_the_table_as_it_was() {
    let world = world().await;
    let before = content(&world).await;
    for sql in [
        "insert into t select 100 / (50000 - value), 'x', 1 from generate_series(1, 60000) as g(value)",
        "update t set n = 1 / (id - 3)",
        "update t set id = null where id > 1",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(content(&world).await, before);
}

#[tokio::test]
async fn delete_takes_rows_whose_predicate_is_true_and_no_others() {
    let world = world().await;
    world.changes(&["create table b as select * from t"]).await;
    for (rest, deleted, left) in [
        ("where id = 2", 1, "1 a 10; 3  30"),
        ("where false", 0, "1 a 10; 2 b ; 3  30"),
        ("where 1 = 2 and id = 1", 0, "1 a 10; 2 b ; 3  30"),
        ("where null", 0, "1 a 10; 2 b ; 3  30"),
        ("where not n > 10", 1, "2 b ; 3  30"),
        (
            "where id in (select id from people where id > 1)",
            2,
            "1 a 10",
        ),
        (
            "where id in (select id from people where id > 100)",
            0,
            "1 a 10; 2 b ; 3  30",
        ),
        (
            "where n not in (select n from t where id > 1)",
            0,
            "1 a 10; 2 b ; 3  30",
        ),
        (
            "where not exists (select 1 from people p where p.id = t.id and p.id < 2)",
            2,
            "1 a 10",
        ),
        ("where id = (select max(id) from t)", 1, "1 a 10; 2 b "),
        ("where main.t.id = 1 or t.name = 'b'", 2, "3  30"),
        (
            "using people where people.id = t.id and people.id < 3",
            2,
            "3  30",
        ),
        (
            "using people p, b where p.id >= b.id and t.id = b.id",
            3,
            "",
        ),
        ("using people", 3, ""),
        ("using people where false", 0, "1 a 10; 2 b ; 3  30"),
        ("", 3, ""),
        ("where true", 3, ""),
    ] {
        world
            .changes(&["delete from t", "insert into t select * from b"])
            .await;
        let sql = format!("delete from t {rest}");
        assert_eq!(world.change(&sql).await.unwrap(), deleted, "{sql}");
        assert_eq!(content(&world).await, left, "{sql}");
    }
    let error = world.refused("delete from t where nothing = 1").await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("nothing") && !message.contains("__")),
        "{error:?}"
    );
}

#[tokio::test]
async fn update_gives_rows_that_match_new_values() {
    let world = world().await;
    world.changes(&["create table b as select * from t"]).await;
    for (clauses, updated, left) in [
        ("set n = n + 1 where id = 1", 1, "1 a 11; 2 b ; 3  30"),
        ("set n = 0 where false", 0, "1 a 10; 2 b ; 3  30"),
        ("set n = 0 where null", 0, "1 a 10; 2 b ; 3  30"),
        ("set name = id, n = '5'", 3, "1 1 5; 2 2 5; 3 3 5"),
        (
            "set n = id, id = n where n is not null",
            2,
            "2 b ; 10 a 1; 30  3",
        ),
        (
            "set (name, n) = ('x', 1) where id = 3",
            1,
            "1 a 10; 2 b ; 3 x 1",
        ),
        ("set t.n = default where id > 1", 2, "1 a 10; 2 b 7; 3  7"),
        ("set n = (select sum(n) from t)", 3, "1 a 40; 2 b 40; 3  40"),
        (
            "set name = p.name, n = p.id from people p where p.id = t.id and p.id > 1",
            2,
            "1 a 10; 2 Cleo 2; 3 Dan 3",
        ),
        (
            "set n = b.n + t.id from b where b.id = t.id - 1",
            2,
            "1 a 10; 2 b 12; 3  ",
        ),
    ] {
        world
            .changes(&["truncate table t", "insert into t select * from b"])
            .await;
        let sql = format!("update t {clauses}");
        assert_eq!(world.change(&sql).await.unwrap(), updated, "{sql}");
        assert_eq!(content(&world).await, left, "{sql}");
    }
    let before = content(&world).await;
    let error = world
        .refused("update t set n = p.id from people p where p.id < 2")
        .await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("several new values")),
        "{error:?}"
    );
    assert_eq!(content(&world).await, before);
}

#[tokio::test]
async fn nothing_happens_before_a_statement_runs() {
    let world = world().await;
    let before = content(&world).await;
    for sql in [
        "delete from t",
        "update t set n = 1",
        "insert into t values (9, '', 1)",
    ] {
        world.describe(sql).await.unwrap();
        world
            .engine
            .prepare(&world.session, &world.permit, sql)
            .await
            .unwrap();
        let explained = world.describe(&format!("explain {sql}")).await;
        assert!(explained.is_err(), "{sql}");
    }
    for sql in [
        "delete from t limit 1",
        "update t set n = 1 limit 1",
        "delete from t order by id",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::Unsupported { .. } | Error::Syntax { .. }),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(content(&world).await, before);
}

#[tokio::test]
async fn small_changes_follow_each_other() {
    let world = world().await;
    for id in 4..40 {
        world
            .change(&format!("insert into t values ({id}, 'x', {id})"))
            .await
            .unwrap();
        if id % 3 == 0 {
            let sql = format!("update t set n = n + 1000 where id >= {}", id - 1);
            assert_eq!(world.change(&sql).await.unwrap(), 2);
        }
        if id % 7 == 0 {
            let sql = format!("delete from t where id = {}", id - 2);
            assert_eq!(world.change(&sql).await.unwrap(), 1);
        }
    }
    assert_eq!(
        world
            .one("select count(*), sum(id), sum(n) from t where id > 3")
            .await,
        "31 679 20679"
    );
}

#[tokio::test]
async fn writers_that_meet_are_all_counted() {
    let world = world().await;
    let add = || async {
        for _ in 0..5 {
            let session = world.another_session();
            world
                .change_in(&session, "update t set n = n + 1 where id = 1")
                .await
                .unwrap();
        }
    };
    futures::join!(add(), add());
    assert_eq!(world.one("select n from t where id = 1").await, "20");
}
