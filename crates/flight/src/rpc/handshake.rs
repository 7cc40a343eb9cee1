use futures::{StreamExt, stream};
use godwit_auth::Login;
use http::Extensions;
use tonic::Response;
use tonic::metadata::{MetadataMap, MetadataValue};

use arrow_flight::HandshakeResponse;

use crate::audit::{Attempt, address};
use crate::layers::{certified, name_user};
use crate::service::Answers;
use crate::status::QueryId;
use crate::{Flight, Result};

/// Credentials for a token, in the initial headers, where every client looks for it.
///
/// What the client sends as payload does not matter, and it need not send anything: some wait for our headers before
/// they send or end their stream. So it is answered at once, without a message.
///
/// # Errors
/// UNAUTHENTICATED; UNAVAILABLE when it could not be noted.
pub(crate) async fn run(
    flight: &Flight,
    id: QueryId,
    metadata: &MetadataMap,
    extensions: &Extensions,
) -> Result<Response<Answers<HandshakeResponse>>> {
    let authorization = metadata.get("authorization");
    let authorization = authorization.and_then(|value| value.to_str().ok());
    flight.notes.check()?;
    let attempt = Attempt {
        call: "Handshake",
        id,
        address: address(extensions),
        authorization,
    };
    let login = login(flight, extensions, &attempt).await;
    let identity = login.as_ref().map(|login| &login.identity);
    flight.notes.login(&attempt, identity);
    let login = login?;
    name_user(extensions, login.identity.user());
    let mut response = Response::new(stream::empty().boxed());
    if let Some(token) = login.token {
        let mut value = MetadataValue::try_from(token.header_value())
            .map_err(|e| godwit_auth::Error::Internal { why: e.to_string() })?;
        value.set_sensitive(true);
        response.metadata_mut().insert("authorization", value);
    }
    Ok(response)
}

/// Who calls, by the header of the call, by the certificate of the connection, or by both where they agree.
async fn login(
    flight: &Flight,
    extensions: &Extensions,
    attempt: &Attempt<'_>,
) -> godwit_auth::Result<Login> {
    match (certified(flight, extensions)?, attempt.authorization) {
        (Some(identity), None) => flight.authenticator.login_certified(&identity),
        (certified, authorization) => {
            let login = flight
                .authenticator
                .login(authorization, attempt.address.into())
                .await?;
            login.agreeing(certified.as_ref())
        }
    }
}
