//! Every way to lie with a token, in one table: none of them is verified.

use jsonwebtoken::{EncodingKey, crypto};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::tests::{SECRET, at, good_claims, tokens};
use super::*;
use crate::token::keys::Key;

/// A token of this text, signed with a key.
fn signed(header: &str, claims: &str, algorithm: Algorithm, key: &EncodingKey) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// A token of this header and these claims, signed with the right key.
fn ours(header: &Value, claims: &Value) -> String {
    let (header, claims) = (header.to_string(), claims.to_string());
    signed(&header, &claims, Algorithm::EdDSA, &key().signing)
}

fn key() -> Key {
    Key::new(&SECRET).unwrap()
}

fn good_header() -> Value {
    json!({"typ": "JWT", "alg": "EdDSA", "kid": key().id})
}

fn with(mut value: Value, name: &str, other: Value) -> Value {
    value[name] = other;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

/// Headers that say something else about how the token is signed.
fn headers() -> Vec<(String, String)> {
    let other = Key::new(&[9; 32]).unwrap();
    let public = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(public.public_key()), "kid": other.id,
    });
    let mut found = Vec::new();
    for (name, value) in [
        ("kid", json!(other.id)),
        ("kid", json!("")),
        ("kid", json!("../../../../dev/null")),
        ("kid", json!(format!("../auth/keys/1.{}", key().id))),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("x' UNION SELECT 'key")),
        ("kid", json!(format!("{}\u{0}", key().id))),
        ("kid", json!("k".repeat(2000))),
        ("kid", json!([key().id])),
        ("kid", json!({"id": key().id})),
        ("kid", json!(1)),
        ("typ", json!("at+jwt")),
        ("typ", json!(["JWT"])),
        ("jwk", jwk),
        ("jku", json!("https://attacker.test/keys")),
        ("x5u", json!("https://attacker.test/chain")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("alg", json!("eddsa")),
        ("alg", json!("Ed25519")),
        ("alg", json!("ES256")),
        ("alg", json!(["EdDSA"])),
        ("alg", Value::Null),
    ] {
        let header = with(good_header(), name, value);
        found.push((format!("header {header}"), ours(&header, &good_claims())));
    }
    let header = without(good_header(), "alg");
    found.push(("no alg".to_owned(), ours(&header, &good_claims())));
    // Signed with the attacker's key, which the header brings along, under the right id.
    let header = with(good_header(), "jwk", json!({"kid": key().id})).to_string();
    let token = signed(
        &header,
        &good_claims().to_string(),
        Algorithm::EdDSA,
        &other.signing,
    );
    found.push(("a key of their own".to_owned(), token));
    let header = good_header().to_string();
    let token = signed(
        &header,
        &good_claims().to_string(),
        Algorithm::EdDSA,
        &other.signing,
    );
    found.push(("the id of another key".to_owned(), token));
    for text in [
        format!(r#"{{"alg":"none","alg":"EdDSA","kid":"{}"}}"#, key().id),
        format!(r#"{{"alg":"EdDSA","kid":"{}","kid":"x"}}"#, key().id),
        format!(r#"{{"alg":"EdDSA","kid":"{}"}} "#, key().id).replace("} ", "}x"),
        "[]".to_owned(),
        "null".to_owned(),
    ] {
        let token = signed(
            &text,
            &good_claims().to_string(),
            Algorithm::EdDSA,
            &key().signing,
        );
        found.push((format!("header {text}"), token));
    }
    found
}

/// Signatures that are none.
fn signatures() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let body = encoded(&good_claims().to_string());
    for alg in ["none", "None", "NONE", "nOnE", "", "EdDSA"] {
        let header = encoded(&with(good_header(), "alg", json!(alg)).to_string());
        for token in [
            format!("{header}.{body}."),
            format!("{header}.{body}"),
            format!("{header}.{body}.AA"),
            format!("{header}.{body}.{}", encoded(&"\0".repeat(64))),
        ] {
            found.push((format!("alg {alg:?} unsigned"), token));
        }
    }
    let pair = Ed25519KeyPair::from_seed_unchecked(&SECRET).unwrap();
    let public = pair.public_key().as_ref();
    let base64 = base64::engine::general_purpose::STANDARD.encode(public);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n");
    for (name, algorithm) in [
        ("HS256", Algorithm::HS256),
        ("HS384", Algorithm::HS384),
        ("HS512", Algorithm::HS512),
    ] {
        for secret in [public, pem.as_bytes(), key().id.as_bytes(), b""] {
            let secret = EncodingKey::from_secret(secret);
            for alg in [name, "EdDSA"] {
                let header = with(good_header(), "alg", json!(alg)).to_string();
                let token = signed(&header, &good_claims().to_string(), algorithm, &secret);
                found.push((format!("{name} with the public key as {alg}"), token));
            }
        }
    }
    found
}

/// Claims that are wrong, of the right key.
fn claims() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, value) in [
        ("iss", json!("other")),
        ("iss", json!("godwit ")),
        ("iss", json!("Godwit")),
        ("iss", json!(["godwit"])),
        ("aud", json!("other")),
        ("aud", json!("")),
        ("aud", json!(["godwit"])),
        ("aud", json!(["godwit", "other"])),
        ("sub", json!(7)),
        ("sub", json!(["ann"])),
        ("sid", json!("ab")),
        ("sid", json!("xy".repeat(16))),
        ("sid", json!("ü".repeat(16))),
        ("sid", json!(format!("+{}", "a".repeat(31)))),
        ("iat", json!(-1)),
        ("iat", json!("1000000")),
        ("iat", json!(1_000_000.5)),
        ("iat", json!(1_000_000 + LEEWAY + 2)),
        ("nbf", json!(1_000_000 + LEEWAY + 2)),
        ("nbf", json!(u64::MAX)),
        ("nbf", json!("soon")),
        ("exp", json!(1_000_001)),
        ("exp", json!(999_999)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("exp", json!(1e30)),
        ("exp", Value::Null),
    ] {
        let claims = with(good_claims(), name, value);
        found.push((format!("claims {claims}"), ours(&good_header(), &claims)));
    }
    for name in ["iss", "aud", "sub", "iat", "exp"] {
        let claims = without(good_claims(), name);
        found.push((format!("no {name}"), ours(&good_header(), &claims)));
    }
    let claims = without(without(good_claims(), "jti"), "sid");
    found.push(("no id".to_owned(), ours(&good_header(), &claims)));
    for (iat, exp) in [(0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0), (0, 0)] {
        let claims = with(with(good_claims(), "iat", json!(iat)), "exp", json!(exp));
        found.push((format!("claims {claims}"), ours(&good_header(), &claims)));
    }
    let text = good_claims().to_string();
    for double in [
        r#""sub":"root","#,
        r#""exp":9999999999,"#,
        r#""aud":"x","#,
        r#""iss":"x","#,
        r#""jti":"x","#,
    ] {
        let text = text.replacen('{', &format!("{{{double}"), 1);
        let token = signed(
            &good_header().to_string(),
            &text,
            Algorithm::EdDSA,
            &key().signing,
        );
        found.push((format!("claims {text}"), token));
    }
    found
}

