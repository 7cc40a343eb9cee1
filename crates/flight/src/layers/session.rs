use std::task::{Context, Poll};

use godwit_auth::Identity;
use godwit_engine::SessionKey;
use godwit_protocol::SessionId;
use godwit_protocol::cookie::{self, SessionCookie};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::body::Body;
use tower::Service;

use super::{Answer, Inner, succeeds, take_ready};
use crate::Flight;

/// Finds the key of the caller's session: its cookie, else the session that its token names, else none. A caller without
/// any is offered a cookie; nothing is kept for it here until the cookie comes back.
#[derive(Debug, Clone)]
pub(crate) struct Sessions<S> {
    inner: S,
    flight: Flight,
}

impl<S> Sessions<S> {
    pub(crate) fn new(inner: S, flight: Flight) -> Self {
        Self { inner, flight }
    }
}

impl<S: Inner> Service<Request<Body>> for Sessions<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let Some(identity) = request.extensions().get::<Identity>().cloned() else {
            return Box::pin(inner.call(request));
        };
        let key = self.key(&identity, request.headers());
        request.extensions_mut().insert(key);
        let flight = self.flight.clone();
        Box::pin(async move {
            let mut response = inner.call(request).await?;
            if key == SessionKey::Stateless
                && succeeds(&response)
                && let Some(cookie) = offer(&flight, identity.user())
            {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            Ok(response)
        })
    }
}

impl<S> Sessions<S> {
    fn key(&self, identity: &Identity, headers: &HeaderMap) -> SessionKey {
        let cookies = headers.get_all(COOKIE).iter();
        let cookies = cookies.filter_map(|header| cookie::find(header.to_str().ok()?));
        let mut ours =
            cookies.filter_map(|value| SessionCookie::open(&self.flight.sealer, value).ok());
        let cookie = ours.find(|cookie| cookie.user == identity.user());
        match (cookie, identity.session()) {
            (Some(cookie), _) => SessionKey::Cookie(cookie.session),
            (None, Some(id)) => SessionKey::Token(SessionId::from_bytes(id)),
            (None, None) => SessionKey::Stateless,
        }
    }
}

fn offer(flight: &Flight, user: &str) -> Option<HeaderValue> {
    let cookie = SessionCookie {
        user: user.to_owned(),
        session: SessionId::random(),
    };
    let value = cookie.seal(&flight.sealer);
    set_cookie(flight, &value, "")
}

/// The header that makes a client forget its session. A `Max-Age` below zero would trip the JDK.
pub(crate) fn forget(flight: &Flight) -> Option<HeaderValue> {
    set_cookie(flight, "", "; Max-Age=0")
}

fn set_cookie(flight: &Flight, value: &str, more: &str) -> Option<HeaderValue> {
    let secure = if flight.options.secure_cookies {
        "; Secure"
    } else {
        ""
    };
    let name = cookie::NAME;
    let header = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}");
    let mut header = HeaderValue::try_from(header).ok()?;
    header.set_sensitive(true);
    Some(header)
}
