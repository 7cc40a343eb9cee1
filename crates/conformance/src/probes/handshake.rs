use arrow_flight::HandshakeRequest;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use godwit_client::{Credentials, Login};
use tonic::metadata::{Ascii, MetadataValue};

use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};

pub(super) async fn without_message(lab: Lab) -> Outcome {
    shake(&lab, header(&lab), vec![]).await
}

pub(super) async fn with_message(lab: Lab) -> Outcome {
    shake(&lab, header(&lab), vec![HandshakeRequest::default()]).await
}

pub(super) async fn padded(lab: Lab) -> Outcome {
    let plain = plain(&lab)?;
    if BASE64_STANDARD.encode(&plain) == BASE64_STANDARD_NO_PAD.encode(&plain) {
        return Err(no_difference());
    }
    let header = basic(&BASE64_STANDARD.encode(&plain))?;
    shake(&lab, Some(header), vec![HandshakeRequest::default()]).await
}

pub(super) async fn unpadded(lab: Lab) -> Outcome {
    let plain = plain(&lab)?;
    if BASE64_STANDARD.encode(&plain) == BASE64_STANDARD_NO_PAD.encode(&plain) {
        return Err(no_difference());
    }
    let header = basic(&BASE64_STANDARD_NO_PAD.encode(&plain))?;
    shake(&lab, Some(header), vec![]).await
}

pub(super) async fn token(lab: Lab) -> Outcome {
    plain(&lab)?;
    let client = lab.client_with(header(&lab)).await?;
    let (token, _) = client.handshake(vec![HandshakeRequest::default()]).await?;
    let Some(token) = token else {
        return Ok(Finding::no("the answer has no authorization header"));
    };
    if !token.to_str().is_ok_and(|text| text.starts_with("Bearer ")) {
        return Ok(Finding::partly("not of the form `Bearer TOKEN`"));
    }
    let client = lab.client_with(Some(token)).await?;
    let info = client.info(lab::query(&lab.options.sql)).await;
    info.map_err(|status| Finding::from(status).at("a call with it"))?;
    Ok(Finding::yes("and later calls take it"))
}

/// As drivers do that were given a token: a handshake with it, before anything else.
pub(super) async fn bearer(lab: Lab) -> Outcome {
    let token = match &lab.options.credentials {
        Credentials::None => return Err(Finding::untested("no credentials were given")),
        Credentials::Token(_) => header(&lab),
        Credentials::Password { .. } => {
            let client = lab.client_with(header(&lab)).await?;
            client.handshake(vec![HandshakeRequest::default()]).await?.0
        }
    };
    if token.is_none() {
        return Err(Finding::untested("there is no token to send"));
    }
    shake(&lab, token, vec![HandshakeRequest::default()]).await
}

pub(super) async fn each_call(lab: Lab) -> Outcome {
    plain(&lab)?;
    let client = lab.client_with(header(&lab)).await?;
    client.info(lab::query(&lab.options.sql)).await?;
    Ok(Finding::yes("GetFlightInfo"))
}

async fn shake(
    lab: &Lab,
    header: Option<MetadataValue<Ascii>>,
    messages: Vec<HandshakeRequest>,
) -> Outcome {
    let client = lab.client_with(header).await?;
    let (token, answers) = client.handshake(messages).await?;
    let token = if token.is_some() {
        "a token"
    } else {
        "no token"
    };
    let answers = if answers == 1 {
        "1 message".to_owned()
    } else {
        format!("{answers} messages")
    };
    Ok(Finding::yes(format_args!("{token}, {answers}")))
}

/// The header of a handshake.
fn header(lab: &Lab) -> Option<MetadataValue<Ascii>> {
    match &lab.login {
        Login::Anonymous => None,
        Login::EachCall(header) | Login::Handshake(header) => Some(header.clone()),
    }
}

fn plain(lab: &Lab) -> Outcome<String> {
    match &lab.options.credentials {
        Credentials::Password { user, password } => Ok(format!("{user}:{password}")),
        _ => Err(Finding::untested("no user and password were given")),
    }
}

fn no_difference() -> Finding {
    Finding::untested("these credentials need no padding")
}

fn basic(encoded: &str) -> Outcome<MetadataValue<Ascii>> {
    let text = format!("Basic {encoded}");
    text.parse()
        .map_err(|_| Finding::untested("no header can hold these credentials"))
}
