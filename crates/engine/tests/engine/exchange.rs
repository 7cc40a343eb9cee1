//! Queries over rows that are still arriving.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::util::pretty::pretty_format_batches;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{StreamExt, TryStreamExt, stream};
use godwit_engine::{Error, QueryStream, Result, Statement, StatementKind, Upload};

use crate::support::{World, cells};

type Sender = UnboundedSender<Result<RecordBatch>>;

fn batch(from: i64, rows: i64) -> RecordBatch {
    let ids = Int64Array::from_iter_values(from..from + rows);
    let texts = StringArray::from_iter_values((from..from + rows).map(|id| format!("t{id}")));
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("text", Arc::new(texts))])
        .unwrap()
}

/// An upload, and what feeds it.
fn upload() -> (Sender, Upload) {
    let (sender, rows) = unbounded();
    (sender, (batch(0, 0).schema(), rows.boxed()))
}

impl World {
    async fn exchange(&self, sql: &str, upload: Option<Upload>) -> Result<Statement> {
        let upload = async move { Ok(upload) };
        self.engine
            .exchange(&self.session, &self.permit, sql, upload)
            .await
    }

    async fn start(&self, sql: &str, upload: Upload) -> Result<QueryStream> {
        let statement = self.exchange(sql, Some(upload)).await?;
        assert_eq!(statement.kind, StatementKind::Query);
        self.engine
            .query(&self.session, &self.permit, &statement)
            .await
    }

    /// The cells of a query over these batches.
    async fn over(&self, sql: &str, batches: Vec<RecordBatch>) -> Vec<Vec<String>> {
        let (sender, upload) = upload();
        for batch in batches {
            sender.unbounded_send(Ok(batch)).unwrap();
        }
        drop(sender);
        let rows: Vec<_> = match self.start(sql, upload).await {
            Ok(rows) => rows.try_collect().await.unwrap(),
            Err(error) => panic!("{sql}: {error}"),
        };
        cells(&pretty_format_batches(&rows).unwrap().to_string())
    }

    async fn refused_exchange(&self, sql: &str) -> Error {
        let (_sender, upload) = upload();
        match self.start(sql, upload).await {
            Ok(_) => panic!("{sql} is run"),
            Err(error) => error,
        }
    }
}

#[tokio::test]
async fn the_upload_is_a_table() {
    let world = World::new().await;
    let batches = || (0..10).map(|n| batch(n * 1000, 1000)).collect::<Vec<_>>();
    for (sql, rows) in [
        (
            "SELECT count(*), sum(id), max(text) FROM input",
            "10000 49995000 t9999",
        ),
        ("SELECT id FROM input WHERE text = 't4711'", "4711"),
        ("SELECT text FROM input ORDER BY id DESC LIMIT 1", "t9999"),
        ("SELECT count(*) FROM input LIMIT 1", "10000"),
        (
            "SELECT name, text FROM input JOIN people USING (id) WHERE people.id = 1",
            "Bob t1",
        ),
        (
            "SELECT name, text FROM people JOIN input USING (id) WHERE people.id = 2",
            "Cleo t2",
        ),
        (
            "WITH big AS (SELECT * FROM input WHERE id > 9998) SELECT id FROM big",
            "9999",
        ),
        ("SELECT id FROM \"input\" AS i WHERE i.id = 3", "3"),
        // A name that the statement itself defines is nearer.
        ("WITH input AS (SELECT 1 AS one) SELECT * FROM input", "1"),
        ("SELECT 1", "1"),
    ] {
        let cells = world.over(sql, batches()).await;
        let [row] = cells.as_slice() else {
            panic!("{sql}: {cells:?}");
        };
        assert_eq!(row.join(" "), rows, "{sql}");
    }
    let described = world.over("DESCRIBE input", vec![]).await;
    assert_eq!(described.len(), 2, "{described:?}");
}

#[tokio::test]
async fn rows_flow_back_before_more_are_there() {
    let world = World::new().await;
    for sql in [
        "SELECT id, text || '!' AS loud FROM input",
        "SELECT id FROM input WHERE id % 2 = 0",
        "SELECT upper(text) AS text FROM (SELECT * FROM input WHERE id >= 0) WHERE text <> 't1'",
        "SELECT i.id, p.name FROM input i LEFT JOIN people p ON p.id = i.id WHERE i.id % 3 = 0",
    ] {
        let (sender, upload) = upload();
        let mut rows = world.start(sql, upload).await.unwrap();
        let joins = sql.contains("JOIN");
        for n in 0..5 {
            // A join passes on what makes a batch of the usual size.
            let many = if joins { 50_000 } else { 10 };
            sender.unbounded_send(Ok(batch(n * many, many))).unwrap();
            let answer = rows.next().await.unwrap().unwrap();
            assert!(answer.num_rows() > 0, "{sql}");
        }
        drop(sender);
        assert!(rows.try_collect::<Vec<_>>().await.is_ok());
    }
}

#[tokio::test]
async fn the_order_of_the_upload_is_kept() {
    let world = World::with(|config| config.query.target_partitions = Some(4)).await;
    let batches = (0..50).map(|n| batch(n * 1000, 1000)).collect();
    let cells = world
        .over("SELECT id FROM input WHERE id % 7 = 0", batches)
        .await;
    let ids: Vec<i64> = cells.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(ids.len(), 7143);
    assert!(ids.is_sorted());
}

