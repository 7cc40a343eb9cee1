use futures::{StreamExt, stream};
use tonic::Response;
use tonic::metadata::{MetadataMap, MetadataValue};

use arrow_flight::HandshakeResponse;
use godwit_auth::Peer;

use crate::service::Answers;
use crate::{Flight, Result};

/// Credentials for a token, in the initial headers, where every client looks for it.
///
/// What the client sends as payload does not matter, and it need not send anything: some wait for our headers before
/// they send or end their stream. So it is answered at once, without a message.
///
/// # Errors
/// UNAUTHENTICATED.
pub(crate) async fn run(
    flight: &Flight,
    metadata: &MetadataMap,
    peer: Peer,
) -> Result<Response<Answers<HandshakeResponse>>> {
    let authorization = metadata.get("authorization");
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let login = flight.authenticator.login(authorization, peer).await?;
    tracing::Span::current().record("user", login.identity.user());
    let mut response = Response::new(stream::empty().boxed());
    if let Some(token) = login.token {
        let mut value = MetadataValue::try_from(token.header_value())
            .map_err(|e| godwit_auth::Error::Internal { why: e.to_string() })?;
        value.set_sensitive(true);
        response.metadata_mut().insert("authorization", value);
    }
    Ok(response)
}
