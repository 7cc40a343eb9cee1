//! INSERT, DELETE, UPDATE and TRUNCATE of temporary tables.

use godwit_engine::Error;

use crate::support::World;

pub(crate) async fn world() -> World {
    let world = World::new().await;
    world
        .changes(&[
            "create temp table t (id int not null, name text, n bigint default 7)",
            "insert into t values (1, 'a', 10), (2, 'b', null), (3, null, 30)",
        ])
        .await;
    world
}

/// The table as one line.
pub(crate) async fn content(world: &World) -> String {
    let rows = world.cells("select id, name, n from t order by id").await;
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    rows.join("; ")
}

#[tokio::test]
async fn insert_counts_casts_and_fills_in() {
    let world = world().await;
    assert_eq!(
        world
            .change("insert into t (name, id) values ('d', '4'), ('5', '5')")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        world
            .change("insert into t select id + 10, name, id from people where id < 2")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        world
            .change("insert into t with w as (select 20 as x) select x, 'w', x from w")
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        world
            .change("insert into t (id) select id + 100 from t")
            .await
            .unwrap(),
        8
    );
    assert_eq!(
        world
            .cells("select id, name, n from t where id between 4 and 20 order by id")
            .await,
        [
            ["4", "d", "7"],
            ["5", "5", "7"],
            ["10", "Ada", "0"],
            ["11", "Bob", "1"],
            ["20", "w", "20"]
        ]
    );
    assert_eq!(
        world
            .one("select count(*), sum(n) filter (where id > 100) from t")
            .await,
        "16 56"
    );
    for (sql, said) in [
        ("insert into t values (1, 'x')", "3 values"),
        ("insert into t (id, nothing) values (1, 2)", "'nothing'"),
        ("insert into t (id, id) values (1, 2)", "twice"),
        ("insert into t (id) values ('four')", "four"),
        ("insert into t (id) values (3000000000)", "3000000000"),
        ("insert into t (name) values ('no id')", "NOT NULL"),
        ("insert into t (id) select null", "NOT NULL"),
        ("insert into t (id) values ([1])", "cannot become"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains(said)),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(world.one("select count(*) from t").await, "16");
}

#[tokio::test]
async fn a_failure_in_the_middle_leaves_the_table_as_it_was() {
    let world = world().await;
    let before = content(&world).await;
    let sql = "insert into t select 100 / (50000 - value), 'x', 1 from generate_series(1, 60000) as g(value)";
    assert!(matches!(
        world.refused(sql).await,
        Error::InvalidInput { .. }
    ));
    let error = world.refused("update t set n = 1 / (id - 3)").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    assert!(matches!(
        world.refused("update t set id = null where id > 1").await,
        Error::InvalidInput { message } if message.contains("NOT NULL")
    ));
    assert_eq!(content(&world).await, before);
}

#[tokio::test]
async fn delete_takes_rows_whose_predicate_is_true_and_no_others() {
    for (predicate, deleted, left) in [
        ("where id = 2", 1, "1 a 10; 3  30"),
        ("where false", 0, "1 a 10; 2 b ; 3  30"),
        ("where 1 = 2 and id = 1", 0, "1 a 10; 2 b ; 3  30"),
        ("where null", 0, "1 a 10; 2 b ; 3  30"),
        ("where n > 10", 1, "1 a 10; 2 b "),
        ("where not n > 10", 1, "2 b ; 3  30"),
        ("where name = null", 0, "1 a 10; 2 b ; 3  30"),
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
            "where id not in (select id from people where id > 1)",
            1,
            "2 b ; 3  30",
        ),
        (
            "where n not in (select n from t where id > 1)",
            0,
            "1 a 10; 2 b ; 3  30",
        ),
        ("where id in (select n / 10 from t)", 2, "2 b "),
        (
            "where exists (select 1 from people p where p.id = t.id and p.id < 2)",
            1,
            "2 b ; 3  30",
        ),
        (
            "where not exists (select 1 from people p where p.id = t.id and p.id < 2)",
            2,
            "1 a 10",
        ),
        ("where id = (select max(id) from t)", 1, "1 a 10; 2 b "),
        ("where temp.t.id = 1 or t.name = 'b'", 2, "3  30"),
        ("where id in (select id from people) or name is null", 3, ""),
        ("", 3, ""),
        ("where true", 3, ""),
    ] {
        let world = world().await;
        let sql = format!("delete from t {predicate}");
        assert_eq!(world.change(&sql).await.unwrap(), deleted, "{sql}");
        assert_eq!(content(&world).await, left, "{sql}");
    }
    let world = world().await;
    assert_eq!(
        world
            .change("delete from temp.t as x where x.id > 2")
            .await
            .unwrap(),
        1
    );
    let error = world.refused("delete from t where nothing = 1").await;
    assert!(
        matches!(&error, Error::InvalidInput { message } if message.contains("nothing") && !message.contains("__")),
        "{error:?}"
    );
}

