//! Uploads into durable tables.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Int64Array, IntervalYearMonthArray, RecordBatch, StringArray, StringViewArray,
};
use futures::StreamExt;
use futures::stream;
use godwit_engine::{Error, IfExists, IfMissing, IngestTarget, Result, Session};
use godwit_protocol::action::EndTransaction;

use crate::support::World;

fn target(table: &str, if_missing: IfMissing, if_exists: IfExists) -> IngestTarget {
    IngestTarget {
        catalog: None,
        schema: None,
        table: table.to_owned(),
        temporary: false,
        if_missing,
        if_exists,
    }
}

fn create(table: &str) -> IngestTarget {
    target(table, IfMissing::Create, IfExists::Fail)
}

fn append(table: &str) -> IngestTarget {
    target(table, IfMissing::Fail, IfExists::Append)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

fn ids(ids: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(ids.to_vec()))
}

fn numbers(values: &[i64]) -> RecordBatch {
    batch(vec![("a", ids(values))])
}

async fn send_in(
    world: &World,
    session: &Arc<Session>,
    target: IngestTarget,
    rows: Vec<Result<RecordBatch>>,
    like: &RecordBatch,
) -> Result<i64> {
    let rows = stream::iter(rows).boxed();
    let sent = world
        .engine
        .ingest(session, &world.permit, target, like.schema(), rows);
    Ok(sent.await?.rows)
}

async fn send(world: &World, target: IngestTarget, rows: &RecordBatch) -> Result<i64> {
    send_in(world, &world.session, target, vec![Ok(rows.clone())], rows).await
}

