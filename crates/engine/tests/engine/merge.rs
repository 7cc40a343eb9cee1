//! MERGE of durable and temporary tables.

use godwit_engine::Error;

use crate::support::World;

async fn world(kind: &str) -> World {
    let world = World::new().await;
    world
        .changes(&[
            &format!("create {kind} table t (id int not null, name text default 'new', n bigint)"),
            "insert into t values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)",
            "create temp table s (id int, n bigint)",
            "insert into s values (2, 200), (3, 300), (4, 400), (5, null)",
        ])
        .await;
    world
}

async fn content(world: &World) -> String {
    let rows = world.cells("select id, name, n from t order by id").await;
    let rows: Vec<_> = rows.iter().map(|row| row.join(" ")).collect();
    rows.join("; ")
}

#[tokio::test]
async fn the_first_clause_that_holds_is_done() {
    for (clauses, changed, left) in [
        ("when matched then delete", 2, "1 a 10"),
        (
            "when matched and s.n > 250 then delete when matched then update set n = s.n, name = 'u'",
            2,
            "1 a 10; 2 u 200",
        ),
        (
            "when not matched then insert (id, n) values (id, n)",
            2,
            "1 a 10; 2 b 20; 3 c 30; 4 new 400; 5 new ",
        ),
        (
            "when not matched and s.n is not null then insert values (s.id, 'x', default)",
            1,
            "1 a 10; 2 b 20; 3 c 30; 4 x ",
        ),
        (
            "when not matched by source then delete",
            1,
            "2 b 20; 3 c 30",
        ),
        (
            "when not matched by source then update set n = -t.n",
            1,
            "1 a -10; 2 b 20; 3 c 30",
        ),
        (
            "when matched and t.id = 2 then update set n = t.n + s.n when matched then delete \
             when not matched by target then insert (id, n) values (s.id, s.n) \
             when not matched by source then update set name = upper(name)",
            5,
            "1 A 10; 2 b 220; 4 new 400; 5 new ",
        ),
        (
            "when matched and null then delete",
            0,
            "1 a 10; 2 b 20; 3 c 30",
        ),
        (
            "when matched and false then update set n = 1 / 0",
            0,
            "1 a 10; 2 b 20; 3 c 30",
        ),
    ] {
        for kind in ["", "temp"] {
            let world = world(kind).await;
            let sql = format!("merge into t using s on t.id = s.id {clauses}");
            assert_eq!(world.change(&sql).await.unwrap(), changed, "{kind} {sql}");
            assert_eq!(content(&world).await, left, "{kind} {sql}");
        }
    }
}

#[tokio::test]
async fn sources_are_tables_and_queries() {
    let world = world("").await;
    for (sql, changed) in [
        (
            "merge into main.t as x using (select id, count(*) as many from people group by id) p on x.id = p.id \
             when matched then update set x.n = p.many when not matched then insert (id, name) values (p.id, 'p')",
            5,
        ),
        (
            "with w as (select 7 as id) merge into t using w on t.id = w.id \
             when not matched then insert (id, n) values (w.id, 70)",
            1,
        ),
        (
            "merge into t using (values (7, 71), (8, 80)) as v(id, n) on t.id = v.id \
             when matched then update set n = v.n when not matched then insert (id, n) values (v.id, v.n)",
            2,
        ),
    ] {
        assert_eq!(world.change(sql).await.unwrap(), changed, "{sql}");
    }
    assert_eq!(
        content(&world).await,
        "0 p ; 1 a 1; 2 b 1; 3 c 1; 4 p ; 7 new 71; 8 new 80"
    );
}

#[tokio::test]
async fn a_row_is_changed_by_one_row_of_the_source() {
    for kind in ["", "temp"] {
        let world = world(kind).await;
        world.changes(&["insert into s values (2, 201)"]).await;
        let before = content(&world).await;
        for action in ["update set n = s.n", "delete"] {
            let error = world
                .refused(&format!(
                    "merge into t using s on t.id = s.id when matched then {action}"
                ))
                .await;
            assert!(
                matches!(&error, Error::InvalidInput { message } if message.contains("several new values")),
                "{error:?}"
            );
        }
        assert_eq!(content(&world).await, before);
        let sql = "merge into t using s on t.id = s.id when matched and s.n = 201 then update set n = s.n";
        assert_eq!(world.change(sql).await.unwrap(), 1);
    }
}