#[tokio::test]
async fn a_stream_is_read_once() {
    let world = World::new().await;
    for sql in [
        "SELECT * FROM input a JOIN input b ON a.id = b.id",
        "SELECT * FROM input UNION ALL SELECT * FROM input",
        "WITH x AS (SELECT id FROM input) SELECT * FROM x a CROSS JOIN x b",
        "SELECT id FROM input WHERE id > (SELECT avg(id) FROM input)",
    ] {
        let error = world.refused_exchange(sql).await;
        assert!(
            matches!(&error, Error::InvalidInput { message } if message.contains("more than once")),
            "{sql}: {error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_refused() {
    let world = World::new().await;
    for sql in [
        "SET batch_rows = 5",
        "RESET ALL",
        "USE files",
        "DELETE FROM people",
    ] {
        let error = world.refused_exchange(sql).await;
        assert!(
            matches!(error, Error::InvalidInput { .. }),
            "{sql}: {error:?}"
        );
        assert!(
            error.to_string().contains("DoExchange is for"),
            "{sql}: {error}"
        );
    }
    let error = world
        .refused_exchange("SELECT * FROM input WHERE id = ?")
        .await;
    assert!(error.to_string().contains("parameters"), "{error}");
    let error = world.refused_exchange("SELECT nothing FROM input").await;
    assert!(matches!(error, Error::InvalidInput { .. }), "{error:?}");
    let error = world.refused_exchange("SELEC").await;
    assert!(matches!(error, Error::Syntax { .. }), "{error:?}");
    // The name is the upload's only where it stands alone.
    let error = world.refused_exchange("SELECT * FROM files.input").await;
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn no_schema_is_no_table() {
    let world = World::new().await;
    let error = world
        .exchange("SELECT * FROM input", None)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("uploaded nothing"), "{error}");
    let statement = world
        .exchange("SELECT count(*) AS n FROM people", None)
        .await;
    let rows = world.run(&statement.unwrap()).await.unwrap();
    assert_eq!(rows[0].num_rows(), 1);
    // Nobody waits for a schema that is of no use.
    let never = futures::future::pending();
    let exchange = world
        .engine
        .exchange(&world.session, &world.permit, "SELECT 1", never);
    assert!(exchange.await.is_ok());
}

#[tokio::test]
async fn an_error_of_the_upload_is_the_error_of_the_query() {
    let world = World::new().await;
    for sql in ["SELECT * FROM input", "SELECT count(*) FROM input"] {
        let (sender, upload) = upload();
        sender.unbounded_send(Ok(batch(0, 10))).unwrap();
        let message = "broken on the way".to_owned();
        sender
            .unbounded_send(Err(Error::ResourcesExhausted { message }))
            .unwrap();
        let rows = world.start(sql, upload).await.unwrap();
        let error = rows.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(
            matches!(&error, Error::ResourcesExhausted { message } if message == "broken on the way"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn whatever_ends_the_query_drops_the_upload() {
    let world = World::new().await;
    let endless = || {
        let (closed, watch) = tokio::sync::oneshot::channel::<()>();
        let rows = stream::unfold((0, closed), async |(n, closed)| {
            Some((Ok(batch(n * 100, 100)), (n + 1, closed)))
        });
        ((batch(0, 0).schema(), rows.boxed()) as Upload, watch)
    };
    let (upload, dropped) = endless();
    let rows = world
        .start("SELECT id FROM input LIMIT 250", upload)
        .await
        .unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 250);
    dropped.await.unwrap_err();
    let (upload, dropped) = endless();
    let rows = world
        .start("SELECT count(*) FROM input", upload)
        .await
        .unwrap();
    drop(rows);
    dropped.await.unwrap_err();
    let (upload, dropped) = endless();
    let rows = world
        .start("SELECT 1 / (id - 5) FROM input", upload)
        .await
        .unwrap();
    rows.try_collect::<Vec<_>>().await.unwrap_err();
    dropped.await.unwrap_err();
    let (upload, dropped) = endless();
    drop(
        world
            .exchange("SELECT * FROM input", Some(upload))
            .await
            .unwrap(),
    );
    dropped.await.unwrap_err();
}

#[tokio::test]
async fn more_than_the_memory_is_sorted_on_disk() {
    let world = World::with(|config| {
        config.memory.limit = 24 << 20;
        config.query.target_partitions = Some(2);
    })
    .await;
    // Four times the memory, in batches of which each is a part of a larger message.
    let rows = stream::iter(0..25).flat_map(|n| {
        let whole = batch(n * 200_000, 200_000);
        stream::iter((0..20).map(move |part| Ok(whole.slice(part * 10_000, 10_000))))
    });
    let upload = (batch(0, 0).schema(), rows.boxed());
    let sql = "SELECT id, text FROM input ORDER BY id DESC";
    let mut rows = world.start(sql, upload).await.unwrap();
    let mut next = 5_000_000;
    while let Some(batch) = rows.next().await {
        let batch = batch.unwrap();
        let ids: &Int64Array = batch.column(0).as_any().downcast_ref().unwrap();
        for id in ids.values() {
            next -= 1;
            assert_eq!(*id, next);
        }
    }
    assert_eq!(next, 0);
}

#[tokio::test]
async fn more_than_memory_and_disk_is_refused() {
    let world = World::with(|config| {
        config.memory.limit = 16 << 20;
        config.memory.spill_limit = 1 << 20;
    })
    .await;
    let rows = stream::iter((0..500).map(|n| Ok(batch(n * 10_000, 10_000))));
    let upload = (batch(0, 0).schema(), rows.boxed());
    let sql = "SELECT id, text FROM input ORDER BY text";
    let rows = world.start(sql, upload).await.unwrap();
    let error = rows.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(
        matches!(&error, Error::ResourcesExhausted { message } if message.contains("memory.spill_limit")),
        "{error:?}"
    );
}
