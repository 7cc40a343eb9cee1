use arrow::datatypes::Schema;
use arrow_flight::IpcMessage;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult as ResultType, ActionCreatePreparedSubstraitPlanRequest,
    Any, CommandPreparedStatementQuery, ProstMessageExt, SubstraitPlan,
};
use godwit_protocol::messages::ActionCreatePreparedStatementResult as Prepared;
use prost::Message;

use crate::client::{Client, command, only, packed};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};
use crate::statements::create_temporary;

/// Flight's own actions and those of Flight SQL.
const STANDARD: [&str; 13] = [
    "CreatePreparedStatement",
    "ClosePreparedStatement",
    "CreatePreparedSubstraitPlan",
    "CancelFlightInfo",
    "CancelQuery",
    "RenewFlightEndpoint",
    "SetSessionOptions",
    "GetSessionOptions",
    "CloseSession",
    "BeginTransaction",
    "EndTransaction",
    "BeginSavepoint",
    "EndSavepoint",
];

pub(super) async fn list(lab: Lab) -> Outcome {
    let actions = lab.client().await?.list_actions().await?;
    let named = |name: &&&str| actions.iter().any(|action| action.r#type == **name);
    let standard = STANDARD.iter().filter(named).count();
    let all = STANDARD.len();
    match standard {
        0 => Ok(Finding::no(format_args!(
            "{} actions, none of the standard",
            actions.len()
        ))),
        _ => Ok(Finding::yes(format_args!(
            "{standard} of the {all} of the standard"
        ))),
    }
}

pub(super) async fn create(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let prepared = prepare(&client, &lab.options.sql).await?;
    if prepared.dataset_schema.is_empty() {
        return Ok(Finding::partly(
            "no dataset_schema, so that JDBC takes a query for an update",
        ));
    }
    let columns = Schema::try_from(IpcMessage(prepared.dataset_schema))?
        .fields()
        .len();
    let query = command(&CommandPreparedStatementQuery {
        prepared_statement_handle: prepared.prepared_statement_handle,
    });
    let rows = lab::rows(&client, query)
        .await
        .map_err(|finding| finding.at("running it"))?;
    if columns == 0 {
        return Ok(Finding::partly(
            "dataset_schema without fields, so that JDBC takes a query for an update",
        ));
    }
    if prepared.parameter_schema.is_empty() {
        return Ok(Finding::partly(
            "no parameter_schema, which some drivers read unchecked",
        ));
    }
    Ok(Finding::yes(format_args!(
        "{columns} column(s), {} row(s)",
        rows.count()
    )))
}

pub(super) async fn question_mark(lab: Lab) -> Outcome {
    parameter(&lab, "?").await
}

pub(super) async fn dollar(lab: Lab) -> Outcome {
    parameter(&lab, "$1").await
}

async fn parameter(lab: &Lab, placeholder: &str) -> Outcome {
    let client = lab.client().await?;
    let prepared = prepare(
        &client,
        &format!("SELECT CAST({placeholder} AS BIGINT) AS a"),
    )
    .await?;
    if prepared.parameter_schema.is_empty() {
        return Ok(Finding::partly("taken, but without a parameter_schema"));
    }
    let schema = Schema::try_from(IpcMessage(prepared.parameter_schema))?;
    let [field] = &schema.fields()[..] else {
        let count = schema.fields().len();
        return Ok(Finding::partly(format_args!(
            "parameter_schema has {count} fields instead of 1"
        )));
    };
    match (field.data_type(), field.is_nullable()) {
        (arrow::datatypes::DataType::Null, _) => Ok(Finding::partly(
            "the parameter has the type Null, which JDBC cannot set",
        )),
        (_, false) => Ok(Finding::partly(
            "the parameter is not nullable, so that setNull fails",
        )),
        (data_type, true) => Ok(Finding::yes(format_args!("one parameter, {data_type}"))),
    }
}

pub(super) async fn is_update(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let query = prepare(&client, &lab.options.sql).await?.is_update;
    match query {
        None => return Ok(Finding::no("the field is absent")),
        Some(true) => return Ok(Finding::no("a query is said to be an update")),
        Some(false) => {}
    }
    let update = prepare(&client, &create_temporary(&lab.scratch())).await;
    match update.map(|prepared| prepared.is_update) {
        Ok(Some(true)) => Ok(Finding::yes(
            "false for a query, true for CREATE TEMPORARY TABLE",
        )),
        Ok(_) => Ok(Finding::no("CREATE TEMPORARY TABLE is said to be a query")),
        Err(finding) => Ok(Finding::partly(format_args!(
            "false for a query; an update: {}",
            finding.reason
        ))),
    }
}

pub(super) async fn close(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let prepared = prepare(&client, &lab.options.sql).await;
    let handle = prepared
        .map_err(|finding| finding.at("preparing"))?
        .prepared_statement_handle;
    let request = packed(&ActionClosePreparedStatementRequest {
        prepared_statement_handle: handle.clone(),
    });
    client.action("ClosePreparedStatement", request).await?;
    let query = command(&CommandPreparedStatementQuery {
        prepared_statement_handle: handle,
    });
    match client.info(query).await {
        Ok(_) => Ok(Finding::yes(
            "the handle works on, since it holds all it needs",
        )),
        Err(_) => Ok(Finding::yes("the handle is no longer taken")),
    }
}

/// An empty plan is a valid message, but nothing can run it: a server that knows plans says INVALID_ARGUMENT.
pub(super) async fn substrait(lab: Lab) -> Outcome {
    let request = packed(&ActionCreatePreparedSubstraitPlanRequest {
        plan: Some(SubstraitPlan::default()),
        transaction_id: None,
    });
    let answers = lab
        .client()
        .await?
        .action("CreatePreparedSubstraitPlan", request)
        .await?;
    only(&answers)?;
    Ok(Finding::yes("an empty plan is taken"))
}

/// Prepares a statement. The answer is read with the newest fields, which the library of the other messages lacks.
pub(super) async fn prepare(client: &Client, sql: &str) -> Outcome<Prepared> {
    let request = packed(&ActionCreatePreparedStatementRequest {
        query: sql.to_owned(),
        transaction_id: None,
    });
    let answers = client.action("CreatePreparedStatement", request).await?;
    let any = Any::decode(only(&answers)?.clone())?;
    if any.type_url != ResultType::type_url() {
        return Err(Finding::broken(format_args!(
            "the answer is a {:?}",
            any.type_url
        )));
    }
    Ok(Prepared::decode(any.value)?)
}
