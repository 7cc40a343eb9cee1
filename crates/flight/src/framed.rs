//! The answers of DoGet and the requests of DoPut, framed here instead of by the gRPC library. It would copy every answer
//! into a buffer of its own, and here the columns' buffers go to the socket as they are; and of what is uploaded it makes
//! messages whose columns have to be copied again. All other calls are the library's.

mod body;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow_flight::flight_service_server::FlightServiceServer;
use arrow_flight::{PutResult, Ticket};
use futures::{FutureExt, stream};
use godwit_config::{WireCompression, WireProfile};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::Body as _;
use tonic::body::Body;
use tonic::codec::EncodeBody;
use tonic::metadata::{GRPC_CONTENT_TYPE, MetadataMap};
use tonic::server::NamedService;
use tonic::{Status, Streaming};
use tonic_prost::{ProstDecoder, ProstEncoder};
use tower::Service;

use crate::connection::Peer;
use crate::encode::{Messages, WireSchema};
use crate::incoming::Incoming;
use crate::pieces::Pieces;
use crate::service::answers;
use crate::status::QueryId;
use crate::{Error, Flight, Result};
use body::Frames;

const DO_GET: &str = "/arrow.flight.protocol.FlightService/DoGet";
const DO_PUT: &str = "/arrow.flight.protocol.FlightService/DoPut";
/// What a request names that is compressed; the library says what it takes of that.
const ENCODING: &str = "grpc-encoding";

/// The Flight service as the server has it.
#[derive(Debug, Clone)]
pub(crate) struct Framed {
    library: FlightServiceServer<Flight>,
    flight: Flight,
}

impl Framed {
    /// Takes messages of clients up to `flight.options.max_request_bytes`. A row that is larger than a message may be is
    /// still sent: only the client knows what it accepts.
    pub(crate) fn new(flight: Flight) -> Self {
        let library = FlightServiceServer::new(flight.clone())
            .max_decoding_message_size(flight.options.max_request_bytes)
            .max_encoding_message_size(usize::MAX);
        Self { library, flight }
    }
}

impl NamedService for Framed {
    const NAME: &'static str = <FlightServiceServer<Flight> as NamedService>::NAME;
}

impl Service<Request<Body>> for Framed {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let encoding = request.headers().get(ENCODING);
        let is_plain = encoding.is_none_or(|encoding| encoding == "identity");
        if !is_plain {
            return self.library.call(request);
        }
        let flight = self.flight.clone();
        match request.uri().path() {
            DO_GET => async move { Ok(response(do_get(&flight, request).await)) }.boxed(),
            DO_PUT => async move { Ok(response(do_put(&flight, request).await)) }.boxed(),
            _ => self.library.call(request),
        }
    }
}

async fn do_get(flight: &Flight, request: Request<Body>) -> Result<Body, Status> {
    let (parts, body) = request.into_parts();
    let limit = flight.options.max_request_bytes;
    let decoder = ProstDecoder::<Ticket>::default();
    let mut tickets = Streaming::new_request(decoder, body, None, Some(limit));
    let ticket = tickets.message().await?;
    let ticket = ticket.ok_or_else(|| Status::internal("Missing request message."))?;
    let peer = parts.extensions.get::<Peer>();
    let pieces = peer.map(|peer| peer.pieces.clone()).unwrap_or_default();
    let metadata = MetadataMap::from_headers(parts.headers);
    let request = tonic::Request::from_parts(metadata, parts.extensions, ticket);
    let messages = flight.rows(request).await?;
    Ok(Body::new(Frames::new(messages, pieces)))
}

async fn do_put(flight: &Flight, request: Request<Body>) -> Result<Body, Status> {
    let (parts, body) = request.into_parts();
    let metadata = MetadataMap::from_headers(parts.headers);
    let request = tonic::Request::from_parts(metadata, parts.extensions, body);
    let options = &flight.options;
    let idle = options.idle_stream_timeout;
    let request = Incoming::of_body(request, idle, options.max_request_bytes);
    let results = flight.put(request).await?;
    let encoder = ProstEncoder::<PutResult>::default();
    let results = EncodeBody::new_server(encoder, results, None, Default::default(), None);
    Ok(Body::new(results))
}

fn response(answer: Result<Body, Status>) -> Response<Body> {
    let body = match answer {
        Ok(body) => body,
        Err(status) => return status.into_http(),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    response
}

/// How many bytes the answer of a DoGet with these rows has: they are brought into wire form, encoded and framed as for a
/// client, and nothing is sent. For benchmarks of that way.
///
/// # Errors
/// [`Error::Encode`] when the batches are not all of the first one's schema; [`Error::Request`] with what the client would
/// be told after the rows.
pub async fn answer_bytes(
    rows: Vec<RecordBatch>,
    profile: WireProfile,
    compression: WireCompression,
    message_bytes: usize,
) -> Result<usize> {
    let Some(first) = rows.first() else {
        return Ok(0);
    };
    let schema = WireSchema::new(first.schema_ref(), profile);
    let rows = stream::iter(rows.into_iter().map(Ok));
    let messages = Messages::new(rows, schema, compression, message_bytes)?;
    let mut frames = Frames::new(answers(QueryId::random(), messages), Pieces::default());
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut frames).poll_frame(cx)).await {
        let frame = frame.map_err(Error::Request)?;
        bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
    }
    Ok(bytes)
}
