//! The actions as a whole: their list, and those that are refused.

use arrow_flight::Empty;
use arrow_flight::sql::CommandStatementSubstraitPlan;
use futures::TryStreamExt;
use tonic::Code;

use crate::support::{Server, assert_fails, command};

#[tokio::test]
async fn what_is_served_is_listed() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let request = client.request(Empty {});
    let actions = client
        .flight
        .list_actions(request)
        .await
        .unwrap()
        .into_inner();
    let actions: Vec<_> = actions.try_collect().await.unwrap();
    assert!(actions.iter().all(|action| !action.description.is_empty()));
    let mut names: Vec<_> = actions
        .iter()
        .map(|action| action.r#type.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "BeginSavepoint",
            "BeginTransaction",
            "CancelFlightInfo",
            "CancelQuery",
            "ClosePreparedStatement",
            "CloseSession",
            "CreatePreparedStatement",
            "EndSavepoint",
            "EndTransaction",
            "GetSessionOptions",
            "KillQuery",
            "KillSession",
            "RenewFlightEndpoint",
            "SetSessionOptions",
        ]
    );
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let unknown = client.action("MakeCoffee", Vec::new()).await;
    assert_fails(unknown, Code::Unimplemented, "MakeCoffee");
    let substrait = command(&CommandStatementSubstraitPlan::default());
    assert_fails(
        client.info(substrait).await,
        Code::Unimplemented,
        "Substrait",
    );
}
