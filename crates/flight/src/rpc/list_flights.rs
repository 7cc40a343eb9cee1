use arrow_flight::{Criteria, FlightDescriptor, FlightInfo};
use futures::stream;
use godwit_auth::Intent;
use godwit_engine::{TableEntry, TableInfo};
use godwit_protocol::StatementId;
use godwit_protocol::WireFormat;
use godwit_protocol::ticket::TicketBody;

use super::select_all;
use crate::call::Call;
use crate::encode::WireSchema;
use crate::service::{Answers, answers};
use crate::tickets::{Facts, endpoint, fingerprint, info};
use crate::{Flight, Result};
use criteria::Filter;

mod criteria;

/// One FlightInfo for each table that can be read and that the [criteria](Filter) name, with the descriptor PATH
/// `[catalog, schema, table]`.
///
/// # Errors
/// When the criteria are neither a pattern nor a filter.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    criteria: Criteria,
) -> Result<Answers<FlightInfo>> {
    let permit = call.permit(flight, Intent::Metadata)?;
    let filter = Filter::read(&criteria.expression)?;
    let wanted = |table: &TableEntry| filter.admits(table);
    let session = call.session(flight)?;
    let tables = flight.engine.tables(&session, &permit, true, &wanted);
    let mut tables = tables.await?;
    tables.retain(|table| filter.admits_catalog(&table.catalog));
    let format = call.format(&session);
    let (flight, caller) = (flight.clone(), call.clone());
    let infos = tables.into_iter();
    let infos =
        infos.filter_map(move |table| table_info(&flight, &caller, &table, &format).transpose());
    Ok(answers(call.id, stream::iter(infos)))
}

/// `None` for a table whose columns cannot be read: it has no schema to promise.
fn table_info(
    flight: &Flight,
    call: &Call,
    table: &TableInfo,
    format: &WireFormat,
) -> Result<Option<FlightInfo>> {
    let Some(schema) = &table.arrow_schema else {
        return Ok(None);
    };
    let schema = WireSchema::of(schema, format);
    let path = [&table.catalog, &table.schema, &table.name].map(String::clone);
    let body = TicketBody::Query {
        // Nothing is planned yet: DoGet plans, and compares the schema.
        statement: StatementId::random(),
        query: select_all(&path),
        parameters: None,
        fingerprint: fingerprint(&schema),
        snapshot: 0,
        lake: None,
        transaction: None,
    };
    let descriptor = FlightDescriptor::new_path(path.to_vec());
    let endpoint = endpoint(flight, call, body, format);
    let facts = Facts::of(table.rows, &schema);
    info(descriptor, schema.schema(), endpoint, facts).map(Some)
}
