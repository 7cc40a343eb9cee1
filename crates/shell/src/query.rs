use std::time::Duration;

use arrow::datatypes::SchemaRef;
use arrow_flight::sql::{
    ActionCancelQueryRequest, CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult,
};
use arrow_flight::{CancelFlightInfoRequest, FlightData, FlightDescriptor, FlightInfo, PollInfo};
use futures::{TryStreamExt, stream};
use godwit_client::{Client, command, packed};
use prost::Message;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status};

use crate::output::Rows;
use crate::progress::Progress;
use crate::rows::{Piece, Pieces, tickets};
use crate::{Error, Result};

/// Least time between two questions how far a query is, for servers that answer at once.
const PAUSE: Duration = Duration::from_millis(100);

/// Longest time for telling the server that nobody wants the result any more.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// A query while it runs: what is needed to cancel it.
#[derive(Debug, Default)]
pub(crate) struct Running {
    info: Option<FlightInfo>,
}

/// Whether a server tells how far its queries are; found out by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Polls {
    Perhaps,
    No,
}

impl Running {
    /// Runs a query and hands its rows on. With somebody watching it runs in the background of a server that can do that,
    /// and tells how far it is; else its rows come as they are made.
    pub(crate) async fn query(
        &mut self,
        client: &Client,
        sql: &str,
        polls: &mut Polls,
        rows: &mut Rows,
        progress: &mut Progress,
    ) -> Result<()> {
        let descriptor = command(&CommandStatementQuery {
            query: sql.to_owned(),
            transaction_id: None,
        });
        let info = if progress.is_wanted() && *polls == Polls::Perhaps {
            match self.poll(client, descriptor.clone(), progress).await {
                Err(status) if status.code() == Code::Unimplemented => {
                    *polls = Polls::No;
                    client.info(descriptor).await
                }
                done => done,
            }
        } else {
            client.info(descriptor).await
        }?;
        self.info = Some(info.clone());
        self.read(client, info, rows, progress).await
    }

    async fn poll(
        &mut self,
        client: &Client,
        descriptor: FlightDescriptor,
        progress: &mut Progress,
    ) -> Result<FlightInfo, Status> {
        let mut next = Some(descriptor);
        let mut last = None;
        while let Some(descriptor) = next.take() {
            let pause = Instant::now() + PAUSE;
            let PollInfo {
                info,
                flight_descriptor,
                progress: done,
                ..
            } = client.poll(descriptor).await?;
            if let Some(info) = info {
                self.info = Some(info.clone());
                last = Some(info);
            }
            progress.fraction(done);
            if flight_descriptor.is_some() {
                sleep_until(pause).await;
            }
            next = flight_descriptor;
        }
        last.ok_or_else(|| {
            Status::internal("the server says that the query has ended, and not where its rows are")
        })
    }

    async fn read(
        &self,
        client: &Client,
        info: FlightInfo,
        rows: &mut Rows,
        progress: &mut Progress,
    ) -> Result<()> {
        let promised: Option<SchemaRef> = info.clone().try_decode_schema().ok().map(Into::into);
        let expected = u64::try_from(info.total_records)
            .ok()
            .filter(|total| *total > 0);
        for ticket in tickets(&info) {
            let mut pieces = Pieces::of(client, ticket).await?;
            while let Some(piece) = pieces.try_next().await? {
                match piece {
                    Piece::Schema(schema) => rows.begin(schema)?,
                    Piece::Batch(batch, bytes) => {
                        progress.add(batch.num_rows(), bytes);
                        if rows.is_about_to_show(&batch) {
                            progress.hide();
                        }
                        rows.write(&batch)?;
                    }
                }
                #[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
                progress.fraction(expected.map(|all| progress.rows as f64 / all as f64));
            }
        }
        progress.hide();
        if let Some(schema) = promised {
            rows.begin(schema)?;
        }
        rows.finish()
    }

    /// Tells the server that the query is not wanted any more. The stream is gone already, which is enough for some.
    pub(crate) async fn cancel(self, client: &Client) {
        let Some(info) = self.info else { return };
        let request = CancelFlightInfoRequest {
            info: Some(info.clone()),
        };
        let asked = client.action("CancelFlightInfo", request.encode_to_vec().into());
        let answer = timeout(CANCEL_LIMIT, asked).await;
        // What servers had before that action.
        if matches!(answer, Ok(Err(status)) if status.code() == Code::Unimplemented) {
            let old = ActionCancelQueryRequest {
                info: info.encode_to_vec().into(),
            };
            let _ = timeout(CANCEL_LIMIT, client.action("CancelQuery", packed(&old))).await;
        }
    }
}

/// Runs a statement that gives no rows; how many it changed, or less than 0 where the server does not say.
pub(crate) async fn update(client: &Client, sql: &str) -> Result<i64> {
    let descriptor = command(&CommandStatementUpdate {
        query: sql.to_owned(),
        transaction_id: None,
    });
    let message = FlightData {
        flight_descriptor: Some(descriptor),
        ..FlightData::default()
    };
    let answers = client.put(stream::iter([message])).await?;
    changed(answers.try_collect().await?)
}

/// What the answers of a DoPut say.
pub(crate) fn changed(answers: Vec<arrow_flight::PutResult>) -> Result<i64> {
    let answer = answers.first();
    let answer =
        answer.ok_or_else(|| Error::Failed("the server has not said how it ended".to_owned()))?;
    Ok(DoPutUpdateResult::decode(&*answer.app_metadata)?.record_count)
}
