//! What a FlightInfo says of a result that the server keeps: one endpoint for each of its parts.

use std::time::SystemTime;

use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo};
use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::{Kept, KeptState};
use godwit_protocol::WireFormat;
use godwit_protocol::action::schema_message;
use godwit_protocol::poll::PollHandle;
use godwit_protocol::ticket::{Ticket, TicketBody};

use crate::call::Call;
use crate::encode::WireSchema;
use crate::tickets::{Facts, endpoint, fingerprint, timestamp};
use crate::{Flight, Result};

/// The FlightInfo of a kept result with all of its endpoints. Its counts are exact when all rows are there; until then
/// they are those that are given.
///
/// # Errors
/// When the schema has no IPC form.
pub(crate) fn info(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    kept: &Kept,
    format: &WireFormat,
    facts: Facts,
) -> Result<FlightInfo> {
    let fingerprint = fingerprint(&WireSchema::of(kept.schema(), format));
    let endpoints = (0..kept.parts()).map(|part| {
        let body = TicketBody::Kept {
            statement: kept.id(),
            part,
            parts: kept.parts(),
            fingerprint,
        };
        kept_endpoint(flight, call, body, format, kept)
    });
    let facts = match kept.state() {
        KeptState::Finished { rows, bytes } => Facts {
            rows: i64::try_from(rows).unwrap_or(-1),
            bytes: i64::try_from(bytes).unwrap_or(-1),
            ordered: kept.is_ordered(),
        },
        KeptState::Running | KeptState::Failed(_) => facts,
    };
    Ok(FlightInfo {
        endpoint: endpoints.collect(),
        total_records: facts.rows,
        total_bytes: facts.bytes,
        ..unfinished(descriptor, kept, format)?
    })
}

/// The FlightInfo of a query that still runs: its schema, and no endpoints yet.
///
/// # Errors
/// When the schema has no IPC form.
pub(crate) fn unfinished(
    descriptor: FlightDescriptor,
    kept: &Kept,
    format: &WireFormat,
) -> Result<FlightInfo> {
    let schema = WireSchema::of(kept.schema(), format);
    Ok(FlightInfo {
        schema: schema_message(schema.schema())?,
        flight_descriptor: Some(descriptor),
        endpoint: Vec::new(),
        total_records: -1,
        total_bytes: -1,
        ordered: kept.is_ordered(),
        app_metadata: Bytes::new(),
    })
}

/// The descriptor that a kept result is polled and cancelled with.
pub(crate) fn descriptor(
    flight: &Flight,
    call: &Call,
    kept: &Kept,
    format: &WireFormat,
) -> FlightDescriptor {
    let handle = PollHandle {
        user: call.user().to_owned(),
        statement: kept.id(),
        expires_at: SystemTime::now() + flight.options.ticket_ttl,
        format: format.clone(),
    };
    FlightDescriptor::new_cmd(handle.seal(&flight.sealer))
}

/// The endpoint of a ticket, with a new one that is good for longer. A kept result lives longer too.
///
/// # Errors
/// NOT_FOUND when the result is gone.
pub(crate) fn renewed(flight: &Flight, call: &Call, ticket: Ticket) -> Result<FlightEndpoint> {
    let Ticket { body, format, .. } = ticket;
    match body {
        TicketBody::Kept { statement, .. } => {
            let permit = call.permit(flight, Intent::Query)?;
            let kept = flight.engine.kept(&permit, statement)?;
            Ok(kept_endpoint(flight, call, body, &format, &kept))
        }
        body => Ok(endpoint(flight, call, body, &format)),
    }
}

/// Good for as long as its ticket and the result both are.
fn kept_endpoint(
    flight: &Flight,
    call: &Call,
    body: TicketBody,
    format: &WireFormat,
    kept: &Kept,
) -> FlightEndpoint {
    let endpoint = endpoint(flight, call, body, format);
    let ticket_ends = SystemTime::now() + flight.options.ticket_ttl;
    FlightEndpoint {
        expiration_time: timestamp(kept.expires_at().min(ticket_ends)),
        ..endpoint
    }
}
