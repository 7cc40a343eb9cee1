//! What a FlightInfo holds: the schema, one endpoint without a location, and in it a sealed ticket. No other shape is
//! taken by every client.

use std::time::{SystemTime, UNIX_EPOCH};

use arrow::datatypes::Schema;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, Ticket as FlightTicket};
use bytes::Bytes;
use godwit_engine::{Prepared, Statement};
use godwit_protocol::action::schema_message;
use godwit_protocol::ticket::{Ticket, TicketBody};
use godwit_protocol::{StatementId, WireFormat, schema_fingerprint};

use crate::call::Call;
use crate::encode::WireSchema;
use crate::{Error, Flight, Result};

/// The most that bound parameters may take in a ticket. A FlightInfo must stay below the 4 MiB that clients accept.
const LARGEST_PARAMETERS: usize = 2 << 20;

/// What a FlightInfo says about its rows besides the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// Rows, or -1.
    pub(crate) rows: i64,
    /// Bytes, or -1.
    pub(crate) bytes: i64,
    /// Whether their order matters.
    pub(crate) ordered: bool,
}

impl Facts {
    pub(crate) const UNKNOWN: Self = Self {
        rows: -1,
        bytes: -1,
        ordered: false,
    };
    /// One row: the count of an effect.
    pub(crate) const ONE_ROW: Self = Self {
        rows: 1,
        ..Self::UNKNOWN
    };

    /// So many rows of a schema. Their bytes are known when all columns have a fixed width; null masks do not count.
    pub(crate) fn of(rows: Option<u64>, schema: &WireSchema) -> Self {
        let widths = schema.schema().fields().iter();
        let widths = widths.map(|field| field.data_type().primitive_width());
        let width: Option<usize> = widths.sum();
        let bytes = rows
            .zip(width)
            .and_then(|(n, width)| n.checked_mul(width as u64));
        let known = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1);
        Self {
            rows: known(rows),
            bytes: known(bytes),
            ordered: false,
        }
    }

    /// What is known of a query before it runs.
    pub(crate) fn of_statement(statement: &Statement, format: &WireFormat) -> Self {
        let schema = WireSchema::of(&statement.schema, format);
        Self {
            ordered: statement.ordered(),
            ..Self::of(statement.rows_hint(), &schema)
        }
    }
}

/// The FlightInfo of a described query.
///
/// # Errors
/// When its parameters are too large for a ticket.
pub(crate) fn query_info(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    format: &WireFormat,
    statement: &Statement,
) -> Result<FlightInfo> {
    let schema = WireSchema::of(&statement.schema, format);
    let parameters = statement.parameters_ipc();
    let size = parameters.as_ref().map_or(0, Bytes::len);
    if size > LARGEST_PARAMETERS {
        return Err(Error::TooLarge {
            what: "bound parameters",
            size,
            limit: LARGEST_PARAMETERS,
            key: "",
        });
    }
    let body = TicketBody::Query {
        statement: statement.id,
        query: statement.sql.to_string(),
        parameters,
        fingerprint: fingerprint(&schema),
        snapshot: statement.snapshot,
        lake: statement.origin.lake,
        transaction: statement.origin.transaction,
    };
    let facts = Facts::of_statement(statement, format);
    let endpoint = endpoint(flight, call, body, format);
    info(descriptor, schema.schema(), endpoint, facts)
}

/// The FlightInfo of a prepared query to which nothing is bound yet. Its ticket reads what is bound when it is used.
///
/// # Errors
/// When the schema has no IPC form.
pub(crate) fn unbound_info(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    format: &WireFormat,
    prepared: &Prepared,
    handle: Bytes,
) -> Result<FlightInfo> {
    let schema = WireSchema::of(&prepared.dataset_schema, format);
    let body = TicketBody::Prepared {
        run: StatementId::random(),
        handle,
        fingerprint: fingerprint(&schema),
    };
    let endpoint = endpoint(flight, call, body, format);
    info(descriptor, schema.schema(), endpoint, Facts::UNKNOWN)
}

/// The FlightInfo of an answer that every client reads: metadata, or a count.
///
/// # Errors
/// When the schema has no IPC form.
pub(crate) fn plain_info(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    schema: &Schema,
    body: TicketBody,
    facts: Facts,
) -> Result<FlightInfo> {
    let endpoint = endpoint(flight, call, body, &WireFormat::default());
    info(descriptor, schema, endpoint, facts)
}

/// The FlightInfo of anything.
///
/// # Errors
/// When the schema has no IPC form.
pub(crate) fn info(
    descriptor: FlightDescriptor,
    schema: &Schema,
    endpoint: FlightEndpoint,
    facts: Facts,
) -> Result<FlightInfo> {
    Ok(FlightInfo {
        schema: schema_message(schema)?,
        flight_descriptor: Some(descriptor),
        endpoint: vec![endpoint],
        total_records: facts.rows,
        total_bytes: facts.bytes,
        ordered: facts.ordered,
        app_metadata: Bytes::new(),
    })
}

/// An endpoint whose ticket is good for `tickets.ttl` from now.
pub(crate) fn endpoint(
    flight: &Flight,
    call: &Call,
    body: TicketBody,
    format: &WireFormat,
) -> FlightEndpoint {
    let ticket = Ticket {
        user: call.user().to_owned(),
        expires_at: SystemTime::now() + flight.options.ticket_ttl,
        format: format.clone(),
        body,
    };
    FlightEndpoint {
        ticket: Some(FlightTicket {
            ticket: ticket.seal(&flight.sealer),
        }),
        location: Vec::new(),
        expiration_time: timestamp(ticket.expires_at),
        app_metadata: Bytes::new(),
    }
}

/// A time as Flight tells it, in whole seconds.
pub(crate) fn timestamp(time: SystemTime) -> Option<prost_types::Timestamp> {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs())
        .ok()
        .map(|seconds| prost_types::Timestamp { seconds, nanos: 0 })
}

/// What a ticket remembers of the schema that was promised.
pub(crate) fn fingerprint(schema: &WireSchema) -> [u8; 32] {
    schema_fingerprint(schema.schema())
}

/// Whether bytes are, or were meant to be, a sealed ticket. Sealed bytes start with a version number; text and packed
/// commands never start with a control character below tab.
pub(crate) fn is_sealed(ticket: &[u8]) -> bool {
    ticket.first().is_some_and(|first| *first < b'\t')
}
