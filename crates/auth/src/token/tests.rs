use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const TTL: Duration = Duration::from_secs(1000);
const SESSION: [u8; 16] = [0xab; 16];

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
}

fn tokens() -> Tokens {
    Tokens::with_key(&[7; 32], TTL).unwrap()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn good_claims() -> Value {
    json!({
        "iss": "godwit", "aud": "godwit", "sub": "ann", "sid": "ab".repeat(16),
        "iat": 1_000_000, "exp": 1_001_000,
    })
}

/// A token with any claims, signed with the right key.
fn signed(claims: &Value) -> String {
    encode(&Header::new(Algorithm::EdDSA), claims, &tokens().signing).unwrap()
}

#[test]
fn a_token_names_its_user_and_session_until_it_expires() {
    let token = tokens().issue("ann", SESSION, at(0)).unwrap();
    let verify = |second| tokens().verify(token.expose(), at(second));
    let verified = |due| Verified {
        user: "ann".to_owned(),
        session: SESSION,
        due,
    };
    assert_eq!(verify(0), Some(verified(false)));
    assert_eq!(verify(499), Some(verified(false)));
    assert_eq!(verify(500), Some(verified(true)));
    assert_eq!(verify(999), Some(verified(true)));
    assert_eq!(verify(1000), None);
    assert_eq!(verify(u64::from(u32::MAX)), None);
}

#[test]
fn a_token_from_the_future_is_refused_beyond_the_leeway() {
    let token = tokens().issue("ann", SESSION, at(LEEWAY)).unwrap();
    assert!(tokens().verify(token.expose(), at(0)).is_some());
    let token = tokens().issue("ann", SESSION, at(LEEWAY + 1)).unwrap();
    assert!(tokens().verify(token.expose(), at(0)).is_none());
}

#[test]
fn a_shorter_life_counts_for_tokens_that_were_issued_before() {
    let token = tokens().issue("ann", SESSION, at(0)).unwrap();
    let shorter = Tokens::with_key(&[7; 32], TTL / 2).unwrap();
    assert!(shorter.verify(token.expose(), at(499)).is_some());
    assert!(shorter.verify(token.expose(), at(500)).is_none());
}

#[test]
fn claims_must_be_complete_and_right() {
    assert!(tokens().verify(&signed(&good_claims()), at(1)).is_some());
    for name in ["iss", "aud", "sub", "sid", "iat", "exp"] {
        let mut claims = good_claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(
            tokens().verify(&signed(&claims), at(1)),
            None,
            "without {name}"
        );
    }
    for (name, value) in [
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("sub", json!(7)),
        ("sid", json!("ab")),
        ("sid", json!("xy".repeat(16))),
        ("sid", json!("ü".repeat(16))),
        ("iat", json!(-1)),
        ("iat", json!("1000000")),
        ("exp", json!(999_999)),
        ("exp", json!(0)),
        ("exp", Value::Null),
    ] {
        let mut claims = good_claims();
        claims[name] = value;
        assert_eq!(tokens().verify(&signed(&claims), at(1)), None, "{claims}");
    }
}

#[test]
fn extreme_times_do_not_overflow() {
    for (iat, exp) in [(0, u64::MAX), (u64::MAX, u64::MAX), (u64::MAX, 0), (0, 0)] {
        let mut claims = good_claims();
        claims["iat"] = json!(iat);
        claims["exp"] = json!(exp);
        assert_eq!(tokens().verify(&signed(&claims), at(1)), None, "{claims}");
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    for alg in ["none", "None", "NONE", ""] {
        let head = part(&json!({"alg": alg, "typ": "JWT"}));
        let body = part(&good_claims());
        for token in [
            format!("{head}.{body}."),
            format!("{head}.{body}"),
            format!("{head}.{body}.AA"),
        ] {
            assert_eq!(tokens().verify(&token, at(1)), None, "{token}");
        }
    }
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = pair.public_key().as_ref();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(public)
    );
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for secret in [public, pem.as_bytes(), b""] {
            let key = EncodingKey::from_secret(secret);
            let token = encode(&Header::new(algorithm), &good_claims(), &key).unwrap();
            assert_eq!(tokens().verify(&token, at(1)), None);
        }
    }
}

#[test]
fn tokens_of_other_keys_are_refused() {
    let other = Tokens::with_key(&[8; 32], TTL).unwrap();
    let token = other.issue("ann", SESSION, at(0)).unwrap();
    assert_eq!(tokens().verify(token.expose(), at(1)), None);
}

#[test]
fn damaged_tokens_are_refused() {
    let token = tokens().issue("ann", SESSION, at(0)).unwrap();
    let good = token.expose();
    assert!(tokens().verify(good, at(1)).is_some());
    for at_byte in 0..good.len() {
        assert_eq!(tokens().verify(&good[..at_byte], at(1)), None);
        assert_eq!(tokens().verify(&good[at_byte + 1..], at(1)), None);
        let mut changed = good.as_bytes().to_vec();
        changed[at_byte] = if changed[at_byte] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(tokens().verify(&changed, at(1)), None, "byte {at_byte}");
    }
    for garbage in ["", ".", "..", "...", "None", "a.b.c", &"a.".repeat(5000)] {
        assert_eq!(tokens().verify(garbage, at(1)), None);
    }
}

#[test]
fn the_key_outlives_a_restart_and_is_a_key_to_others_too() {
    let data = tempfile::tempdir().unwrap();
    let storage = Storage::open(data.path()).unwrap();
    let token = Tokens::open(&storage, TTL)
        .unwrap()
        .issue("ann", SESSION, at(0))
        .unwrap();
    let again = Tokens::open(&storage, TTL).unwrap();
    assert!(again.verify(token.expose(), at(1)).is_some());
    let pem = storage.read(FILE).unwrap().unwrap();
    let theirs = EncodingKey::from_ed_pem(&pem).unwrap();
    assert_eq!(theirs.as_bytes(), again.signing.as_bytes());
}

#[test]
fn a_file_without_a_key_is_reported_and_left_alone() {
    let pem = String::from_utf8(pem_of(&[7; 32]).to_vec()).unwrap();
    for content in [
        String::new(),
        pem[..pem.len() / 2].to_owned(),
        pem.replace("PRIVATE", "PUBLIC"),
        pem.replace("MC4C", "MC4D"),
        pem.replacen("\n-----END", "AAAA\n-----END", 1),
        "\u{fffd}".to_owned(),
    ] {
        let data = tempfile::tempdir().unwrap();
        let storage = Storage::open(data.path()).unwrap();
        storage.create(FILE, content.as_bytes()).unwrap();
        let message = Tokens::open(&storage, TTL).unwrap_err().to_string();
        assert!(
            message.ends_with("signing-key.pem: not an Ed25519 private key in PEM form"),
            "{message}"
        );
        assert_eq!(
            storage.read(FILE).unwrap().unwrap().as_slice(),
            content.as_bytes()
        );
    }
}

#[test]
fn debug_shows_no_secret() {
    let token = tokens().issue("ann", SESSION, at(0)).unwrap();
    assert_eq!(
        format!("{token:?} {:?}", tokens()),
        "BearerToken(…) Tokens(…)"
    );
}
