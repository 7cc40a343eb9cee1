//! RETURNING.

use arrow::util::pretty::pretty_format_batches;
use futures::TryStreamExt;
use godwit_engine::Error;

use crate::support::{World, cells};

async fn world(kind: &str) -> World {
    let world = World::new().await;
    world
        .changes(&[
            &format!("create {kind} table t (id int not null, name text, n bigint default 7)"),
            "insert into t values (1, 'a', 10), (2, 'b', 20), (3, 'c', 30)",
        ])
        .await;
    world
}

/// How many rows a change changed, what it returns is called, and its rows, sorted.
async fn returned(world: &World, sql: &str) -> (i64, String, String) {
    let statement = world.describe(sql).await.unwrap();
    assert!(statement.returns_rows(), "{sql}");
    let (outcome, kept) = world
        .engine
        .execute_returning(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    assert_eq!(kept.schema(), &statement.schema);
    let rows = world.engine.read_kept(&world.permit, kept.id(), 0).unwrap();
    let batches: Vec<_> = rows.try_collect().await.unwrap();
    let fields = statement.schema.fields().iter();
    let names: Vec<_> = fields.map(|field| field.name().as_str()).collect();
    let mut rows: Vec<String> = cells(&pretty_format_batches(&batches).unwrap().to_string())
        .iter()
        .map(|row| row.join(" "))
        .collect();
    rows.sort();
    (outcome.rows, names.join(" "), rows.join("; "))
}

#[tokio::test]
async fn changes_return_new_rows_and_deletes_old_ones() {
    for kind in ["", "temp"] {
        let world = world(kind).await;
        for (sql, count, names, rows) in [
            (
                "insert into t (id) values (4), (5) returning *",
                2,
                "id name n",
                "4  7; 5  7",
            ),
            (
                "insert into t values (6, 'f', 60) returning n + id as total, name, upper(name)",
                1,
                "total name upper(name)",
                "66 f F",
            ),
            (
                "update t set n = n + 1 where id < 3 returning id, n, id",
                2,
                "id n id",
                "1 11 1; 2 21 2",
            ),
            (
                "update t set n = p.id from people p where p.id = t.id and t.id = 3 returning t.*",
                1,
                "id name n",
                "3 c 3",
            ),
            (
                "delete from t where id > 4 returning t.id, n",
                2,
                "id n",
                "5 7; 6 60",
            ),
            ("delete from t where false returning id", 0, "id", ""),
            (
                "delete from t using people p where p.id >= t.id and t.id = 1 returning id",
                1,
                "id",
                "1",
            ),
            (
                "merge into t using people p on t.id = p.id and p.id = 2 when matched then delete \
                 when not matched and p.id = 0 then insert values (p.id, p.name, 1) returning id, name",
                2,
                "id name",
                "0 Ada; 2 b",
            ),
        ] {
            let expected = (count, names.to_owned(), rows.to_owned());
            assert_eq!(returned(&world, sql).await, expected, "{kind} {sql}");
        }
        assert_eq!(world.one("select count(*) from t").await, "3");
    }
}

#[tokio::test]
async fn without_a_reader_the_count_is_all() {
    let world = world("").await;
    let changed = world.change("update t set n = 0 returning *").await;
    assert_eq!(changed.unwrap(), 3);
    let error = world.refused("update t set n = 0 returning sum(n)").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    let error = world.refused("delete from t returning nothing").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    assert_eq!(world.one("select count(*) from t").await, "3");
}

#[tokio::test]
async fn a_change_that_fails_returns_nothing() {
    let world = world("").await;
    let sql = "insert into t select id, name, 1 / (id - 2) from people returning id";
    let statement = world.describe(sql).await.unwrap();
    let done = world
        .engine
        .execute_returning(&world.session, &world.permit, &statement)
        .await;
    assert!(matches!(done, Err(Error::InvalidInput { .. })), "{done:?}");
    let kept = world.engine.kept(&world.permit, statement.id);
    assert!(matches!(kept, Err(Error::NotFound { .. })), "{kept:?}");
    assert_eq!(world.one("select count(*) from t").await, "3");
}
