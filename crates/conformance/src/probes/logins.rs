use arrow_flight::HandshakeRequest;
use godwit_client::{Credentials, Login, basic};
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::client::Client;
use crate::finding::{Finding, Outcome, said};
use crate::lab::{self, Lab};

/// A wrong password where passwords are taken, and then a token that nobody has issued.
pub(super) async fn wrong_password(lab: Lab) -> Outcome {
    let Credentials::Password { user, password } = &lab.options.credentials else {
        return Err(Finding::untested("no user and password were given"));
    };
    let wrong = basic(user, &format!("{password}x"))
        .map_err(|error| Finding::untested(error.to_string()))?;
    let client = lab.client_with(Some(wrong)).await?;
    if matches!(lab.login, Login::EachCall(_)) {
        return Ok(call(&lab, &client).await);
    }
    let answer = client.handshake(vec![HandshakeRequest::default()]).await;
    Ok(judged(answer, "the handshake"))
}

pub(super) async fn wrong_token(lab: Lab) -> Outcome {
    if matches!(lab.options.credentials, Credentials::None) {
        return Err(Finding::untested("no credentials were given"));
    }
    let wrong = MetadataValue::from_static("Bearer conformance");
    let client = lab.client_with(Some(wrong)).await?;
    Ok(call(&lab, &client).await)
}

pub(super) async fn no_credentials(lab: Lab) -> Outcome {
    if matches!(lab.options.credentials, Credentials::None) {
        return Err(Finding::untested("no credentials were given"));
    }
    let client = lab.client_with(None).await?;
    Ok(call(&lab, &client).await)
}

async fn call(lab: &Lab, client: &Client) -> Finding {
    judged(client.info(lab::query(&lab.options.sql)).await, "a call")
}

fn judged<T>(answer: Result<T, Status>, what: &str) -> Finding {
    match answer {
        Ok(_) => Finding::no(format_args!("{what} is answered")),
        Err(status) if status.code() == Code::Unauthenticated => Finding::yes(said(&status)),
        Err(status) => Finding::partly(format_args!("{what}: {}", said(&status))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mark;

    #[test]
    fn only_one_code_will_do() {
        let mark = |answer: Result<(), Status>| judged(answer, "a call").mark;
        assert_eq!(mark(Err(Status::unauthenticated("no"))), Mark::Yes);
        assert_eq!(mark(Err(Status::permission_denied("no"))), Mark::Partly);
        assert_eq!(mark(Ok(())), Mark::No);
    }
}
