use std::task::{Context, Poll};

use godwit_auth::{Authenticated, BearerToken, Identity};
use godwit_config::Reflection;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;
use tower::Service;

use super::trace::name_user;
use super::{Answer, Inner, rpc, succeeds, take_ready};
use crate::audit::{Attempt, address};
use crate::connection::Peer;
use crate::status::{QueryId, status};
use crate::{Error, Flight};

/// Lets nobody pass without an identity, except to the handshake, which is where one is asked for, and to what anybody may
/// know.
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
        if is_open(&self.flight, rpc(request.uri().path())) {
            return Box::pin(inner.call(request));
        }
        let flight = self.flight.clone();
        Box::pin(async move {
            let id = request.extensions().get().copied();
            let id = id.unwrap_or_else(QueryId::random);
            let authorization = authorization(request.headers());
            let certified = certified(&flight, request.extensions());
            let attempt = Attempt {
                call: rpc(request.uri().path()),
                id,
                address: address(request.extensions()),
                authorization: authorization.as_deref(),
            };
            let caller = match authenticated(&flight, certified, attempt).await {
                Ok(caller) => caller,
                Err(refused) => return Ok(status(&refused, id).into_http()),
            };
            name_user(request.extensions(), caller.identity.user());
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

/// Whether a call needs no identity.
fn is_open(flight: &Flight, rpc: &str) -> bool {
    match rpc {
        "Handshake" | "health/Check" | "health/Watch" => true,
        "reflection" => flight.options.reflection == Reflection::Anybody,
        _ => false,
    }
}

/// Who calls, by the header of the call, by the certificate of the connection, or by both where they agree.
async fn identify(
    flight: &Flight,
    certified: godwit_auth::Result<Option<Identity>>,
    attempt: &Attempt<'_>,
) -> godwit_auth::Result<Authenticated> {
    match (certified?, attempt.authorization) {
        (Some(identity), None) => Ok(identity.into()),
        (certified, authorization) => {
            let caller = flight
                .authenticator
                .authenticate(authorization, attempt.address.into())
                .await?;
            caller.agreeing(certified.as_ref())
        }
    }
}

/// Who the client is by the certificate of its connection.
pub(crate) fn certified(
    flight: &Flight,
    extensions: &Extensions,
) -> godwit_auth::Result<Option<Identity>> {
    let certificates = extensions
        .get::<Peer>()
        .and_then(|peer| peer.certificates.as_ref());
    match certificates.and_then(|all| all.first()) {
        Some(own) => flight.authenticator.certified(own),
        None => Ok(None),
    }
}

/// Finds out who calls, and has it noted.
async fn authenticated(
    flight: &Flight,
    certified: godwit_auth::Result<Option<Identity>>,
    attempt: Attempt<'_>,
) -> Result<Authenticated, Error> {
    flight.notes.check()?;
    let caller = identify(flight, certified, &attempt).await;
    let identity = caller.as_ref().map(|caller| &caller.identity);
    flight.notes.login(&attempt, identity);
    Ok(caller?)
}

/// The header that hands a token to a client.
pub(crate) fn bearer(token: &BearerToken) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(token.header_value()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn authorization(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?;
    value.to_str().ok().map(str::to_owned)
}
