//! Changes of temporary tables: when they happen, how often, and who sees what meanwhile.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use futures::StreamExt;
use godwit_engine::{Error, StatementKind};

use crate::support::World;
use crate::temporary_writes::{content, world};

#[tokio::test]
async fn describing_and_preparing_change_nothing_and_check_everything() {
    let world = world().await;
    let before = content(&world).await;
    for sql in [
        "insert into t values (9, 'x', 1)",
        "delete from t",
        "update t set n = 0",
        "truncate t",
        "drop table t",
        "create or replace temp table t as select 1 as a",
    ] {
        let statement = world.describe(sql).await.unwrap();
        assert_eq!(statement.kind, StatementKind::Effect, "{sql}");
        let prepared = world.engine.prepare(&world.session, &world.permit, sql);
        assert_eq!(prepared.await.unwrap().kind, StatementKind::Effect, "{sql}");
        assert_eq!(content(&world).await, before, "{sql}");
    }
    let statement = world
        .describe("insert into t values (9, 'x', 1)")
        .await
        .unwrap();
    let run = || {
        world
            .engine
            .execute(&world.session, &world.permit, &statement)
    };
    assert_eq!(run().await.unwrap().rows, 1);
    assert!(
        matches!(run().await, Err(Error::InvalidInput { .. })),
        "it happens once"
    );
    assert_eq!(world.one("select count(*) from t where id = 9").await, "1");
}

fn rows(ids: &[i64], names: &[Option<&str>]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let names: ArrayRef = Arc::new(StringArray::from(names.to_vec()));
    RecordBatch::try_from_iter([("0", ids), ("1", names)]).unwrap()
}

#[tokio::test]
async fn a_prepared_change_happens_once_for_every_bound_row_and_execution() {
    let world = world().await;
    let (engine, session, permit) = (&world.engine, &world.session, &world.permit);
    let insert = engine
        .prepare(
            session,
            permit,
            "insert into t (id, name) values (?, lower(?))",
        )
        .await
        .unwrap();
    let types: Vec<_> = insert
        .parameter_schema
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert_eq!(types, ["Int32", "Utf8"]);
    let unbound = engine.execute_prepared(session, permit, insert.id).await;
    assert!(
        matches!(unbound, Err(Error::InvalidInput { .. })),
        "{unbound:?}"
    );
    engine
        .bind(
            session,
            permit,
            insert.id,
            vec![rows(&[4, 5], &[Some("D"), None])],
        )
        .unwrap();
    for _ in 0..2 {
        assert_eq!(
            engine
                .execute_prepared(session, permit, insert.id)
                .await
                .unwrap()
                .rows,
            2
        );
    }
    assert_eq!(
        content(&world).await,
        "1 a 10; 2 b ; 3  30; 4 d 7; 4 d 7; 5  7; 5  7"
    );
    // Every row sees what the one before did.
    let update = "update t set n = (select max(n) from t) + 1, name = $2 where id = $1";
    let update = engine.prepare(session, permit, update).await.unwrap();
    engine
        .bind(
            session,
            permit,
            update.id,
            vec![rows(&[1, 2, 99], &[Some("x"), Some("y"), Some("z")])],
        )
        .unwrap();
    assert_eq!(
        engine
            .execute_prepared(session, permit, update.id)
            .await
            .unwrap()
            .rows,
        2
    );
    let delete = engine
        .prepare(session, permit, "delete from t where id = ?")
        .await
        .unwrap();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![4, 5, 5]));
    engine
        .bind(
            session,
            permit,
            delete.id,
            vec![RecordBatch::try_from_iter([("0", ids)]).unwrap()],
        )
        .unwrap();
    assert_eq!(
        engine
            .execute_prepared(session, permit, delete.id)
            .await
            .unwrap()
            .rows,
        4
    );
    assert_eq!(content(&world).await, "1 x 31; 2 y 32; 3  30");
    // All rows or none.
    engine
        .bind(session, permit, insert.id, vec![rows(&[6], &[Some("F")])])
        .unwrap();
    let null: ArrayRef = Arc::new(Int64Array::from(vec![Some(6), None]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["f", "g"]));
    let batch = RecordBatch::try_from_iter([("0", null), ("1", names)]).unwrap();
    engine
        .bind(session, permit, insert.id, vec![batch])
        .unwrap();
    let failed = engine.execute_prepared(session, permit, insert.id).await;
    assert!(
        matches!(failed, Err(Error::InvalidInput { .. })),
        "{failed:?}"
    );
    assert_eq!(content(&world).await, "1 x 31; 2 y 32; 3  30");
}

#[tokio::test]
async fn a_prepared_query_sees_what_changed() {
    let world = world().await;
    let (engine, session, permit) = (&world.engine, &world.session, &world.permit);
    let count = engine
        .prepare(session, permit, "select count(*) from t")
        .await
        .unwrap();
    for expected in ["3", "4", "5"] {
        let statement = engine.instantiate(session, permit, count.id).await.unwrap();
        let batches = world.run(&statement).await.unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&batches)
            .unwrap()
            .to_string();
        assert!(text.contains(&format!("| {expected} ")), "{text}");
        world.changes(&["insert into t (id) values (50)"]).await;
    }
    world
        .changes(&["create or replace temp table t as select 'x' as a"])
        .await;
    assert!(engine.instantiate(session, permit, count.id).await.is_ok());
}

#[tokio::test]
async fn a_running_query_keeps_what_it_began_with() {
    let world = World::new().await;
    world
        .changes(&[
            "create temp table t as select value as id from generate_series(1, 200000) as g(value)",
        ])
        .await;
    let statement = world.describe("select id from t").await.unwrap();
    let mut rows = world
        .engine
        .query(&world.session, &world.permit, &statement)
        .await
        .unwrap();
    let first = rows.next().await.unwrap().unwrap().num_rows();
    world
        .changes(&["delete from t where id > 5", "drop table t"])
        .await;
    let mut count = first;
    while let Some(batch) = rows.next().await {
        count += batch.unwrap().num_rows();
    }
    assert_eq!(count, 200_000);
}

#[tokio::test]
async fn concurrent_writers_lose_nothing() {
    let world = world().await;
    let writers = (0..20).map(|at| {
        let (engine, session, permit) = (
            world.engine.clone(),
            Arc::clone(&world.session),
            world.permit.clone(),
        );
        tokio::spawn(async move {
            let sql = match at % 2 {
                0 => "update t set n = n + 1 where id = 1",
                _ => "insert into t values (77, 'w', 1)",
            };
            let statement = engine.describe(&session, &permit, sql).await.unwrap();
            engine
                .execute(&session, &permit, &statement)
                .await
                .unwrap()
                .rows
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.unwrap(), 1);
    }
    assert_eq!(
        world
            .one("select count(*) filter (where id = 77), max(n) from t")
            .await,
        "10 30"
    );
}