#[tokio::test]
async fn update_gives_rows_that_match_new_values() {
    for (clauses, updated, left) in [
        ("set n = n + 1 where id = 1", 1, "1 a 11; 2 b ; 3  30"),
        ("set n = 0 where false", 0, "1 a 10; 2 b ; 3  30"),
        ("set n = 0 where null", 0, "1 a 10; 2 b ; 3  30"),
        ("set n = 0 where n <> 10", 1, "1 a 10; 2 b ; 3  0"),
        ("set name = id, n = '5'", 3, "1 1 5; 2 2 5; 3 3 5"),
        (
            "set n = id, id = n where n is not null",
            2,
            "2 b ; 10 a 1; 30  3",
        ),
        ("set n = default where id > 1", 2, "1 a 10; 2 b 7; 3  7"),
        ("set name = default", 3, "1  10; 2  ; 3  30"),
        (
            "set n = (select max(id) from people) where id in (select id from people where id <> 2)",
            2,
            "1 a 4; 2 b ; 3  4",
        ),
        ("set n = (select sum(n) from t)", 3, "1 a 40; 2 b 40; 3  40"),
        (
            "set n = (select max(p.id) + 1 from people p where p.id = t.id) where id = 3",
            1,
            "1 a 10; 2 b ; 3  4",
        ),
    ] {
        let world = world().await;
        let sql = format!("update t {clauses}");
        assert_eq!(world.change(&sql).await.unwrap(), updated, "{sql}");
        assert_eq!(content(&world).await, left, "{sql}");
    }
    let world = world().await;
    for (sql, said) in [
        ("update t set nothing = 1", "'nothing'"),
        ("update t set n = 1, n = 2", "twice"),
        ("update t set n = 'many'", "many"),
        ("update t set n = max(id)", "GROUP BY"),
        ("update t set n = unnest([1, 2])", "several"),
        ("update t set n = [1]", "cannot become"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains(said)),
            "{sql}: {error:?}"
        );
    }
    assert_eq!(content(&world).await, "1 a 10; 2 b ; 3  30");
}

#[tokio::test]
async fn many_rows_over_many_chunks() {
    let world = World::new().await;
    world.changes(&["create temp table t as select value as id, 'row ' || value as name, 1 as n from generate_series(1, 100000) as g(value)"]).await;
    assert_eq!(
        world
            .change("update t set n = id where id % 7 = 0")
            .await
            .unwrap(),
        14285
    );
    assert_eq!(
        world
            .change("delete from t where id % 2 = 0 or id between 20000 and 60000")
            .await
            .unwrap(),
        70000
    );
    assert_eq!(
        world
            .change("insert into t values (0, 'zero', 0)")
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        world
            .one("select count(*), sum(id), sum(n), count(distinct name) from t")
            .await,
        {
            let left = (1..=100_000u64).filter(|id| id % 2 == 1 && !(20_000..=60_000).contains(id));
            let (mut count, mut ids, mut ns) = (1, 0, 0);
            for id in left {
                count += 1;
                ids += id;
                ns += if id % 7 == 0 { id } else { 1 };
            }
            format!("{count} {ids} {ns} {count}")
        }
    );
    assert_eq!(world.change("truncate table t").await.unwrap(), 0);
    assert_eq!(world.one("select count(*) from t").await, "0");
}

#[tokio::test]
async fn what_is_not_supported_is_said_and_does_nothing() {
    let world = world().await;
    let before = content(&world).await;
    for sql in [
        "delete from t where id > 0 limit 1",
        "delete from t order by id limit 1",
        "delete t from t join people on t.id = people.id",
        "update t set n = 1 limit 1",
        "update t join people on t.id = people.id set n = 1",
        "insert overwrite t values (9, 'x', 1)",
        "update t set (id, n) = (select 1, 2)",
        "truncate table t cascade",
        "truncate table t, t",
        "with gone as (delete from t returning *) select * from gone",
        "insert into t with gone as (delete from t) select 1, 'x', 2",
        "explain delete from t",
        "explain analyze delete from t",
        "explain update t set n = 1",
        "explain insert into t values (9, 'x', 1)",
        "explain analyze insert into t select * from t",
        "explain truncate table t",
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::Unsupported { .. } | Error::Syntax { .. }),
            "{sql}: {error:?}"
        );
        assert_eq!(content(&world).await, before, "{sql}");
    }
}