#[tokio::test]
async fn the_modes_make_append_replace_and_refuse() {
    let world = World::new().await;
    let absent = send(&world, append("t"), &numbers(&[1])).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    assert_eq!(
        send(&world, create("t"), &numbers(&[1, 2])).await.unwrap(),
        2
    );
    let there = send(&world, create("t"), &numbers(&[1])).await;
    assert!(
        matches!(there, Err(Error::AlreadyExists { .. })),
        "{there:?}"
    );
    assert_eq!(send(&world, append("t"), &numbers(&[3])).await.unwrap(), 1);
    assert_eq!(
        world.one("select count(*), sum(a) from main.t").await,
        "3 6"
    );
    let other = batch(vec![("b", ids(&[9]))]);
    let replace = || target("t", IfMissing::Create, IfExists::Replace);
    assert_eq!(send(&world, replace(), &other).await.unwrap(), 1);
    assert_eq!(world.one("select b from t").await, "9");
    let create_append = || target("new", IfMissing::Create, IfExists::Append);
    assert_eq!(send(&world, create_append(), &other).await.unwrap(), 1);
    assert_eq!(send(&world, create_append(), &other).await.unwrap(), 1);
    assert_eq!(world.one("select count(*) from new").await, "2");
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let world = World::new().await;
    send(&world, create("t"), &numbers(&[1])).await.unwrap();
    let broken = || {
        let lost = Err(Error::Cancelled);
        vec![Ok(numbers(&[2, 3])), lost]
    };
    for target in [
        append("t"),
        target("t", IfMissing::Create, IfExists::Replace),
        create("u"),
    ] {
        let sent = send_in(&world, &world.session, target, broken(), &numbers(&[])).await;
        assert!(matches!(sent, Err(Error::Cancelled)), "{sent:?}");
    }
    assert_eq!(world.one("select count(*), sum(a) from t").await, "1 1");
    assert!(matches!(
        world.error("select * from u").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn columns_are_matched_by_name_and_filled_in() {
    let world = World::new().await;
    world
        .changes(&["create table t (id int not null, name text, n bigint default 40 + 2)"])
        .await;
    let rows = batch(vec![
        (
            "name",
            Arc::new(StringViewArray::from(vec!["x", "y"])) as ArrayRef,
        ),
        ("id", ids(&[1, 2])),
    ]);
    assert_eq!(send(&world, append("t"), &rows).await.unwrap(), 2);
    assert_eq!(
        world.cells("select id, name, n from t order by id").await,
        [["1", "x", "42"], ["2", "y", "42"]]
    );
    let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    for (columns, said) in [
        (vec![("id", ids(&[1])), ("nothing", ids(&[1]))], "'nothing'"),
        (vec![("name", texts(&["x"]))], "'id'"),
        (vec![("id", ids(&[1, 1 << 40]))], "row 2"),
        (vec![("id", texts(&["1", "two"]))], "row 2"),
    ] {
        let error = send(&world, append("t"), &batch(columns)).await;
        assert!(
            matches!(&error, Err(Error::InvalidInput { message }) if message.contains(said)),
            "{said}: {error:?}"
        );
    }
    assert_eq!(world.one("select count(*) from t").await, "2");
}

#[tokio::test]
async fn a_type_that_the_lake_cannot_keep_is_refused_by_name() {
    let world = World::new().await;
    let times: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![1, 2]));
    let kind = times.data_type().to_string();
    let rows = batch(vec![("a", ids(&[1, 2])), ("odd one", times)]);
    let error = send(&world, create("t"), &rows).await;
    assert!(
        matches!(&error, Err(Error::Unsupported { message }) if message.contains("odd one")),
        "{kind}: {error:?}"
    );
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn schemas_are_those_of_the_lake() {
    let world = World::new().await;
    world.changes(&["create schema other"]).await;
    let within = |schema: &str, catalog: Option<&str>| IngestTarget {
        schema: Some(schema.to_owned()),
        catalog: catalog.map(str::to_owned),
        ..create("t")
    };
    send(&world, within("other", Some("godwit")), &numbers(&[1]))
        .await
        .unwrap();
    assert_eq!(world.one("select a from other.t").await, "1");
    for (schema, catalog) in [("nowhere", None), ("other", Some("elsewhere"))] {
        let error = send(&world, within(schema, catalog), &numbers(&[1])).await;
        assert!(
            matches!(error, Err(Error::NotFound { .. })),
            "{schema}: {error:?}"
        );
    }
    let error = send(&world, within("files", None), &numbers(&[1])).await;
    assert!(matches!(error, Err(Error::ReadOnly { .. })), "{error:?}");
    let orders = IngestTarget {
        schema: Some("files".to_owned()),
        ..append("orders")
    };
    let error = send(&world, orders, &numbers(&[1])).await;
    assert!(matches!(error, Err(Error::ReadOnly { .. })), "{error:?}");
}

#[tokio::test]
async fn an_upload_is_part_of_the_open_transaction() {
    let world = World::new().await;
    world.changes(&["begin"]).await;
    send(&world, create("t"), &numbers(&[1, 2])).await.unwrap();
    assert_eq!(world.one("select count(*) from t").await, "2");
    world.changes(&["rollback"]).await;
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
    // One that the client named, though the upload does not: some clients cannot.
    let begin = || {
        world
            .engine
            .begin_transaction(&world.session, &world.permit)
    };
    let id = begin().unwrap();
    send(&world, create("t"), &numbers(&[1, 2])).await.unwrap();
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
    let end =
        world
            .engine
            .end_transaction(&world.session, &world.permit, id, EndTransaction::Commit);
    end.await.unwrap();
    assert_eq!(world.one("select count(*) from t").await, "2");
    let (_, _) = (begin().unwrap(), begin().unwrap());
    let error = send(&world, append("t"), &numbers(&[3])).await;
    assert!(
        matches!(&error, Err(Error::InvalidInput { message }) if message.contains("2 open transactions")),
        "{error:?}"
    );
}

#[tokio::test]
async fn uploads_at_once_do_not_meet() {
    let world = World::new().await;
    send(&world, create("t"), &numbers(&[])).await.unwrap();
    let uploads = (0..8).map(|at| {
        let (world, session) = (&world, world.another_session());
        async move {
            let rows = numbers(&[at, at]);
            send_in(world, &session, append("t"), vec![Ok(rows.clone())], &rows).await
        }
    });
    let sent = futures::future::join_all(uploads).await;
    assert!(sent.iter().all(|sent| matches!(sent, Ok(2))), "{sent:?}");
    assert_eq!(world.one("select count(*), sum(a) from t").await, "16 56");
}

#[tokio::test]
async fn an_upload_that_came_second_is_added_again() {
    let world = World::new().await;
    // Two batches of 60 rows, and between them what somebody else does.
    let upload = async |world: &World, first: i64, meanwhile: &'static str| {
        let half = move |from: i64| numbers(&Vec::from_iter(from..from + 60));
        let other = world.another_session();
        let (engine, permit) = (world.engine.clone(), world.permit.clone());
        let second = async move {
            let statement = engine.describe(&other, &permit, meanwhile).await?;
            engine.execute(&other, &permit, &statement).await?;
            Ok(half(first + 60))
        };
        let rows = stream::iter([Ok(half(first))]).chain(stream::once(second));
        let sent = world.engine.ingest(
            &world.session,
            &world.permit,
            append("t"),
            numbers(&[]).schema(),
            rows.boxed(),
        );
        sent.await.map(|sent| sent.rows)
    };
    let counted = async || world.one("select count(*), sum(a) from t").await;
    world
        .changes(&["create table main.t (a bigint primary key, b int default 7)"])
        .await;
    let sent = upload(&world, 0, "insert into t values (1000, 1)").await;
    assert_eq!(sent.unwrap(), 120);
    assert_eq!(counted().await, "121 8140");
    let sent = upload(&world, 200, "delete from t where a < 60").await;
    assert_eq!(sent.unwrap(), 120);
    assert_eq!(world.one("select count(*) from t where b = 7").await, "180");

    // What is there twice is still refused, and so is a table that is another one now.
    let sent = upload(&world, 400, "insert into t values (450, 1)").await;
    assert!(matches!(sent, Err(Error::AlreadyExists { .. })), "{sent:?}");
    let sent = upload(&world, 600, "alter table t add column c int").await;
    assert!(matches!(sent, Err(Error::Aborted { .. })), "{sent:?}");
    assert_eq!(
        world.one("select count(*) from t where a >= 320").await,
        "2"
    );
}
