use arrow_flight::{FlightDescriptor, PollInfo};

use super::get_flight_info;
use crate::call::Call;
use crate::{Flight, Result};

/// A query that is complete as soon as it is described: its rows are made while they are fetched, so there is nothing
/// to wait for and no next descriptor.
///
/// # Errors
/// As GetFlightInfo.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
) -> Result<PollInfo> {
    let info = get_flight_info::run(flight, call, descriptor).await?;
    let expiration_time = info
        .endpoint
        .first()
        .and_then(|endpoint| endpoint.expiration_time);
    Ok(PollInfo {
        info: Some(info),
        flight_descriptor: None,
        progress: Some(1.0),
        expiration_time,
    })
}
