use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use godwit_auth::Via;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::support::{
    Answer, Host, House, ISSUER, RSA, Signer, accepted, call, changed, claims, claims_with, refused,
};

#[tokio::test]
async fn a_token_without_a_signature_is_worth_nothing() {
    let signer = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    let good = signer.token(&claims());
    accepted(&authenticator, &good).await;
    let (message, signature) = good.rsplit_once('.').unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = changed(signer.header(), &json!({"alg": alg}));
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let bare = format!("{}.{}", part(&header), part(&claims()));
        refused(&authenticator, alg, &format!("{bare}.")).await;
        refused(&authenticator, alg, &bare).await;
        refused(&authenticator, alg, &format!("{bare}.{signature}")).await;
    }
    refused(&authenticator, "stripped", &format!("{message}.")).await;
    refused(&authenticator, "cut", &good[..good.len() - 2]).await;
}

#[tokio::test]
async fn the_public_key_is_no_secret() {
    let signer = Signer::rsa("k", Algorithm::RS256);
    let set = json!({"keys": [signer.jwk()]}).to_string();
    let authenticator = House::with_key_file(&set).start();
    accepted(&authenticator, &signer.token(&claims())).await;
    let jwk = signer.jwk();
    let modulus = jwk["n"].as_str().unwrap();
    let raw = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    for secret in [
        RSA.as_bytes(),
        modulus.as_bytes(),
        &raw,
        set.as_bytes(),
        jwk.to_string().as_bytes(),
        b"",
    ] {
        for alg in ["HS256", "HS384", "HS512"] {
            let forger = Signer::secret("k", secret);
            let header = changed(forger.header(), &json!({"alg": alg}));
            let token = forger.sign(&header.to_string(), &claims().to_string());
            refused(&authenticator, alg, &token).await;
        }
    }
}

#[tokio::test]
async fn a_secret_among_the_keys_is_not_used() {
    let signer = Signer::ec("k");
    let secret = b"0123456789abcdef0123456789abcdef";
    let k = URL_SAFE_NO_PAD.encode(secret);
    let keys = [
        signer.jwk(),
        json!({"kty": "oct", "kid": "s", "k": k}),
        json!({"kty": "oct", "kid": "k", "k": k, "alg": "HS256"}),
    ];
    let authenticator = House::with_keys(&keys).start();
    accepted(&authenticator, &signer.token(&claims())).await;
    for id in ["s", "k"] {
        refused(
            &authenticator,
            id,
            &Signer::secret(id, secret).token(&claims()),
        )
        .await;
    }
}

#[tokio::test]
async fn another_algorithm_than_that_of_the_signature() {
    let signer = Signer::rsa("k", Algorithm::RS256);
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let mut house = House::with_keys(&[jwk]);
    let authenticator = house.start();
    accepted(&authenticator, &signer.token(&claims())).await;
    for alg in [
        "RS384", "RS512", "PS256", "ES256", "ES512", "EdDSA", "Ed25519", "RSA-OAEP", "dir",
    ] {
        let header = changed(signer.header(), &json!({"alg": alg}));
        let token = signer.sign(&header.to_string(), &claims().to_string());
        refused(&authenticator, alg, &token).await;
    }
    // A good signature by an algorithm that the operator does not want.
    house.issuer().algorithms = vec!["ES256".to_owned(), "PS256".to_owned()];
    let strict = house.start();
    refused(&strict, "not allowed", &signer.token(&claims())).await;
    let allowed = Signer::rsa("k", Algorithm::PS256);
    accepted(&strict, &allowed.token(&claims())).await;
}

#[tokio::test]
async fn key_ids_are_only_compared() {
    let signer = Signer::ec("k");
    let forger = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    accepted(&authenticator, &signer.token(&claims())).await;
    let long = "k".repeat(4000);
    for kid in [
        json!("../../../../dev/null"),
        json!("/dev/null"),
        json!("file:///etc/passwd"),
        json!("' OR '1'='1"),
        json!("k'; DROP TABLE users; --"),
        json!("k\0"),
        json!("K"),
        json!(" k"),
        json!(""),
        json!(["k"]),
        json!({"k": 1}),
        json!(0),
        json!(long),
        json!("k"),
        Value::Null,
    ] {
        let header = changed(signer.header(), &json!({"kid": kid}));
        let token = forger.sign(&header.to_string(), &claims().to_string());
        refused(&authenticator, &kid.to_string(), &token).await;
    }
}

