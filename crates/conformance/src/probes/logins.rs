use arrow_flight::HandshakeRequest;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Code, Status};

use crate::finding::{Finding, Outcome, said};
use crate::lab::{self, Lab, Login};
use crate::options::Credentials;

pub(super) async fn wrong_password(lab: Lab) -> Outcome {
    let wrong: MetadataValue<Ascii> = match &lab.options.credentials {
        Credentials::None => return Err(Finding::untested("no credentials were given")),
        Credentials::Password { user, password } => lab::basic(user, &format!("{password}x"))
            .map_err(|error| Finding::untested(error.to_string()))?,
        Credentials::Token(_) => MetadataValue::from_static("Bearer conformance"),
    };
    let client = lab.client_with(Some(wrong)).await?;
    if matches!(lab.login, Login::Handshake(_)) {
        let answer = client.handshake(vec![HandshakeRequest::default()]).await;
        let finding = judged(answer, "the handshake");
        if finding.mark != crate::Mark::Yes {
            return Ok(finding);
        }
    }
    Ok(judged(
        client.info(lab::query(&lab.options.sql)).await,
        "a call",
    ))
}

pub(super) async fn no_credentials(lab: Lab) -> Outcome {
    if matches!(lab.options.credentials, Credentials::None) {
        return Err(Finding::untested("no credentials were given"));
    }
    let client = lab.client_with(None).await?;
    Ok(judged(
        client.info(lab::query(&lab.options.sql)).await,
        "a call",
    ))
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
