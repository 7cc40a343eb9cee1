use std::{sync::Arc, time::Duration};

use godwit_auth::{Authenticator, Error};
use godwit_config::Issuer;
use serde_json::{Value, json};

use super::support::{Answer, Host, House, Signer, call, changed, claims, claims_with, until};

const LONG: Duration = Duration::from_secs(3600);

async fn works(authenticator: &Authenticator, signer: &Signer) -> bool {
    call(authenticator, &signer.token(&claims())).await.is_ok()
}

fn away() -> Error {
    Error::IssuerAway {
        issuer: "sso".to_owned(),
    }
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_tokens() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let authenticator = Arc::new(host.house().start());
    assert!(
        host.asked().is_empty(),
        "nothing is fetched before it is needed"
    );
    let calls = (0..20).map(|_| {
        let token = signer.token(&claims());
        let authenticator = Arc::clone(&authenticator);
        tokio::spawn(async move { call(&authenticator, &token).await.is_ok() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
    assert_eq!(host.asked(), ["/keys"]);
}

#[tokio::test]
async fn a_worthless_token_causes_no_fetch() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let authenticator = host.house().start();
    for changes in [
        json!({"aud": "x"}),
        json!({"exp": 1}),
        json!({"iss": "x"}),
        json!({"cnf": {}}),
    ] {
        assert!(
            call(&authenticator, &signer.token(&claims_with(&changes)))
                .await
                .is_err()
        );
    }
    assert!(host.asked().is_empty());
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let (host, old, new) = (Host::start().await, Signer::ed("old"), Signer::ed("new"));
    host.publish(&[old.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_pause = Duration::ZERO;
    let authenticator = house.start();
    assert!(works(&authenticator, &old).await);
    host.publish(&[old.jwk(), new.jwk()]);
    assert!(works(&authenticator, &new).await);
    assert!(works(&authenticator, &old).await);
    assert_eq!(host.asked().len(), 2);
    // A wrong signature by a known key is no reason to fetch.
    assert!(!works(&authenticator, &Signer::ed("new")).await);
    assert_eq!(host.asked().len(), 2);
}

#[tokio::test]
async fn unknown_key_ids_cause_few_fetches() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_pause = LONG;
    let authenticator = house.start();
    assert!(works(&authenticator, &signer).await);
    for id in 0..100 {
        assert!(!works(&authenticator, &Signer::ed(&id.to_string())).await);
    }
    assert_eq!(host.asked().len(), 1, "too early for another");
}

#[tokio::test]
async fn an_id_that_a_fetch_did_not_bring_is_remembered() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_pause = Duration::ZERO;
    let authenticator = house.start();
    assert!(works(&authenticator, &signer).await);
    for _ in 0..10 {
        for id in ["a", "b"] {
            assert!(!works(&authenticator, &Signer::ed(id)).await);
        }
    }
    assert_eq!(host.asked().len(), 3);
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_is_away() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_interval = Duration::from_millis(1);
    house.issuer().refresh_pause = Duration::from_millis(1);
    let authenticator = house.start();
    authenticator.keep_fresh();
    until(async || works(&authenticator, &signer).await).await;
    for broken in [
        Answer::Raw("500 Internal Server Error".to_owned(), Vec::new()),
        Answer::Raw("200 OK".to_owned(), b"<html>".to_vec()),
        Answer::Json(json!({"keys": []})),
    ] {
        host.answer("/keys", broken);
        let asked = host.asked().len();
        until(async || host.asked().len() > asked + 3).await;
        assert!(works(&authenticator, &signer).await);
    }
}

#[tokio::test]
async fn a_key_that_is_no_longer_published_stops_working() {
    let (host, old, new) = (Host::start().await, Signer::ed("old"), Signer::ed("new"));
    host.publish(&[old.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_interval = Duration::from_millis(1);
    let authenticator = house.start();
    authenticator.keep_fresh();
    until(async || works(&authenticator, &old).await).await;
    host.publish(&[new.jwk()]);
    until(async || !works(&authenticator, &old).await).await;
    assert!(works(&authenticator, &new).await);
}

#[tokio::test]
async fn fetching_ends_with_the_authenticator() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let mut house = host.house();
    house.issuer().refresh_interval = Duration::from_millis(1);
    let authenticator = house.start();
    authenticator.keep_fresh();
    until(async || host.asked().len() > 3).await;
    drop(authenticator);
    let tasks = tokio::runtime::Handle::current();
    // What is left is the host's own task, and connections that are ending.
    until(async || tasks.metrics().num_alive_tasks() == 1).await;
}

#[tokio::test]
async fn a_file_is_read_again() {
    let (old, new) = (Signer::ed("k"), Signer::ed("k"));
    let mut house = House::with_keys(&[old.jwk()]);
    house.issuer().refresh_interval = Duration::from_millis(1);
    let authenticator = house.start();
    authenticator.keep_fresh();
    assert!(works(&authenticator, &old).await);
    let path = house.issuer().key_file.clone().unwrap();
    std::fs::write(&path, "broken").unwrap();
    std::fs::write(&path, json!({"keys": [new.jwk()]}).to_string()).unwrap();
    until(async || works(&authenticator, &new).await).await;
    assert!(!works(&authenticator, &old).await);
}

#[tokio::test]
async fn an_issuer_that_was_never_there() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    let elsewhere = Host::start().await;
    elsewhere.publish(&[signer.jwk()]);
    let moved = format!("302 Found\r\nLocation: {}", elsewhere.url("/keys"));
    let padded = json!({"keys": [signer.jwk()], "x": "x".repeat(5000)}).to_string();
    let endless = format!("200 OK\r\nContent-Length: 100000\r\nX: {}", "y".repeat(10));
    for answer in [
        Answer::Raw("404 Not Found".to_owned(), Vec::new()),
        Answer::Raw(moved, Vec::new()),
        Answer::Raw(
            "201 Created".to_owned(),
            json!({"keys": [signer.jwk()]}).to_string().into_bytes(),
        ),
        Answer::Raw("200 OK".to_owned(), padded.clone().into_bytes()),
        Answer::Raw(endless, b"{".to_vec()),
        Answer::Silence,
        Answer::Json(json!({"keys": "none"})),
    ] {
        host.answer("/keys", answer);
        let mut house = host.house();
        house.issuer().fetch_timeout = Duration::from_millis(500);
        house.issuer().max_fetch_bytes = 4096;
        house.issuer().refresh_pause = LONG;
        let authenticator = house.start();
        let token = signer.token(&claims());
        let asked = host.asked().len();
        for _ in 0..5 {
            assert_eq!(call(&authenticator, &token).await, Err(away()));
        }
        assert_eq!(
            host.asked().len(),
            asked + 1,
            "a failed fetch is not repeated at once"
        );
    }
    assert!(elsewhere.asked().is_empty(), "redirects are not followed");
}

#[tokio::test]
async fn an_issuer_that_comes_late() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    let mut house = host.house();
    house.issuer().refresh_pause = Duration::from_millis(1);
    let authenticator = house.start();
    authenticator.keep_fresh();
    let token = signer.token(&claims());
    assert_eq!(call(&authenticator, &token).await, Err(away()));
    host.publish(&[signer.jwk()]);
    until(async || works(&authenticator, &signer).await).await;
}

/// A house that discovers the keys of a host.
fn discovering(host: &Host) -> House {
    let mut house = House::with_issuer(Issuer::new(host.url("/realm"), "godwit"));
    house.issuer().refresh_pause = Duration::ZERO;
    house
}

fn describe(host: &Host, changes: &Value) {
    let document = json!({"issuer": host.url("/realm"), "jwks_uri": host.url("/keys")});
    let path = "/realm/.well-known/openid-configuration";
    host.answer(path, Answer::Json(changed(document, changes)));
}

#[tokio::test]
async fn keys_are_discovered() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    describe(&host, &json!({}));
    let token = signer.token(&claims_with(&json!({"iss": host.url("/realm")})));
    let authenticator = discovering(&host).start();
    assert_eq!(
        call(&authenticator, &token).await.unwrap().user(),
        "sso:ann"
    );
    assert_eq!(
        host.asked(),
        ["/realm/.well-known/openid-configuration", "/keys"]
    );
    // A key set that has moved is followed at the next fetch.
    let new = Signer::ed("new");
    host.answer("/moved", Answer::Json(json!({"keys": [new.jwk()]})));
    describe(&host, &json!({"jwks_uri": host.url("/moved")}));
    let token = new.token(&claims_with(&json!({"iss": host.url("/realm")})));
    assert!(call(&authenticator, &token).await.is_ok());
}

#[tokio::test]
async fn a_discovery_document_is_not_trusted_blindly() {
    let (host, signer) = (Host::start().await, Signer::ed("k"));
    host.publish(&[signer.jwk()]);
    let token = signer.token(&claims_with(&json!({"iss": host.url("/realm")})));
    for changes in [
        json!({"issuer": host.url("/realm/")}),
        json!({"issuer": host.url("/other")}),
        json!({"issuer": null}),
        json!({"jwks_uri": null}),
        json!({"jwks_uri": "keys"}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"jwks_uri": "http://169.254.169.254/keys"}),
        json!({"jwks_uri": "http://keys.issuer.test/"}),
        json!({"jwks_uri": format!("http://127.0.0.1@keys.issuer.test:{}/keys", host.address.port())}),
        json!({"jwks_uri": format!("ftp://{}/keys", host.address)}),
    ] {
        describe(&host, &changes);
        let called = call(&discovering(&host).start(), &token).await;
        assert_eq!(called, Err(away()), "{changes}");
    }
    assert!(!host.asked().contains(&"/keys".to_owned()));
    describe(&host, &json!({}));
    assert!(call(&discovering(&host).start(), &token).await.is_ok());
}

#[test]
fn certificates_to_trust_must_be_some() {
    let mut house = House::with_issuer(Issuer::new("https://issuer.test", "godwit"));
    let path = house.data.path().join("ca.pem");
    house.issuer().ca_file = Some(path.clone());
    for (text, says) in [
        ("", "holds no certificate"),
        ("hello", "holds no certificate"),
    ] {
        std::fs::write(&path, text).unwrap();
        let refused = house.try_start().unwrap_err().to_string();
        assert!(
            refused.starts_with("auth.issuers.sso.ca_file: "),
            "{refused}"
        );
        assert!(refused.contains(says), "{refused}");
    }
}