#[tokio::test]
async fn a_token_does_not_bring_its_own_key() {
    let host = Host::start().await;
    let (signer, forger) = (Signer::ec("k"), Signer::ec("f"));
    host.publish(&[forger.jwk()]);
    host.answer("/cert", Answer::Raw("200 OK".to_owned(), b"x".to_vec()));
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    for changes in [
        json!({"jku": host.url("/keys")}),
        json!({"jku": host.url("/keys"), "kid": "k"}),
        json!({"x5u": host.url("/cert")}),
        json!({"jwk": forger.jwk()}),
        json!({"jwk": forger.jwk(), "kid": null}),
        json!({"x5c": ["MIIB"], "x5t": "a", "x5t#S256": "b"}),
        json!({"kid": host.url("/keys")}),
    ] {
        let header = changed(forger.header(), &changes);
        let token = forger.sign(&header.to_string(), &claims().to_string());
        refused(&authenticator, &changes.to_string(), &token).await;
        // The same beside a good signature changes nothing, except where it names another key.
        if changes.get("kid").is_none() {
            let header = changed(signer.header(), &changes);
            let token = signer.sign(&header.to_string(), &claims().to_string());
            accepted(&authenticator, &token).await;
        }
    }
    assert!(host.asked().is_empty(), "{:?}", host.asked());
}

#[tokio::test]
async fn texts_that_are_no_token() {
    let signer = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    let good = signer.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let other = signer.token(&claims_with(&json!({"sub": "bob"})));
    let other_payload = other.split('.').nth(1).unwrap();
    let two_algorithms = r#"{"alg":"ES256","kid":"k","alg":"none"}"#;
    let deep = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let padded = STANDARD.encode(claims().to_string());
    for token in [
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{payload}.{signature}"),
        format!("{payload}.{header}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!("{good} {good}"),
        format!("{good},{good}"),
        format!("{header}.{padded}=.{signature}"),
        format!("{header}..{signature}"),
        "..".to_owned(),
        ".".to_owned(),
        String::new(),
        signer.sign(two_algorithms, &claims().to_string()),
        signer.sign("[]", &claims().to_string()),
        signer.sign("null", &claims().to_string()),
        signer.sign(&signer.header().to_string(), "[]"),
        signer.sign(&signer.header().to_string(), &deep),
        signer.sign(
            &signer.header().to_string(),
            &format!("{{\"iss\":{ISSUER:?},\"x\":{deep}}}"),
        ),
    ] {
        refused(&authenticator, "no token", &token).await;
    }
    // The lower half of the last character holds no bits of the signature; it must still be as it was made.
    let last = good.chars().last().unwrap();
    let next = char::from(last as u8 + 1);
    refused(
        &authenticator,
        "other spelling",
        &format!("{}{next}", &good[..good.len() - 1]),
    )
    .await;
}

#[tokio::test]
async fn huge_tokens_are_not_looked_at() {
    let signer = Signer::ec("k");
    let authenticator = House::with_keys(&[signer.jwk()]).start();
    let with = |size: usize| signer.token(&claims_with(&json!({"x": "y".repeat(size)})));
    accepted(&authenticator, &with(8_000)).await;
    for size in [16_000, 1_000_000] {
        refused(&authenticator, "huge", &with(size)).await;
    }
}

#[tokio::test]
async fn our_own_tokens_and_theirs_are_not_mixed_up() {
    let signer = Signer::ed("k");
    let mut house = House::with_keys(&[signer.jwk()]);
    house.config.admin.password = Some(godwit_config::Secret::new("s3cret"));
    let authenticator = house.start();
    let basic = format!("Basic {}", STANDARD.encode("admin:s3cret"));
    let own = authenticator
        .login(Some(&basic), godwit_auth::Peer::UNKNOWN)
        .await
        .unwrap()
        .token
        .unwrap();
    assert_eq!(
        call(&authenticator, own.expose()).await.unwrap().via(),
        Via::Bearer
    );
    // Their key does not sign for us, and their issuer's name does not make a token of ours theirs.
    for changes in [
        json!({"iss": "godwit", "aud": "godwit", "sub": "admin", "sid": "0".repeat(32)}),
        json!({"iss": "godwit", "aud": "godwit", "sub": "admin", "sid": "0".repeat(32), "nbf": null}),
    ] {
        refused(
            &authenticator,
            "theirs as ours",
            &signer.token(&claims_with(&changes)),
        )
        .await;
    }
    let mut parts: Vec<String> = own.expose().split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims().to_string());
    refused(&authenticator, "ours as theirs", &parts.join(".")).await;
}