/// What is no token, or not all of one.
fn shapes() -> Vec<(String, String)> {
    let good = ours(&good_header(), &good_claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let huge = with(good_claims(), "more", json!("x".repeat(LONGEST)));
    let bomb = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let mut found: Vec<_> = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "None".to_owned(),
        "a.b.c".to_owned(),
        "a.".repeat(5000),
        "\u{0}".repeat(100),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}{good}"),
        format!("{message}.{}", signature.to_lowercase()),
        ours(&good_header(), &huge),
        format!("{}.{}.{signature}", encoded(&bomb), encoded(&bomb)),
    ]
    .into_iter()
    .map(|token| ("shape".to_owned(), token))
    .collect();
    for at_byte in 0..good.len() {
        let mut changed = good.as_bytes().to_vec();
        changed[at_byte] = if changed[at_byte] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        found.push((format!("another byte {at_byte}"), changed));
        found.push((format!("cut at {at_byte}"), good[..at_byte].to_owned()));
        found.push((
            format!("from {}", at_byte + 1),
            good[at_byte + 1..].to_owned(),
        ));
    }
    found
}

#[test]
fn no_lie_is_believed() {
    let tokens = tokens();
    let good = ours(&good_header(), &good_claims());
    assert!(
        tokens.verify(&good, at(1)).is_some(),
        "the table is about lies"
    );
    let all = [headers(), signatures(), claims(), shapes()].concat();
    assert!(all.len() > 150, "{}", all.len());
    for (what, token) in all {
        assert_eq!(tokens.verify(&token, at(1)), None, "{what}: {token}");
    }
}

#[test]
fn looking_for_an_unknown_key_is_no_way_in() {
    let tokens = tokens();
    for (kid, unknown) in [
        (json!("../x"), true),
        (json!(key().id), false),
        (Value::Null, false),
    ] {
        let token = ours(&with(good_header(), "kid", kid), &good_claims());
        assert_eq!(tokens.is_of_unknown_key(&token), unknown);
    }
    assert!(!tokens.is_of_unknown_key("x"));
}
