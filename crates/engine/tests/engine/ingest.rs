//! Uploads into temporary tables.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::Int8Type;
use futures::stream::{self, StreamExt};
use godwit_engine::{Error, IfExists, IfMissing, IngestTarget, Outcome, Result};

use crate::support::World;

fn target(table: &str, if_missing: IfMissing, if_exists: IfExists) -> IngestTarget {
    IngestTarget {
        catalog: None,
        schema: None,
        table: table.to_owned(),
        temporary: true,
        if_missing,
        if_exists,
    }
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

async fn send(world: &World, target: IngestTarget, batches: Vec<RecordBatch>) -> Result<i64> {
    let rows: Vec<_> = batches.iter().cloned().map(Ok).collect();
    send_stream(world, target, &batches[0], rows).await
}

async fn send_stream(
    world: &World,
    target: IngestTarget,
    like: &RecordBatch,
    rows: Vec<Result<RecordBatch>>,
) -> Result<i64> {
    let rows = stream::iter(rows).boxed();
    let outcome = world
        .engine
        .ingest(&world.session, &world.permit, target, like.schema(), rows);
    outcome.await.map(|Outcome { rows }| rows)
}

#[tokio::test]
async fn the_modes_make_append_replace_and_refuse() {
    use IfExists::{Append, Fail, Replace};
    use IfMissing::Create;
    let world = World::new().await;
    let rows = || {
        vec![
            batch(vec![("a", ids(&[1, 2]))]),
            batch(vec![("a", ids(&[3]))]),
        ]
    };
    let absent = send(&world, target("t", IfMissing::Fail, Append), rows()).await;
    assert!(matches!(absent, Err(Error::NotFound { .. })), "{absent:?}");
    assert_eq!(
        send(&world, target("t", Create, Fail), rows())
            .await
            .unwrap(),
        3
    );
    let there = send(&world, target("t", Create, Fail), rows()).await;
    assert!(
        matches!(there, Err(Error::AlreadyExists { .. })),
        "{there:?}"
    );
    assert_eq!(
        send(&world, target("t", Create, Append), rows())
            .await
            .unwrap(),
        3
    );
    assert_eq!(world.one("select count(*), sum(a) from t").await, "6 12");
    let other = || vec![batch(vec![("b", ids(&[9]))])];
    assert_eq!(
        send(&world, target("t", Create, Replace), other())
            .await
            .unwrap(),
        1
    );
    assert_eq!(world.one("select b from temp.t").await, "9");
    assert_eq!(
        send(&world, target("new", Create, Append), other())
            .await
            .unwrap(),
        1
    );
    assert_eq!(send(&world, append("new"), other()).await.unwrap(), 1);
    assert_eq!(world.one("select count(*) from new").await, "2");
}

#[tokio::test]
async fn types_are_kept_plain() {
    let world = World::new().await;
    let words: DictionaryArray<Int8Type> = ["x", "y", "x"].into_iter().collect();
    let rows = batch(vec![
        ("d", Arc::new(words)),
        (
            "v",
            Arc::new(StringViewArray::from(vec![
                "a long text that no view holds inline",
                "b",
                "c",
            ])),
        ),
        ("Mixed Case", ids(&[1, 2, 3])),
    ]);
    send(
        &world,
        target("Kept", IfMissing::Create, IfExists::Fail),
        vec![rows.clone()],
    )
    .await
    .unwrap();
    assert_eq!(
        world.cells("select arrow_typeof(d), arrow_typeof(v), d, \"Mixed Case\" from \"Kept\" where v = 'b'").await,
        [["Utf8", "Utf8", "y", "2"]]
    );
    send(&world, append("Kept"), vec![rows]).await.unwrap();
    assert_eq!(
        world
            .one("select count(*), count(distinct d) from \"Kept\"")
            .await,
        "6 2"
    );
}

#[tokio::test]
async fn columns_are_matched_by_name_and_filled_in() {
    let world = World::new().await;
    world
        .changes(&["create temp table t (id int not null, name text, n bigint default 40 + 2, at timestamp default now())"])
        .await;
    let rows = batch(vec![
        (
            "name",
            Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef,
        ),
        ("id", ids(&[1, 2])),
    ]);
    assert_eq!(
        send(&world, append("t"), vec![rows.clone(), rows])
            .await
            .unwrap(),
        4
    );
    assert_eq!(
        world
            .cells("select distinct id, name, n, at is null from t order by id")
            .await,
        [["1", "x", "42", "false"], ["2", "y", "42", "false"]]
    );
    for (columns, said) in [
        (vec![("id", ids(&[1])), ("nothing", ids(&[1]))], "'nothing'"),
        (vec![("name", ids(&[1]))], "'id'"),
        (vec![("ID", ids(&[1]))], "'ID'"),
    ] {
        let error = send(&world, append("t"), vec![batch(columns)]).await;
        assert!(
            matches!(&error, Err(Error::InvalidInput { message }) if message.contains(said)),
            "{said}: {error:?}"
        );
    }
    assert_eq!(world.one("select count(*) from t").await, "4");
}

#[tokio::test]
async fn values_that_do_not_fit_are_named_by_column_and_row() {
    let world = World::new().await;
    world
        .changes(&["create temp table t (small smallint, whole int, money decimal(6, 2), day date, need text not null)"])
        .await;
    let need = |rows: usize| {
        (
            "need",
            Arc::new(StringArray::from(vec!["x"; rows])) as ArrayRef,
        )
    };
    let good = batch(vec![("small", ids(&[1, 2, 3])), need(3)]);
    let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
    let floats = |floats: &[f64]| Arc::new(Float64Array::from(floats.to_vec())) as ArrayRef;
    let noon = TimestampMicrosecondArray::from(vec![0, 43_200_000_000]);
    for (column, values, row) in [
        ("small", ids(&[5, 40_000]), 2),
        ("small", texts(&["1", "2", "three"]), 3),
        ("whole", floats(&[1.0, -0.0, 2.5]), 3),
        ("whole", floats(&[f64::NAN]), 1),
        ("money", floats(&[1.25, 1.255]), 2),
        ("money", ids(&[10_000]), 1),
        ("day", Arc::new(noon) as ArrayRef, 2),
        ("day", texts(&["2024-01-01", "2024-02-30"]), 2),
    ] {
        let bad = batch(vec![(column, Arc::clone(&values)), need(values.len())]);
        let error = send(&world, append("t"), vec![bad.clone()]).await;
        let said = format!("column '{column}', row {row}:");
        assert!(
            matches!(&error, Err(Error::InvalidInput { message }) if message.contains(&said)),
            "{said} {error:?}"
        );
    }
    // Rows are counted over the whole upload, and nothing of it stays.
    let bad = batch(vec![("small", ids(&[1, 70_000])), need(2)]);
    let error = send(&world, append("t"), vec![good.clone(), bad]).await;
    assert!(
        matches!(&error, Err(Error::InvalidInput { message }) if message.contains("column 'small', row 5:")),
        "{error:?}"
    );
    let null = batch(vec![
        ("small", ids(&[1, 2])),
        ("need", Arc::new(StringArray::from(vec![Some("x"), None]))),
    ]);
    let error = send(&world, append("t"), vec![null]).await;
    assert!(
        matches!(&error, Err(Error::InvalidInput { message }) if message.contains("column 'need', row 2:")),
        "{error:?}"
    );
    assert_eq!(world.one("select count(*) from t").await, "0");
    let fits = batch(vec![
        ("whole", floats(&[1.0, -0.0])),
        ("money", floats(&[1.25, 99.0])),
        (
            "small",
            Arc::new(Int32Array::from(vec![None, Some(-32_768)])),
        ),
        need(2),
    ]);
    assert_eq!(send(&world, append("t"), vec![fits]).await.unwrap(), 2);
}

#[tokio::test]
async fn an_upload_that_fails_leaves_everything_as_it_was() {
    let world = World::new().await;
    let rows = batch(vec![("a", ids(&[1]))]);
    send(
        &world,
        target("t", IfMissing::Create, IfExists::Fail),
        vec![rows.clone()],
    )
    .await
    .unwrap();
    let cut = || vec![Ok(rows.clone()), Err(Error::Cancelled)];
    for target in [
        append("t"),
        target("t", IfMissing::Create, IfExists::Replace),
        target("u", IfMissing::Create, IfExists::Fail),
    ] {
        let failed = send_stream(&world, target, &rows, cut()).await;
        assert!(matches!(failed, Err(Error::Cancelled)), "{failed:?}");
    }
    assert_eq!(world.one("select count(*) from t").await, "1");
    assert!(matches!(
        world.error("select * from u").await,
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn the_limit_is_checked_while_rows_come() {
    let world = World::with(|config| config.sessions.temp_bytes = 4 << 20).await;
    let text = "x".repeat(1000);
    let rows = batch(vec![(
        "a",
        Arc::new(StringArray::from(vec![text.as_str(); 1000])) as ArrayRef,
    )]);
    let like = rows.clone();
    // The stream never ends: only the limit ends the upload.
    let endless = stream::repeat_with(move || Ok(rows.clone())).boxed();
    let upload = world.engine.ingest(
        &world.session,
        &world.permit,
        target("t", IfMissing::Create, IfExists::Fail),
        like.schema(),
        endless,
    );
    let error = upload.await;
    assert!(
        matches!(&error, Err(Error::ResourcesExhausted { message }) if message.contains("sessions.temp_bytes")),
        "{error:?}"
    );
    assert!(matches!(
        world.error("select * from t").await,
        Error::NotFound { .. }
    ));
    // A slice of a large batch is counted for what it is.
    let large = batch(vec![("a", ids(&(0..200_000).collect::<Vec<_>>()))]);
    let slices: Vec<_> = (0..200).map(|at| large.slice(at * 1000, 1000)).collect();
    assert_eq!(
        send(
            &world,
            target("s", IfMissing::Create, IfExists::Fail),
            slices
        )
        .await
        .unwrap(),
        200_000
    );
}

#[tokio::test]
async fn what_is_neither_durable_nor_temporary_takes_no_uploads() {
    let world = World::new().await;
    let rows = || vec![batch(vec![("a", ids(&[1]))])];
    let durable = |table: &str, schema: Option<&str>| IngestTarget {
        schema: schema.map(str::to_owned),
        temporary: false,
        ..target(table, IfMissing::Create, IfExists::Append)
    };
    for target in [
        durable("people", None),
        durable("people", Some("files")),
        durable("new", Some("files")),
        durable("settings", Some("system")),
    ] {
        let error = send(&world, target, rows()).await;
        assert!(matches!(error, Err(Error::ReadOnly { .. })), "{error:?}");
    }
    let error = send(&world, durable("t", Some("nowhere")), rows()).await;
    assert!(matches!(error, Err(Error::NotFound { .. })), "{error:?}");
    let mut elsewhere = target("t", IfMissing::Create, IfExists::Fail);
    elsewhere.schema = Some("main".to_owned());
    let error = send(&world, elsewhere.clone(), rows()).await;
    assert!(
        matches!(error, Err(Error::InvalidInput { .. })),
        "{error:?}"
    );
    elsewhere.schema = None;
    elsewhere.catalog = Some("other".to_owned());
    let error = send(&world, elsewhere, rows()).await;
    assert!(matches!(error, Err(Error::NotFound { .. })), "{error:?}");
    // A temporary table that is there takes rows without being called one.
    world.changes(&["create temp table t (a bigint)"]).await;
    assert_eq!(send(&world, durable("t", None), rows()).await.unwrap(), 1);
    assert_eq!(
        send(&world, durable("t", Some("temp")), rows())
            .await
            .unwrap(),
        1
    );
    assert_eq!(world.one("select count(*) from t").await, "2");
}

#[tokio::test]
async fn two_uploads_at_once_lose_nothing() {
    let world = World::new().await;
    world.changes(&["create temp table t (a bigint)"]).await;
    let rows = |from: i64| {
        (0..50)
            .map(|at| batch(vec![("a", ids(&[from + at]))]))
            .collect::<Vec<_>>()
    };
    let (one, two) = tokio::join!(
        send(&world, append("t"), rows(0)),
        send(&world, append("t"), rows(1000))
    );
    assert_eq!((one.unwrap(), two.unwrap()), (50, 50));
    assert_eq!(world.one("select count(distinct a) from t").await, "100");
}
