use std::time::Duration;

use serde_json::{Value, json};

use super::support::{
    House, ISSUER, Signer, accepted, changed, claims, claims_with, in_seconds, refused,
};

#[tokio::test]
async fn whom_it_is_for_and_who_issued_it() {
    let signer = Signer::ed("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    accepted(
        &authenticator,
        &signer.token(&claims_with(&json!({"aud": "godwit"}))),
    )
    .await;
    for changes in [
        json!({"aud": "another"}),
        json!({"aud": ["another", "Godwit", "godwit "]}),
        json!({"aud": []}),
        json!({"aud": 1}),
        json!({"aud": {"godwit": true}}),
        json!({"aud": [["godwit"]]}),
        json!({"aud": null}),
        json!({"iss": "https://issuer.test"}),
        json!({"iss": format!("{ISSUER}/")}),
        json!({"iss": ISSUER.to_uppercase()}),
        json!({"iss": [ISSUER]}),
        json!({"iss": "godwit"}),
        json!({"iss": null}),
    ] {
        refused(
            &authenticator,
            &changes.to_string(),
            &signer.token(&claims_with(&changes)),
        )
        .await;
    }
}

#[tokio::test]
async fn when_it_is_valid() {
    let signer = Signer::ed("k");
    let mut house = House::with_keys(&[signer.jwk()]);
    let authenticator = house.start();
    // Thirty seconds are forgiven.
    for changes in [
        json!({"exp": in_seconds(-10)}),
        json!({"nbf": in_seconds(10), "iat": in_seconds(10)}),
        json!({"exp": in_seconds(3) as f64 + 0.5}),
        json!({"nbf": null, "iat": null}),
        json!({"exp": 99_999_999_999_u64}),
    ] {
        accepted(&authenticator, &signer.token(&claims_with(&changes))).await;
    }
    for changes in [
        json!({"exp": in_seconds(-60)}),
        json!({"exp": 0}),
        json!({"exp": -1}),
        json!({"exp": in_seconds(600).to_string()}),
        json!({"exp": [in_seconds(600)]}),
        json!({"exp": 1e300}),
        json!({"exp": true}),
        json!({"exp": null}),
        json!({"nbf": in_seconds(60)}),
        json!({"nbf": "soon"}),
        json!({"nbf": 1e300}),
        json!({"iat": in_seconds(60)}),
        json!({"iat": {}}),
    ] {
        refused(
            &authenticator,
            &changes.to_string(),
            &signer.token(&claims_with(&changes)),
        )
        .await;
    }
    house.issuer().clock_skew = Duration::ZERO;
    let strict = house.start();
    refused(
        &strict,
        "just expired",
        &signer.token(&claims_with(&json!({"exp": in_seconds(-1)}))),
    )
    .await;
}

#[tokio::test]
async fn what_is_signed_and_is_no_token_to_call_with() {
    let signer = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    for typ in [
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        Value::Null,
    ] {
        let header = changed(signer.header(), &json!({"typ": typ}));
        accepted(
            &authenticator,
            &signer.sign(&header.to_string(), &claims().to_string()),
        )
        .await;
    }
    for changes in [
        json!({"typ": "logout+jwt"}),
        json!({"typ": "dpop+jwt"}),
        json!({"typ": "secevent+jwt"}),
        json!({"typ": "JWE"}),
        json!({"typ": 1}),
        json!({"crit": ["exp"]}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": []}),
        json!({"enc": "A128GCM"}),
        json!({"zip": "DEF"}),
    ] {
        let header = changed(signer.header(), &changes);
        let token = signer.sign(&header.to_string(), &claims().to_string());
        refused(&authenticator, &changes.to_string(), &token).await;
    }
    for changes in [
        json!({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"cnf": {"x5t#S256": "x"}}),
    ] {
        refused(
            &authenticator,
            &changes.to_string(),
            &signer.token(&claims_with(&changes)),
        )
        .await;
    }
}

#[tokio::test]
async fn users_that_are_none() {
    let signer = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    for sub in [
        Value::Null,
        json!(""),
        json!(" "),
        json!("ann "),
        json!(" ann"),
        json!(7),
        json!(["ann"]),
        json!({"name": "ann"}),
        json!("a\nb"),
        json!("a\0b"),
        json!("a\u{7f}b"),
        json!("a".repeat(125)),
    ] {
        let token = signer.token(&claims_with(&json!({"sub": sub})));
        refused(&authenticator, &sub.to_string(), &token).await;
    }
}
