use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt};
use godwit_config::Reflection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::RoutesBuilder;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;
use tonic_web::GrpcWebLayer;

use crate::accept::Failures;
use crate::connection::Connection;
use crate::figures::Meter;
use crate::framed::Framed;
use crate::gather::Gathered;
use crate::health::HealthService;
use crate::layers::{Layers, Origins, cors};
use crate::running::Running;
use crate::tls::handshakes;
use crate::{Error, Flight, Result, Tls, reflection};

/// HTTP/2 windows: what a client may send before the server has read it, a stream and a connection. Large, because the
/// time of an upload over a distant link is what they bound.
const STREAM_WINDOW: u32 = 16 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;
const LARGEST_FRAME: u32 = 1 << 20;
/// All headers of a request together, as HTTP/2 counts them. Tokens and cookies are below 2 KiB.
const LARGEST_HEADERS: u32 = 32 << 10;
/// Calls at the same time on one connection, streams included.
const STREAMS_PER_CONNECTION: u32 = 1024;
/// Calls of one connection that are between their request and the first byte of their answer.
const CALLS_PER_CONNECTION: usize = 256;
/// After a failed accept, for want of file descriptors for example, the next is not tried at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves on a listener that is bound already, until `shutdown` is ready: then no connection and no call is taken any
/// more, those that run get the grace to end, and after it the function returns whatever is left of them.
///
/// # Errors
/// [`Error::Serve`] when the listener fails.
pub async fn serve(
    flight: Flight,
    listener: TcpListener,
    tls: Option<Tls>,
    grace: Duration,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(LARGEST_FRAME)
        .http2_max_header_list_size(LARGEST_HEADERS)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION)
        .http2_keepalive_interval(Some(flight.options.keepalive_interval))
        .http2_keepalive_timeout(Some(flight.options.keepalive_timeout));
    let (web, allowed_origins) = (flight.options.web, flight.options.allowed_origins.clone());
    let layers = Layers::new(flight.clone());
    let given_up = give_up_idle(flight.running.clone(), flight.options.idle_stream_timeout);
    let most = flight.options.max_connections;
    let meter = flight.meter.clone();
    let stopping = CancellationToken::new();
    let mut routes = RoutesBuilder::default();
    let health = HealthService::new(flight.readiness.clone(), stopping.clone());
    routes.add_service(HealthServer::new(health));
    if flight.options.reflection != Reflection::Nobody {
        reflection::add(&mut routes)?;
    }
    routes.add_service(Framed::new(flight));
    let routes = routes.routes();

    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let failures = Arc::new(Failures::default());
    let incoming = incoming.then(move |accepted| {
        let failures = Arc::clone(&failures);
        async move {
            if let Err(why) = &accepted {
                failures.note(why);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            accepted
        }
    });
    let incoming = admitted(most, connections(tls, meter, incoming));
    let signal = {
        let stopping = stopping.clone();
        async move {
            shutdown.await;
            stopping.cancel();
        }
    };
    let running = if web {
        server
            .accept_http1(true)
            .layer(cors(&allowed_origins))
            .layer(GrpcWebLayer::new())
            .layer(Origins::new(&allowed_origins))
            .layer(layers)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, signal)
            .boxed()
    } else {
        server
            .layer(layers)
            .add_routes(routes)
            .serve_with_incoming_shutdown(incoming, signal)
            .boxed()
    };
    let out_of_time = async {
        stopping.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = running => ended.map_err(failed),
        never = given_up => match never {},
        () = out_of_time => {
            tracing::warn!(grace_s = grace.as_secs_f64(), "connections are left open after the grace period");
            Ok(())
        }
    }
}

/// The connections that come in, those with TLS once their handshake is done.
fn connections(
    tls: Option<Tls>,
    meter: Meter,
    incoming: impl Stream<Item = io::Result<TcpStream>> + Send + 'static,
) -> BoxStream<'static, io::Result<Gathered<Connection>>> {
    let counting = meter.clone();
    let incoming = incoming.inspect_ok(move |_| counting.accepted());
    match tls {
        None => incoming
            .map_ok(move |stream| gathered(Connection::plain(stream, meter.opened())))
            .boxed(),
        Some(tls) => handshakes(tls, incoming)
            .map_ok(move |stream| gathered(Connection::encrypted(stream, meter.opened())))
            .boxed(),
    }
}

fn gathered(connection: Connection) -> Gathered<Connection> {
    let pieces = connection.pieces();
    Gathered::new(connection).keeping(pieces)
}

/// The same connections, as many as may be open; others are closed.
fn admitted(
    most: usize,
    incoming: impl Stream<Item = io::Result<Gathered<Connection>>> + Send + 'static,
) -> BoxStream<'static, io::Result<Gathered<Connection>>> {
    let places = Arc::new(Semaphore::new(most));
    let mut is_full = false;
    let admitted = incoming.filter_map(move |connection| {
        let place = Arc::clone(&places).try_acquire_owned();
        let was_full = std::mem::replace(&mut is_full, place.is_err());
        let admitted = match (connection, place) {
            (Ok(connection), Ok(place)) => Some(Ok(connection.holding(place))),
            (Ok(_), Err(_)) => {
                if !was_full {
                    tracing::warn!(most, "connections are refused (wire.max_connections)");
                }
                None
            }
            (Err(why), _) => Some(Err(why)),
        };
        std::future::ready(admitted)
    });
    admitted.boxed()
}

/// Looks for streams that their clients have left alone, for ever.
async fn give_up_idle(running: Running, longest: Option<Duration>) -> Infallible {
    let Some(longest) = longest else {
        return std::future::pending().await;
    };
    let pause = (longest / 4).clamp(Duration::from_millis(50), Duration::from_secs(30));
    loop {
        tokio::time::sleep(pause).await;
        running.give_up_idle(longest);
    }
}

fn failed(error: tonic::transport::Error) -> Error {
    Error::Serve(Box::new(error))
}
