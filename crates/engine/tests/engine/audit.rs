use std::fs;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use futures::{StreamExt, stream};
use godwit_audit::Entry;
use godwit_engine::{Error, IfExists, IfMissing, IngestTarget};
use godwit_protocol::StatementId;
use godwit_protocol::action::EndTransaction;

use crate::support::World;

/// The events so far, oldest first.
fn events(world: &World) -> Vec<Entry> {
    let entries = world.engine.auditor().read(None).unwrap();
    let mut entries: Vec<Entry> = entries.map(Result::unwrap).collect();
    entries.reverse();
    entries
}

/// What they are in short: event, kind, outcome.
fn shapes(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| {
            let parts = [Some(&entry.event), entry.kind.as_ref(), entry.code.as_ref()];
            let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            parts.join(" ")
        })
        .collect()
}

#[tokio::test]
async fn statements_have_a_start_and_an_end_under_one_id() {
    let world = World::new().await;
    world.rows("select name from people").await.unwrap();
    world
        .changes(&[
            "create table t (x int)",
            "insert into t values (1), (2)",
            "set schema = 'main'",
        ])
        .await;
    let found = events(&world);
    let expected = [
        "statement_start query",
        "statement_end query ok",
        "statement_start definition",
        "statement_end definition ok",
        "statement_start change",
        "statement_end change ok",
        "statement_start setting",
        "statement_end setting ok",
    ];
    assert_eq!(shapes(&found), expected);
    for pair in found.chunks(2) {
        assert_eq!(pair[0].query_id, pair[1].query_id);
        assert_eq!(pair[0].sql, pair[1].sql);
        assert_eq!(pair[0].user.as_deref(), Some("anonymous"));
        let session = world.session.id().to_string();
        assert_eq!(pair[1].session_id.as_ref(), Some(&session));
    }
    assert_eq!(found[1].sql.as_deref(), Some("select name from people"));
    assert_eq!(found[1].rows, Some(5));
    assert!(found[1].bytes.unwrap() > 0);
    assert_eq!(found[5].rows, Some(2));
}

#[tokio::test]
async fn what_fails_says_why() {
    let world = World::new().await;
    world.error("selec 1").await;
    world.error("select * from nowhere").await;
    world.error("select 1 / (id - id) from people").await;
    world.refused("copy people to '/tmp/x.csv'").await;
    let found = events(&world);
    let expected = [
        "statement_end statement syntax",
        "statement_end statement not_found",
        "statement_start query",
        "statement_end query invalid_input",
        "statement_end statement denied",
    ];
    assert_eq!(shapes(&found), expected);
    assert!(found[1].detail.as_ref().unwrap().contains("nowhere"));
    assert_eq!(found[3].outcome.as_deref(), Some("failed"));
}

#[tokio::test]
async fn what_is_dropped_was_cancelled() {
    let world = World::new().await;
    let sql = "select a.value * b.value from generate_series(1, 1000) a, generate_series(1, 1000000000) b";
    let statement = world.describe(sql).await.unwrap();
    let query = world
        .engine
        .query(&world.session, &world.permit, &statement);
    let mut rows = query.await.unwrap();
    rows.next().await.unwrap().unwrap();
    drop(rows);
    world.engine.shutdown(Duration::from_secs(5)).await;
    let found = events(&world);
    let end = found.last().unwrap();
    assert_eq!(end.outcome.as_deref(), Some("cancelled"));
    assert_eq!(end.query_id, Some(statement.id.to_string()));
    assert!(end.rows.unwrap() > 0);
}

#[tokio::test]
async fn uploads_and_exchanges_are_told_apart() {
    let world = World::new().await;
    let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int32, true)]));
    let column = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).unwrap();
    let target = IngestTarget {
        table: "uploaded".to_owned(),
        schema: None,
        catalog: None,
        temporary: false,
        if_missing: IfMissing::Create,
        if_exists: IfExists::Append,
    };
    let rows = stream::iter([Ok(batch.clone())]).boxed();
    let ingest = world.engine.ingest(
        &world.session,
        &world.permit,
        target,
        Arc::clone(&schema),
        rows,
    );
    assert_eq!(ingest.await.unwrap().rows, 3);
    let upload = async move { Ok(Some((schema, stream::iter([Ok(batch)]).boxed()))) };
    let exchange =
        world
            .engine
            .exchange(&world.session, &world.permit, "select * from input", upload);
    world.run(&exchange.await.unwrap()).await.unwrap();
    let found = events(&world);
    let expected = [
        "statement_start ingest",
        "statement_end ingest ok",
        "statement_start exchange",
        "statement_end exchange ok",
    ];
    assert_eq!(shapes(&found), expected);
    assert_eq!((found[1].rows, found[3].rows), (Some(3), Some(3)));
    assert_eq!(found[1].sql.as_deref(), Some("upload into uploaded"));
}

