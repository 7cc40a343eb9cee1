use arrow_flight::{Criteria, FlightDescriptor, FlightInfo};
use futures::stream;
use godwit_auth::Intent;
use godwit_engine::{TableEntry, TableInfo};
use godwit_protocol::StatementId;
use godwit_protocol::ticket::TicketBody;

use super::select_all;
use crate::call::Call;
use crate::encode::Profile;
use crate::metadata::like::Pattern;
use crate::service::{Answers, answers};
use crate::tickets::{Facts, fingerprint, info};
use crate::{Error, Flight, Result};

/// One FlightInfo for each table that can be read, with the descriptor PATH `[catalog, schema, table]`. The criteria are
/// a LIKE pattern on the table's name, or on schema and name with a dot between; empty for all.
///
/// # Errors
/// When the criteria are no text.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    criteria: Criteria,
) -> Result<Answers<FlightInfo>> {
    let permit = call.permit(flight, Intent::Metadata)?;
    let text = std::str::from_utf8(&criteria.expression).map_err(|_| {
        Error::Invalid("the criteria are no UTF-8 text; they are a LIKE pattern".to_owned())
    })?;
    let pattern = (!text.is_empty()).then(|| Pattern::parse(text));
    let wanted = |table: &TableEntry| {
        pattern.as_ref().is_none_or(|pattern| {
            let qualified = format!("{}.{}", table.schema, table.name);
            pattern.matches(&table.name) || pattern.matches(&qualified)
        })
    };
    let session = call.session(flight)?;
    let tables = flight.engine.tables(&session, &permit, true, &wanted);
    let tables = tables.await?;
    let (flight, caller) = (flight.clone(), call.clone());
    let infos = tables.into_iter();
    let infos = infos.filter_map(move |table| table_info(&flight, &caller, &table).transpose());
    Ok(answers(call.id, stream::iter(infos)))
}

/// `None` for a table whose columns cannot be read: it has no schema to promise.
fn table_info(flight: &Flight, call: &Call, table: &TableInfo) -> Result<Option<FlightInfo>> {
    let Some(schema) = &table.arrow_schema else {
        return Ok(None);
    };
    let schema = Profile::Compat.wire_schema(schema);
    let path = [&table.catalog, &table.schema, &table.name].map(String::clone);
    let body = TicketBody::Query {
        // Nothing is planned yet: DoGet plans, and compares the schema.
        statement: StatementId::random(),
        query: select_all(&path),
        parameters: None,
        fingerprint: fingerprint(&schema),
        snapshot: 0,
    };
    let descriptor = FlightDescriptor::new_path(path.to_vec());
    info(
        flight,
        call,
        descriptor,
        schema.schema(),
        body,
        Facts::UNKNOWN,
    )
    .map(Some)
}
