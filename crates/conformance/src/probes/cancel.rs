use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest,
};
use futures::TryStreamExt;
use prost::Message;

use crate::client::{Client, get, only, packed, unpacked};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};
use crate::statements;

pub(super) async fn flight_info(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    cancelled(&client, async |info: FlightInfo| {
        let request = CancelFlightInfoRequest { info: Some(info) };
        let body = request.encode_to_vec().into();
        let answers = client.action("CancelFlightInfo", body).await?;
        Ok(CancelFlightInfoResult::decode(only(&answers)?.clone())?.status)
    })
    .await
}

pub(super) async fn query(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    cancelled(&client, async |info: FlightInfo| {
        let info = info.encode_to_vec().into();
        let body = packed(&ActionCancelQueryRequest { info });
        let answers = client.action("CancelQuery", body).await?;
        Ok(unpacked::<ActionCancelQueryResult>(&answers)?.result)
    })
    .await
}

/// Begins to read a long stream, cancels it, and reads what is left.
async fn cancelled(
    client: &Client,
    cancel: impl AsyncFnOnce(FlightInfo) -> Outcome<i32>,
) -> Outcome {
    let info = client.info(lab::query(&statements::long())).await;
    let info = info.map_err(|status| Finding::from(status).at("starting a long query"))?;
    let mut stream = client.stream(lab::ticket(&info)?).await?;
    stream.try_next().await?;
    let status = CancelStatus::try_from(cancel(info).await?).unwrap_or(CancelStatus::Unspecified);
    let end = loop {
        match stream.try_next().await {
            Ok(Some(_)) => {}
            Ok(None) => break None,
            Err(status) => break Some(status),
        }
    };
    let name = status.as_str_name();
    match (status, end) {
        (CancelStatus::Cancelled | CancelStatus::Cancelling, Some(end)) => {
            let code = crate::finding::code_name(end.code());
            Ok(Finding::yes(format_args!(
                "{name}, the stream ends with {code}"
            )))
        }
        (CancelStatus::Cancelled | CancelStatus::Cancelling, None) => Ok(Finding::partly(
            format_args!("{name}, but the stream goes on to its end"),
        )),
        _ => Ok(Finding::no(format_args!("{name} for a running query"))),
    }
}

pub(super) async fn renew(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let info = client.info(lab::query(&lab.options.sql)).await?;
    let request = RenewFlightEndpointRequest {
        endpoint: info.endpoint.first().cloned(),
    };
    let answers = client
        .action("RenewFlightEndpoint", request.encode_to_vec().into())
        .await?;
    let endpoint = FlightEndpoint::decode(only(&answers)?.clone())?;
    let Some(ticket) = endpoint.ticket else {
        return Ok(Finding::broken("the endpoint has no ticket"));
    };
    let rows = get(&client, ticket)
        .await
        .map_err(|finding| finding.at("reading it"))?;
    let expires = if endpoint.expiration_time.is_some() {
        "with a new expiry"
    } else {
        "without an expiry"
    };
    Ok(Finding::yes(format_args!(
        "{expires}, {} row(s)",
        rows.count()
    )))
}
