use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use godwit_engine::Readiness;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// How often those who watch are told of a change.
const EVERY: Duration = Duration::from_secs(1);
/// The services that may be asked about; the empty name stands for the whole server. All live and die together.
const SERVICES: [&str; 3] = [
    "",
    "arrow.flight.protocol.FlightService",
    "grpc.health.v1.Health",
];

/// The standard health service of gRPC, by the same query as `/readyz`. Nobody is asked who they are.
#[derive(Debug)]
pub(crate) struct HealthService {
    readiness: Readiness,
    /// Cancelled when connections are to end, and with them those who watch.
    closing: CancellationToken,
}

impl HealthService {
    pub(crate) fn new(readiness: Readiness, closing: CancellationToken) -> Self {
        Self { readiness, closing }
    }
}

#[async_trait]
impl Health for HealthService {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        if !SERVICES.contains(&service.as_str()) {
            return Err(Status::not_found("there is no such service"));
        }
        let status = status(&self.readiness).await;
        Ok(Response::new(response(status)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let closing = self.closing.clone();
        if !SERVICES.contains(&service.as_str()) {
            // It will never be known, and the call is to stay open all the same.
            let unknown = stream::iter([Ok(response(ServingStatus::ServiceUnknown))]);
            let open = stream::once(closing.cancelled_owned());
            let open = open.filter_map(async |()| None);
            return Ok(Response::new(unknown.chain(open).boxed()));
        }
        let watch = Watch {
            readiness: self.readiness.clone(),
            closing,
            told: None,
        };
        let changes = stream::unfold(watch, async |mut watch| {
            let status = watch.next().await?;
            Some((response(status), watch))
        });
        Ok(Response::new(changes.map(Ok).boxed()))
    }
}

/// One who watches.
struct Watch {
    readiness: Readiness,
    closing: CancellationToken,
    told: Option<ServingStatus>,
}

impl Watch {
    /// The next change; none when connections are to end.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let status = status(&self.readiness).await;
            if self.told.replace(status) != Some(status) {
                return Some(status);
            }
            let is_stopping = self.readiness.is_stopping();
            tokio::select! {
                () = self.closing.cancelled() => return None,
                () = self.readiness.stopped(), if !is_stopping => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

async fn status(readiness: &Readiness) -> ServingStatus {
    if readiness.ask().await.is_ready() {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
