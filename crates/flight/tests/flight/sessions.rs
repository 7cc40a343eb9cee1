//! Sessions: by token, by cookie, or none.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use godwit_protocol::messages::{
    CloseSessionResult, GetSessionOptionsResult, SetSessionOptionsResult, session_option_value,
};
use godwit_protocol::session::{OptionValue, encode_set};
use prost::Message;
use tonic::{Code, Response};

use crate::support::{Client, Server, assert_fails, basic, statement};

impl Client {
    /// The value of a setting as SQL shows it.
    pub(crate) async fn option(&mut self, name: &str) -> String {
        let rows = self.query(&format!("SHOW {name}")).await.unwrap();
        let values = rows.column(rows.num_columns() - 1).as_string::<i32>();
        values.value(0).to_owned()
    }

    async fn set(&mut self, name: &str, value: Option<OptionValue>) -> SetSessionOptionsResult {
        let body = encode_set(&BTreeMap::from([(name.to_owned(), value)]));
        let results = self
            .action("SetSessionOptions", body.to_vec())
            .await
            .unwrap();
        SetSessionOptionsResult::decode(results[0].body.clone()).unwrap()
    }

    async fn options(&mut self) -> GetSessionOptionsResult {
        let results = self.action("GetSessionOptions", Vec::new()).await.unwrap();
        GetSessionOptionsResult::decode(results[0].body.clone()).unwrap()
    }

    async fn close(&mut self) -> i32 {
        let results = self.action("CloseSession", Vec::new()).await.unwrap();
        CloseSessionResult::decode(results[0].body.clone())
            .unwrap()
            .status
    }
}

fn text(value: &str) -> Option<OptionValue> {
    Some(OptionValue::Text(value.to_owned()))
}

fn cookie<T>(response: &Response<T>) -> Option<String> {
    let cookie = response.metadata().get("set-cookie")?;
    Some(cookie.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_is_a_session_of_its_own() {
    let server = Server::start().await;
    let (mut one, mut other) = (server.alice().await, server.alice().await);
    assert!(one.set("schema", text("files")).await.errors.is_empty());
    assert_eq!(one.option("schema").await, "files");
    assert_eq!(other.option("schema").await, "main");
    assert!(one.set("schema", None).await.errors.is_empty());
    assert_eq!(one.option("schema").await, "main");
    let response = one.info_response(statement("SELECT 1")).await.unwrap();
    assert_eq!(cookie(&response), None);
}

#[tokio::test]
async fn options_are_typed_named_and_checked_one_by_one() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let changes = BTreeMap::from([
        ("batch_rows".to_owned(), Some(OptionValue::Int(500))),
        ("no_such_option".to_owned(), text("x")),
        ("schema".to_owned(), text("no_such_schema")),
    ]);
    let results = client
        .action("SetSessionOptions", encode_set(&changes).to_vec())
        .await
        .unwrap();
    let errors = SetSessionOptionsResult::decode(results[0].body.clone())
        .unwrap()
        .errors;
    let errors: BTreeMap<_, _> = errors
        .iter()
        .map(|(name, e)| (name.as_str(), e.value))
        .collect();
    assert_eq!(
        errors,
        BTreeMap::from([("no_such_option", 1), ("schema", 2)])
    );
    let options = client.options().await.session_options;
    let value = |name: &str| options[name].option_value.clone().unwrap();
    let text = session_option_value::OptionValue::StringValue;
    assert_eq!(value("catalog"), text("godwit".to_owned()));
    assert_eq!(value("schema"), text("main".to_owned()));
    assert_eq!(client.option("batch_rows").await, "500");
}

#[tokio::test]
async fn a_cookie_is_offered_and_then_it_is_the_session() {
    let server = Server::start().await;
    let mut client = server.client(Some(&basic("alice"))).await;
    let before = server.engine.sessions().len();
    let response = client.info_response(statement("SELECT 1")).await.unwrap();
    let offered = cookie(&response).unwrap();
    assert!(offered.starts_with("arrow_flight_session_id="), "{offered}");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(offered.contains(attribute), "{offered}");
    }
    assert!(!offered.contains("Secure"), "{offered}");
    assert!(
        server.engine.sessions().len() <= before + 1,
        "only the one for all without a cookie"
    );

    let pair = offered.split(';').next().unwrap().to_owned();
    client
        .headers
        .insert("cookie".to_owned(), format!("other=1; {pair}"));
    assert!(client.set("schema", text("files")).await.errors.is_empty());
    assert_eq!(client.option("schema").await, "files");
    let response = client.info_response(statement("SELECT 1")).await.unwrap();
    assert_eq!(cookie(&response), None);

    assert_eq!(client.close().await, 1);
    assert_eq!(client.option("schema").await, "main");

    // A cookie that was made up, or is another user's, is as good as none.
    let mut bob = server.client(Some(&basic("bob"))).await;
    for stolen in [pair.as_str(), "arrow_flight_session_id=AQID"] {
        bob.headers.insert("cookie".to_owned(), stolen.to_owned());
        let response = bob.info_response(statement("SELECT 1")).await.unwrap();
        assert!(cookie(&response).is_some());
    }
}

#[tokio::test]
async fn without_a_session_nothing_can_be_set() {
    let server = Server::start().await;
    let mut client = server.client(Some(&basic("alice"))).await;
    let body = encode_set(&BTreeMap::from([("schema".to_owned(), text("files"))]));
    let result = client.action("SetSessionOptions", body.to_vec()).await;
    assert_fails(result, Code::InvalidArgument, "session");
    assert_fails(
        client.sql_info("SET schema = 'files'").await,
        Code::InvalidArgument,
        "session",
    );
    assert_eq!(client.option("schema").await, "main");
    assert_eq!(client.close().await, 3);
}

#[tokio::test]
async fn cookies_of_a_server_with_tls_never_travel_without_it() {
    let server = Server::start_with(|_| {}, |options| options.secure_cookies = true).await;
    let mut client = server.client(Some(&basic("alice"))).await;
    let response = client.info_response(statement("SELECT 1")).await.unwrap();
    assert!(cookie(&response).unwrap().contains("; Secure"));
}

#[tokio::test]
async fn closing_a_session_keeps_the_token() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    assert!(client.set("schema", text("files")).await.errors.is_empty());
    assert_eq!(client.close().await, 1);
    assert_eq!(client.option("schema").await, "main");
}