#[tokio::test]
async fn transactions_have_an_end() {
    let world = World::new().await;
    world
        .changes(&[
            "create table t (x int)",
            "begin",
            "insert into t values (1)",
            "commit",
            "begin",
            "rollback",
        ])
        .await;
    let engine = &world.engine;
    let id = engine
        .begin_transaction(&world.session, &world.permit)
        .unwrap();
    let end = engine.end_transaction(&world.session, &world.permit, id, EndTransaction::Commit);
    end.await.unwrap();
    let found = events(&world);
    let ends: Vec<_> = found
        .iter()
        .filter(|entry| entry.event == "transaction_end")
        .collect();
    let outcomes: Vec<_> = ends
        .iter()
        .map(|entry| entry.outcome.as_deref().unwrap())
        .collect();
    assert_eq!(outcomes, ["finished", "rolled back", "finished"]);
    assert_eq!(ends[2].query_id, Some(id.to_string()));
    assert!(shapes(&found).contains(&"statement_end transaction ok".to_owned()));
}

#[tokio::test]
async fn the_table_shows_the_newest_first() {
    let world = World::new().await;
    world.rows("select 'earlier'").await.unwrap();
    let seen = world
        .cells("select event, \"user\", kind, sql, rows from system.audit where sql like '%earlier%' and event = 'statement_end' and kind = 'query'")
        .await;
    assert_eq!(
        seen,
        [[
            "statement_end",
            "anonymous",
            "query",
            "select 'earlier'",
            "1"
        ]]
    );
    // Newest first: the query that asks is the first row.
    let first = world
        .one("select concat(event, ' ', sql) from system.audit limit 1")
        .await;
    assert_eq!(
        first,
        "statement_start select concat(event, ' ', sql) from system.audit limit 1"
    );
}

#[tokio::test]
async fn literals_go_everywhere_where_that_is_asked_for() {
    let world = World::with(|config| config.audit.redact_literals = true).await;
    world.rows("select 'hidden-1' -- hidden-2").await.unwrap();
    world
        .error("select cast('hidden-3' as int) from people")
        .await;
    let shown = world
        .one("select sql from system.queries where ended is null and sql <> 'hidden-4'")
        .await;
    assert_eq!(
        shown,
        "select sql from system.queries where ended is null and sql <> ?"
    );
    assert!(world.engine.auditor().wait_written(Duration::from_secs(20)));
    let file = world.path("data/audit/audit.jsonl");
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("select ?"));
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn passwords_are_in_no_event_and_in_no_message() {
    let world = World::new().await;
    for sql in [
        "create user ada password 'hunter2'",
        "create user ada password hunter2",
        "alter user ada password 'hunter2",
        "create user ada pasword 'hunter2' extra",
        "craete user ada password hunter2",
    ] {
        if let Err(error) = world.change(sql).await {
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
    assert!(world.engine.auditor().wait_written(Duration::from_secs(20)));
    let text = fs::read_to_string(world.path("data/audit/audit.jsonl")).unwrap();
    assert!(text.contains("create user ada password ?"));
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn changes_of_access_are_events() {
    let world = World::new().await;
    let id = StatementId::random();
    let sql = "create user ada password 'hunter2'";
    world
        .engine
        .access_changed(&world.session, id, sql, "user ada was made".to_owned());
    let found = events(&world);
    assert_eq!(shapes(&found), ["access_changed access"]);
    assert_eq!(found[0].sql.as_deref(), Some("create user ada password ?"));
    assert_eq!(found[0].detail.as_deref(), Some("user ada was made"));
}

#[tokio::test]
async fn nothing_runs_that_cannot_be_noted() {
    let world = World::with(|config| {
        config.audit.on_failure = godwit_config::OnFailure::Refuse;
        config.audit.max_file_bytes = 1024;
    })
    .await;
    let (path, away) = (world.path("data/audit"), world.path("away"));
    fs::rename(&path, &away).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let error = loop {
        match world.rows("select 'filling the first file'").await {
            Ok(_) => assert!(std::time::Instant::now() < deadline, "never refused"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("audit.on_failure"));
    fs::rename(&away, &path).unwrap();
    assert!(world.engine.auditor().wait_written(Duration::from_secs(20)));
    world.rows("select 1").await.unwrap();
}
