use std::collections::BTreeMap;

use arrow_flight::Result as ActionResult;
use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::{Error as EngineError, SessionKey};
use godwit_protocol::session::{
    CloseStatus, OptionChanges, OptionError, encode_close_result, encode_get_result,
    encode_set_result,
};
use tonic::Response;
use tonic::metadata::MetadataValue;

use super::results;
use crate::call::Call;
use crate::layers::forget;
use crate::service::Answers;
use crate::{Flight, Result};

/// Sets or erases options. Each one that fails is named in the answer, and the others are set all the same.
pub(super) async fn set(flight: &Flight, call: &Call, changes: OptionChanges) -> Result<Bytes> {
    let permit = call.permit(flight, Intent::Session)?;
    let session = call.session(flight)?;
    let mut failures = BTreeMap::new();
    for (name, value) in changes {
        let done = flight
            .engine
            .set_option(&session, &permit, &name, value.as_ref())
            .await;
        let failure = match done {
            Ok(()) => continue,
            Err(EngineError::NotFound { .. }) => OptionError::InvalidName,
            Err(EngineError::InvalidInput { .. }) if call.key != SessionKey::Stateless => {
                OptionError::InvalidValue
            }
            // Without a session nothing can be set; the answer has no room to say so, an error has.
            Err(error) => return Err(error.into()),
        };
        failures.insert(name, failure);
    }
    Ok(encode_set_result(&failures))
}

/// Every option that has a value.
pub(super) fn get(flight: &Flight, call: &Call) -> Result<Bytes> {
    call.permit(flight, Intent::Session)?;
    Ok(encode_get_result(&call.session(flight)?.options()))
}

/// Forgets the session. The token stays good, and a next call with it begins a new session.
pub(super) fn close(flight: &Flight, call: &Call) -> Result<Response<Answers<ActionResult>>> {
    call.permit(flight, Intent::Session)?;
    let status = match call.key {
        SessionKey::Stateless => CloseStatus::NotCloseable,
        key @ (SessionKey::Token(_) | SessionKey::Cookie(_)) => {
            flight.engine.sessions().close(call.user(), key);
            CloseStatus::Closed
        }
    };
    let mut response = Response::new(results(call, Some(encode_close_result(status))));
    if let SessionKey::Cookie(_) = call.key
        && let Some(cookie) = forget(flight)
        && let Ok(cookie) = MetadataValue::try_from(cookie.as_bytes())
    {
        response.metadata_mut().append("set-cookie", cookie);
    }
    Ok(response)
}
