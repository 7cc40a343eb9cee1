//! INSERT of rows that are spelled out, planned once: what has changed meanwhile counts all the same.

use godwit_engine::{Error, Result};

use crate::court::Court;
use crate::prepared::{ints, text};
use crate::support::World;

impl World {
    async fn prepared_change(&self, sql: &str) -> Prepared<'_> {
        let prepared = self.prepare(sql).await.unwrap();
        Prepared {
            world: self,
            id: prepared.id,
        }
    }
}

struct Prepared<'a> {
    world: &'a World,
    id: godwit_protocol::StatementId,
}

impl Prepared<'_> {
    async fn run(&self) -> Result<i64> {
        let World {
            engine,
            session,
            permit,
            ..
        } = self.world;
        let done = engine.execute_prepared(session, permit, self.id);
        Ok(done.await?.rows)
    }
}

#[tokio::test]
async fn rows_are_what_they_are_with_an_optimizer() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (a int, b decimal(10,2), c varchar default 'c', d timestamp, e boolean not null)",
            "insert into t values (1, 1.005, null, '2024-02-03 04:05:06', true), ('2', '7', 'x', null, 'false')",
            "insert into t (e, b, a) values (true, -0.5, -3), (false, 1e3, 4)",
            "insert into t (a, d, e) values (cast('5' as bigint), date '2024-01-02', 1 = 1)",
        ])
        .await;
    let rows = world
        .cells("select a, b, c, d, e from t order by abs(a)")
        .await;
    let wanted = [
        ["1", "1.01", "", "2024-02-03T04:05:06", "true"],
        ["2", "7.00", "x", "", "false"],
        ["-3", "-0.50", "c", "", "true"],
        ["4", "1000.00", "c", "", "false"],
        ["5", "", "c", "2024-01-02T00:00:00", "true"],
    ];
    assert_eq!(rows, wanted);
    for (sql, says) in [
        ("insert into t (a, e) values ('one', true)", "one"),
        (
            "insert into t (a, e) values (3000000000, true)",
            "3000000000",
        ),
        ("insert into t (a, e) values (1, null)", "NOT NULL"),
    ] {
        let error = world.refused(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
        assert!(error.to_string().contains(says), "{sql}: {error}");
    }
    assert_eq!(world.one("select count(*) from t").await, "5");
}

#[tokio::test]
async fn a_prepared_one_goes_where_its_name_points_when_it_runs() {
    let world = World::new().await;
    world.changes(&["create table t (a int, b varchar)"]).await;
    let insert = world
        .prepared_change("insert into t (a, b) values (?, ?)")
        .await;
    let bind = |a: &[i64], b: &[&str]| world.bind(insert.id, vec![ints(a), text(b)]).unwrap();
    bind(&[1], &["one"]);
    assert_eq!(insert.run().await.unwrap(), 1);
    bind(&[2, 3], &["two", "three"]);
    assert_eq!(insert.run().await.unwrap(), 2);
    // Another column, another table of that name, a temporary one before it, none.
    world
        .changes(&["alter table t add column c int default 7"])
        .await;
    assert_eq!(insert.run().await.unwrap(), 2);
    let all = "select a, b, c from t order by a, c";
    let wanted = [["1", "one", "7"], ["2", "two", "7"], ["2", "two", "7"]];
    assert_eq!(world.cells(all).await[..3], wanted);
    world
        .changes(&["drop table t", "create table t (b varchar, a bigint)"])
        .await;
    assert_eq!(insert.run().await.unwrap(), 2);
    let swapped = world.cells("select b, a from t order by a").await;
    assert_eq!(swapped, [["two", "2"], ["three", "3"]]);
    world
        .changes(&["create temp table t (a int, b varchar)"])
        .await;
    assert_eq!(insert.run().await.unwrap(), 2);
    assert_eq!(world.one("select count(*) from temp.t").await, "2");
    assert_eq!(world.one("select count(*) from main.t").await, "2");
    world.changes(&["drop table temp.t", "drop table t"]).await;
    let gone = insert.run().await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn keys_are_checked_each_time() {
    let world = World::new().await;
    world.changes(&["create table k (a int primary key)"]).await;
    let insert = world.prepared_change("insert into k values (?)").await;
    world.bind(insert.id, vec![ints(&[1])]).unwrap();
    assert_eq!(insert.run().await.unwrap(), 1);
    let twice = insert.run().await;
    assert!(
        matches!(twice, Err(Error::AlreadyExists { .. })),
        "{twice:?}"
    );
    world.changes(&["begin"]).await;
    world.bind(insert.id, vec![ints(&[2])]).unwrap();
    assert_eq!(insert.run().await.unwrap(), 1);
    world.changes(&["rollback"]).await;
    assert_eq!(insert.run().await.unwrap(), 1);
    assert_eq!(world.one("select sum(a) from k").await, "3");
}

#[tokio::test]
async fn what_was_granted_counts_when_it_runs() {
    let court = Court::furnished().await;
    court.all("root", &["GRANT readers TO bob"]).await;
    court
        .all(
            "ada",
            &["CREATE TABLE notes (a INT)", "GRANT INSERT ON notes TO bob"],
        )
        .await;
    let session = &court.callers["bob"].1;
    let sql = "INSERT INTO notes VALUES (1)";
    let prepared = court
        .engine
        .prepare(session, &court.permit("bob"), sql)
        .await;
    let id = prepared.unwrap().id;
    let run = || async {
        let permit = court.permit("bob");
        court.engine.execute_prepared(session, &permit, id).await
    };
    assert_eq!(run().await.unwrap().rows, 1);
    court.all("ada", &["REVOKE INSERT ON notes FROM bob"]).await;
    let refused = run().await;
    assert!(
        matches!(refused, Err(Error::Denied { .. } | Error::NotFound { .. })),
        "{refused:?}"
    );
    court
        .all(
            "ada",
            &[
                "GRANT INSERT, SELECT ON notes TO bob",
                "CREATE POLICY small ON notes TO bob USING (a < 0)",
            ],
        )
        .await;
    let refused = run().await;
    assert!(matches!(refused, Err(Error::Denied { .. })), "{refused:?}");
    assert_eq!(court.rows("ada", "SELECT count(*) FROM notes").await, ["1"]);
}
