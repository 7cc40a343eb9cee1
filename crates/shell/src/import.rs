//! Files as tables: read batch by batch, and sent as they are read.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::{Stream, StreamExt, TryStreamExt};
use godwit_client::{Client, command};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::command::{Import, Mode};
use crate::describe::{self, Pattern};
use crate::progress::Progress;
use crate::query::changed;
use crate::{Error, Result};

mod reader;

use reader::Reader;

/// Batches that wait to be sent.
const AHEAD: usize = 2;

/// Sends a file; how many rows the server says that it has stored.
///
/// When the file turns out to be unreadable in its middle, or this is dropped, the call is broken off, and the server
/// stores nothing of it.
pub(crate) async fn run(client: &Client, import: &Import, progress: &mut Progress) -> Result<i64> {
    let target = Target::parse(&import.table)?;
    let known = match import.mode {
        Mode::Add | Mode::Append => target.columns(client).await?,
        Mode::Create | Mode::Replace => None,
    };
    let path = import.file.clone();
    let opened = tokio::task::spawn_blocking(move || Reader::open(&path, known.as_ref()));
    let reader = opened.await.map_err(Error::failed)??;
    let descriptor = command(&target.command(import.mode));
    let (batches, sent, failure) = read_ahead(reader.batches, &import.file);
    let messages = FlightDataEncoderBuilder::new()
        .with_schema(reader.schema)
        .with_flight_descriptor(Some(descriptor))
        .build(batches.map(Ok));
    let (messages, broken) = until_broken(messages);
    let answers = async {
        let answers = client.put(messages).await?;
        changed(answers.try_collect().await?)
    };
    tokio::pin!(answers);
    let watch = watch(sent, progress);
    let (failure, broken) = (told(failure), told(broken));
    tokio::pin!(watch, failure, broken);
    let mut watching = true;
    loop {
        tokio::select! {
            biased;
            error = &mut failure => return Err(error),
            error = &mut broken => return Err(error),
            done = &mut answers => return done,
            () = &mut watch, if watching => watching = false,
        }
    }
}

/// The error, if there ever is one.
async fn told(error: oneshot::Receiver<Error>) -> Error {
    match error.await {
        Ok(error) => error,
        Err(_) => std::future::pending().await,
    }
}

/// Shows what was read and taken.
async fn watch(mut sent: mpsc::UnboundedReceiver<(usize, f64)>, progress: &mut Progress) {
    let mut before = 0.0;
    while let Some((rows, done)) = sent.recv().await {
        progress.add(rows, 0);
        if done > before {
            before = done;
            progress.fraction(Some(done));
        }
    }
}

type Ahead = (
    std::pin::Pin<Box<dyn Stream<Item = RecordBatch> + Send>>,
    mpsc::UnboundedReceiver<(usize, f64)>,
    oneshot::Receiver<Error>,
);

/// Reads on a thread of its own. What goes wrong comes through the last channel, and the stream does not end: its end
/// would say that this was all.
fn read_ahead(batches: reader::Batches, path: &Path) -> Ahead {
    let (to_stream, stream) = mpsc::channel(AHEAD);
    let (to_watch, watch) = mpsc::unbounded_channel();
    let (to_failure, failure) = oneshot::channel();
    let path = path.display().to_string();
    tokio::task::spawn_blocking(move || {
        for piece in batches {
            let (batch, done) = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    let _ = to_failure.send(Error::Failed(format!("{path}: {error}")));
                    // Held until nobody listens, so that the stream has no end.
                    while !to_stream.is_closed() {
                        std::thread::park_timeout(std::time::Duration::from_millis(50));
                    }
                    return;
                }
            };
            let _ = to_watch.send((batch.num_rows(), done));
            if to_stream.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    (Box::pin(ReceiverStream::new(stream)), watch, failure)
}

/// The messages up to one that cannot be encoded, after which there is no end either.
fn until_broken(
    messages: impl Stream<Item = Result<FlightData, arrow_flight::error::FlightError>> + Send + 'static,
) -> (
    impl Stream<Item = FlightData> + Send + 'static,
    oneshot::Receiver<Error>,
) {
    let (to_broken, broken) = oneshot::channel();
    let mut to_broken = Some(to_broken);
    let whole = messages.then(move |message| {
        let told = message.as_ref().err().map(Error::failed);
        if let (Some(error), Some(to_broken)) = (told, to_broken.take()) {
            let _ = to_broken.send(error);
        }
        async move {
            match message {
                Ok(message) => message,
                Err(_) => std::future::pending().await,
            }
        }
    });
    (whole, broken)
}

/// The table that is imported into.
struct Target {
    parts: Vec<String>,
    name: String,
}

impl Target {
    fn parse(name: &str) -> Result<Self> {
        let parts = Pattern::parse(Some(name))?.into_names();
        if parts.is_empty() || parts.len() > 3 || parts.iter().any(String::is_empty) {
            return Err(Error::Failed(format!(
                "{name:?} names no table; it is TABLE, SCHEMA.TABLE or CATALOG.SCHEMA.TABLE"
            )));
        }
        Ok(Self {
            parts,
            name: name.to_owned(),
        })
    }

    /// Its columns, where there is exactly one such table: they say what the texts of a CSV file are.
    async fn columns(&self, client: &Client) -> Result<Option<Schema>> {
        let found = describe::matching(client, Some(&self.name)).await?;
        match found.as_slice() {
            [table] => describe::schema(client, table).await.map(Some),
            _ => Ok(None),
        }
    }

    fn command(&self, mode: Mode) -> CommandStatementIngest {
        let (if_missing, if_exists) = match mode {
            Mode::Add => (TableNotExistOption::Create, TableExistsOption::Append),
            Mode::Create => (TableNotExistOption::Create, TableExistsOption::Fail),
            Mode::Append => (TableNotExistOption::Fail, TableExistsOption::Append),
            Mode::Replace => (TableNotExistOption::Create, TableExistsOption::Replace),
        };
        let mut parts = self.parts.iter().rev().cloned();
        CommandStatementIngest {
            table_definition_options: Some(TableDefinitionOptions {
                if_not_exist: if_missing.into(),
                if_exists: if_exists.into(),
            }),
            table: parts.next().unwrap_or_default(),
            schema: parts.next(),
            catalog: parts.next(),
            ..CommandStatementIngest::default()
        }
    }
}
