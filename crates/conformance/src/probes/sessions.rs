use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use godwit_protocol::messages::{
    CloseSessionResult, GetSessionOptionsResult, SetSessionOptionsResult, close_session_result,
};
use godwit_protocol::session::{OptionValue, encode_set};
use prost::Message;

use crate::client::{Client, only};
use crate::finding::{Finding, Outcome};
use crate::lab::Lab;

/// No server has an option of this name.
const UNKNOWN: &str = "conformance.no_such_option";

pub(super) async fn set(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let errors = set_option(&client, UNKNOWN, Some("1")).await?;
    let told = errors.contains(UNKNOWN);
    let Some(schema) = &lab.found.schema else {
        return Ok(match told {
            true => {
                Finding::yes("an unknown option is named as an error; there is no schema to set")
            }
            false => Finding::partly("an unknown option is taken; there is no schema to set"),
        });
    };
    if !set_option(&client, "schema", Some(schema))
        .await?
        .is_empty()
    {
        return Ok(Finding::partly(format_args!(
            "schema = {schema:?} is refused"
        )));
    }
    let options = options(&client)
        .await
        .map_err(|finding| finding.at("reading it back"))?;
    set_option(&client, "schema", None)
        .await
        .map_err(|finding| finding.at("erasing it"))?;
    match (options.contains("schema"), told) {
        (true, true) => Ok(Finding::yes(
            "schema is set and read back, an unknown option is an error",
        )),
        (true, false) => Ok(Finding::partly(
            "schema is set, but an unknown option is no error",
        )),
        (false, _) => Ok(Finding::partly("schema is taken, but cannot be read back")),
    }
}

pub(super) async fn get(lab: Lab) -> Outcome {
    let options = options(&lab.client().await?).await?;
    Ok(Finding::yes(format_args!("{} option(s)", options.len())))
}

pub(super) async fn close(lab: Lab) -> Outcome {
    use close_session_result::Status;
    if lab.is_session_foreign() {
        return Err(Finding::untested(
            "the session of the token that was given is not ours to close",
        ));
    }
    let answers = lab
        .client()
        .await?
        .action("CloseSession", Bytes::new())
        .await?;
    let status = CloseSessionResult::decode(only(&answers)?.clone())?.status();
    match status {
        Status::Closed | Status::Closing => Ok(Finding::yes(status.as_str_name())),
        Status::NotCloseable | Status::Unspecified => Ok(Finding::partly(status.as_str_name())),
    }
}

/// Sets an option, or erases it; the names of the options that this failed for.
async fn set_option(client: &Client, name: &str, value: Option<&str>) -> Outcome<BTreeSet<String>> {
    let value = value.map(|value| OptionValue::Text(value.to_owned()));
    let body = encode_set(&BTreeMap::from([(name.to_owned(), value)]));
    let answers = client.action("SetSessionOptions", body).await?;
    let result = SetSessionOptionsResult::decode(only(&answers)?.clone())?;
    Ok(result.errors.into_keys().collect())
}

/// The names of the options that have a value.
async fn options(client: &Client) -> Outcome<BTreeSet<String>> {
    let answers = client.action("GetSessionOptions", Bytes::new()).await?;
    let result = GetSessionOptionsResult::decode(only(&answers)?.clone())?;
    Ok(result.session_options.into_keys().collect())
}
