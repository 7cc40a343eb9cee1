use std::time::Duration;

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{FlightDescriptor, FlightInfo, PollInfo};
use godwit_auth::Intent;
use godwit_engine::{Kept, KeptState};
use godwit_protocol::WireFormat;

use super::get_flight_info::{self, Described};
use crate::call::Call;
use crate::tickets::{Facts, is_sealed, timestamp};
use crate::{Flight, Result, kept};

/// How long the first call waits: most queries have ended by then, and need no second one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// How long a later call waits for something to tell, so that clients that ask again at once do not spin.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Growth of the progress that is worth telling.
const WORTH_TELLING: f64 = 0.05;

/// Starts a query in the background, or tells how far one has come. Its answer has a descriptor to ask again with until
/// the query has ended; then the endpoints are there. What is no query is complete at once, as in GetFlightInfo.
///
/// # Errors
/// As GetFlightInfo; what the query failed with, CANCELLED included; NOT_FOUND for a result that is gone.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
) -> Result<PollInfo> {
    if descriptor.r#type == i32::from(DescriptorType::Cmd) && is_sealed(&descriptor.cmd) {
        return again(flight, call, &descriptor.cmd).await;
    }
    match get_flight_info::describe(flight, call, &descriptor).await? {
        Described::Done(info) => Ok(done(info)),
        Described::Query(session, statement) => {
            let permit = call.permit(flight, Intent::Query)?;
            let parts = session.endpoints();
            let format = call.format_of(flight, &session, &statement).await?;
            let kept = flight.engine.keep(&session, &permit, &statement, parts)?;
            kept.ended(FIRST_WAIT).await;
            told(flight, call, &kept, &format)
        }
    }
}

async fn again(flight: &Flight, call: &Call, handle: &[u8]) -> Result<PollInfo> {
    let handle = call.poll_handle(flight, handle)?;
    let permit = call.permit(flight, Intent::Query)?;
    let kept = flight.engine.kept(&permit, handle.statement)?;
    kept.advanced(WORTH_TELLING, LONGEST_WAIT).await;
    told(flight, call, &kept, &handle.format)
}

fn told(flight: &Flight, call: &Call, kept: &Kept, format: &WireFormat) -> Result<PollInfo> {
    let descriptor = kept::descriptor(flight, call, kept, format);
    match kept.state() {
        KeptState::Failed(error) => Err(error.into()),
        KeptState::Finished { .. } => {
            let info = kept::info(flight, call, descriptor, kept, format, Facts::UNKNOWN)?;
            Ok(done(info))
        }
        KeptState::Running => Ok(PollInfo {
            info: Some(kept::unfinished(descriptor.clone(), kept, format)?),
            flight_descriptor: Some(descriptor),
            progress: kept.progress().filter(|progress| *progress < 1.0),
            expiration_time: timestamp(kept.expires_at()),
        }),
    }
}

/// What there is nothing to wait for any more.
fn done(info: FlightInfo) -> PollInfo {
    let endpoint = info.endpoint.first();
    PollInfo {
        expiration_time: endpoint.and_then(|endpoint| endpoint.expiration_time),
        info: Some(info),
        flight_descriptor: None,
        progress: Some(1.0),
    }
}
