use std::task::{Context, Poll};

use godwit_auth::{BearerToken, Peer};
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tower::Service;

use super::{Answer, Inner, rpc, succeeds, take_ready};
use crate::Flight;
use crate::status::{QueryId, status};

/// Lets nobody pass without an identity, except to the handshake, which is where one is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Authenticate<S> {
    inner: S,
    flight: Flight,
}

impl<S> Authenticate<S> {
    pub(crate) fn new(inner: S, flight: Flight) -> Self {
        Self { inner, flight }
    }
}

impl<S: Inner> Service<Request<Body>> for Authenticate<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        if rpc(request.uri().path()) == "Handshake" {
            return Box::pin(inner.call(request));
        }
        let flight = self.flight.clone();
        Box::pin(async move {
            let authorization = authorization(request.headers());
            let caller = flight
                .authenticator
                .authenticate(authorization.as_deref(), peer(request.extensions()))
                .await;
            let caller = match caller {
                Ok(caller) => caller,
                Err(refused) => {
                    let id = request.extensions().get().copied();
                    let id = id.unwrap_or_else(QueryId::random);
                    return Ok(status(&refused.into(), id).into_http());
                }
            };
            tracing::Span::current().record("user", caller.identity.user());
            // Nothing behind this line needs the credentials, so nothing can leak them.
            request.headers_mut().remove(AUTHORIZATION);
            request.extensions_mut().insert(caller.identity);
            // A stream can fail after its headers are out, so only answers that are one message carry a token.
            let one_message = matches!(
                rpc(request.uri().path()),
                "GetFlightInfo" | "GetSchema" | "PollFlightInfo"
            );
            let mut response = inner.call(request).await?;
            if let Some(token) = caller.refreshed
                && one_message
                && succeeds(&response)
                && let Some(value) = bearer(&token)
            {
                response.headers_mut().insert(AUTHORIZATION, value);
            }
            Ok(response)
        })
    }
}

/// The header that hands a token to a client.
pub(crate) fn bearer(token: &BearerToken) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(token.header_value()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Where a call comes from.
pub(crate) fn peer(extensions: &Extensions) -> Peer {
    let plain = extensions.get::<TcpConnectInfo>();
    let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
    let info = plain.or_else(|| tls.map(TlsConnectInfo::get_ref));
    info.and_then(TcpConnectInfo::remote_addr).into()
}

fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?;
    value.to_str().ok().map(str::to_owned)
}
