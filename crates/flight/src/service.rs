use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use arrow::array::RecordBatch;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, Result as ActionResult, SchemaResult,
    Ticket,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use godwit_auth::Authenticator;
use godwit_engine::{Engine, Readiness};
use godwit_protocol::Sealer;
use tonic::{Request, Response, Status, Streaming};

use crate::audit::Notes;
use crate::call::Call;
use crate::encode::Message;
use crate::figures::Meter;
use crate::incoming::Incoming;
use crate::running::Running;
use crate::status::{QueryId, status};
use crate::{Error, FlightOptions, Result, rpc};

/// The Flight service. A clone is cheap and is the same service.
#[derive(Debug, Clone)]
pub struct Flight {
    pub(crate) engine: Engine,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) sealer: Sealer,
    pub(crate) options: Arc<FlightOptions>,
    pub(crate) running: Running,
    pub(crate) readiness: Readiness,
    pub(crate) meter: Meter,
    pub(crate) notes: Arc<Notes>,
    /// The answer to "all" of CommandGetSqlInfo; it never changes.
    pub(crate) sql_info: Arc<OnceLock<RecordBatch>>,
}

/// A stream of answers, each an error with its code or a value.
pub(crate) type Answers<T> = BoxStream<'static, Result<T, Status>>;

impl Flight {
    /// The service of an engine. The sealer's key decides which tickets, handles and cookies are taken for its own.
    #[must_use]
    pub fn new(
        engine: Engine,
        authenticator: Arc<Authenticator>,
        sealer: Sealer,
        options: FlightOptions,
    ) -> Self {
        let meter = Meter::default();
        let notes = Notes::new(
            engine.auditor().clone(),
            meter.clone(),
            options.repeat_logins_after,
        );
        Self {
            notes: Arc::new(notes),
            readiness: engine.readiness(),
            meter,
            engine,
            authenticator,
            sealer,
            options: Arc::new(options),
            running: Running::default(),
            sql_info: Arc::default(),
        }
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether the server can serve. Those who stop it say so there first.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }
}

impl Flight {
    /// DoGet, its messages not yet framed.
    pub(crate) async fn rows(&self, request: Request<Ticket>) -> Result<Answers<Message>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::do_get::run(self, &call, request.into_inner());
        self.answer(&call, run).await
    }

    /// DoPut, whoever took its messages apart.
    pub(crate) async fn put(
        &self,
        request: Request<Incoming>,
    ) -> Result<Answers<PutResult>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::do_put::run(self, &call, request.into_inner());
        self.answer(&call, run).await
    }

    /// The answer of an RPC by a known caller. What it is refused is noted.
    fn answer<T>(
        &self,
        call: &Call,
        run: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T, Status>> {
        answer(call.id, run, |error| self.notes.denied(call, error))
    }
}

/// The answer of an RPC. A panic, in whatever library, ends this one call and nothing else.
fn answer<T>(
    id: QueryId,
    run: impl Future<Output = Result<T>>,
    note: impl FnOnce(&Error),
) -> impl Future<Output = Result<T, Status>> {
    // Each of the futures around it would hold it twice, and move all of it when it begins.
    let run = Box::pin(run);
    async move {
        let ended = AssertUnwindSafe(run).catch_unwind().await;
        let result = ended.unwrap_or_else(|payload| Err(Error::panicked(payload.as_ref())));
        result.map_err(|error| {
            note(&error);
            status(&error, id)
        })
    }
}

/// The answers of a streaming RPC, guarded in the same way.
pub(crate) fn answers<T: 'static>(
    id: QueryId,
    items: impl Stream<Item = Result<T>> + Send + 'static,
) -> Answers<T> {
    let items = AssertUnwindSafe(items).catch_unwind().map(move |item| {
        let item = item.unwrap_or_else(|payload| Err(Error::panicked(payload.as_ref())));
        item.map_err(|error| status(&error, id))
    });
    items.boxed()
}

#[async_trait]
impl FlightService for Flight {
    type HandshakeStream = Answers<HandshakeResponse>;
    type ListFlightsStream = Answers<FlightInfo>;
    type DoGetStream = Answers<FlightData>;
    type DoPutStream = Answers<PutResult>;
    type DoActionStream = Answers<ActionResult>;
    type ListActionsStream = Answers<ActionType>;
    type DoExchangeStream = Answers<FlightData>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let id = Call::query_id(&request);
        let (metadata, extensions) = (request.metadata(), request.extensions());
        let run = rpc::handshake::run(self, id, metadata, extensions);
        answer(id, run, |_| {}).await
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::list_flights::run(self, &call, request.into_inner());
        self.answer(&call, run).await.map(Response::new)
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::get_flight_info::run(self, &call, request.into_inner());
        self.answer(&call, run).await.map(Response::new)
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::poll_flight_info::run(self, &call, request.into_inner());
        self.answer(&call, run).await.map(Response::new)
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::get_schema::run(self, &call, request.into_inner());
        self.answer(&call, run).await.map(Response::new)
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let messages = self.rows(request).await?;
        let messages = messages.map_ok(FlightData::from).boxed();
        Ok(Response::new(messages))
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let request = Incoming::of(request, self.options.idle_stream_timeout);
        self.put(request).await.map(Response::new)
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let call = Call::of(&request)?;
        let run = rpc::do_action::run(self, &call, request.into_inner());
        self.answer(&call, run).await
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        let call = Call::of(&request)?;
        Ok(Response::new(rpc::list_actions::run(&call)))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        let call = Call::of(&request)?;
        let messages = Incoming::of(request, self.options.idle_stream_timeout).into_inner();
        let run = rpc::do_exchange::run(self, &call, messages);
        self.answer(&call, run).await.map(Response::new)
    }
}
