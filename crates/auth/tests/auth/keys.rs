use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::support::{House, RSA, Signer, call, changed, claims};

async fn works(house: &House, signer: &Signer) -> bool {
    call(&house.start(), &signer.token(&claims())).await.is_ok()
}

#[tokio::test]
async fn every_algorithm_works() {
    let rsa = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    let signers = rsa.map(|algorithm| Signer::rsa("k", algorithm));
    for signer in signers
        .into_iter()
        .chain([Signer::ec("k"), Signer::ed("k")])
    {
        let house = House::with_keys(&[signer.jwk()]);
        assert!(works(&house, &signer).await, "{:?}", signer.algorithm);
    }
}

#[tokio::test]
async fn a_key_is_used_for_what_it_is_for() {
    let signer = Signer::rsa("k", Algorithm::RS256);
    for (changes, good) in [
        (json!({}), true),
        (json!({"use": null, "alg": null}), true),
        (json!({"use": null, "key_ops": ["verify"]}), true),
        (json!({"x5c": ["!"], "x5t": 1, "d": "private"}), true),
        (json!({"use": "enc"}), false),
        (json!({"use": "SIG"}), false),
        (
            json!({"use": null, "key_ops": ["encrypt", "wrapKey"]}),
            false,
        ),
        (json!({"use": null, "key_ops": []}), false),
        (json!({"alg": "RS512"}), false),
        (json!({"alg": "PS256"}), false),
        (json!({"alg": "RSA-OAEP"}), false),
        (json!({"alg": "HS256"}), false),
        (json!({"kty": "EC"}), false),
        (json!({"kty": "oct"}), false),
        (json!({"kid": "other"}), false),
        (json!({"n": "AQAB"}), false),
        (json!({"n": "!"}), false),
        (json!({"e": null}), false),
        (json!({"n": "_".repeat(1366)}), false),
    ] {
        // Another key stands beside it, because a set without any is no set.
        let jwk = changed(signer.jwk(), &changes);
        let house = House::with_keys(&[Signer::ed("beside").jwk(), jwk]);
        assert_eq!(works(&house, &signer).await, good, "{changes}");
    }
}

#[tokio::test]
async fn curves_are_those_of_their_algorithms() {
    let signer = Signer::ec("k");
    let jwk = signer.jwk();
    for changes in [
        json!({"crv": "P-384"}),
        json!({"crv": "P-521"}),
        json!({"crv": "secp256k1"}),
        json!({"crv": "Ed25519"}),
        json!({"y": jwk["x"]}),
        json!({"x": "AAAA"}),
        json!({"x": "A".repeat(43), "y": "A".repeat(43)}),
    ] {
        let bad = changed(jwk.clone(), &changes);
        let house = House::with_keys(&[Signer::ed("beside").jwk(), bad]);
        assert!(!works(&house, &signer).await, "{changes}");
    }
}

#[tokio::test]
async fn keys_that_share_an_id_all_count() {
    let (old, new, rsa) = (
        Signer::ec("k"),
        Signer::ec("k"),
        Signer::rsa("k", Algorithm::RS256),
    );
    let house = House::with_keys(&[old.jwk(), new.jwk(), rsa.jwk()]);
    for signer in [&old, &new, &rsa] {
        assert!(works(&house, signer).await);
    }
    assert!(!works(&house, &Signer::ec("k")).await);
}

#[tokio::test]
async fn keys_without_ids_and_tokens_without_ids() {
    let (one, two) = (Signer::ec("one"), Signer::ec("two"));
    let nameless = changed(one.jwk(), &json!({"kid": null}));
    let header = changed(one.header(), &json!({"kid": null})).to_string();
    let house = House::with_keys(&[nameless.clone(), two.jwk()]);
    assert!(works(&house, &one).await, "an id that no key has");
    assert!(works(&house, &two).await);
    for signer in [&one, &two] {
        let token = signer.sign(&header, &claims().to_string());
        assert!(call(&house.start(), &token).await.is_ok(), "no id at all");
    }
    // A key with the id is the only one that counts.
    let house = House::with_keys(&[nameless, changed(two.jwk(), &json!({"kid": "one"}))]);
    assert!(!works(&house, &one).await);
}

#[tokio::test]
async fn one_token_costs_few_checks() {
    let last = Signer::ec("last");
    let header = changed(last.header(), &json!({"kid": null})).to_string();
    let token = last.sign(&header, &claims().to_string());
    for (others, good) in [(7, true), (8, false)] {
        let others = (0..others).map(|i| Signer::ec(&i.to_string()).jwk());
        let keys: Vec<Value> = others.chain([last.jwk()]).collect();
        let house = House::with_keys(&keys);
        assert_eq!(call(&house.start(), &token).await.is_ok(), good);
        assert!(works(&house, &last).await, "by its id it is found at once");
    }
}

#[tokio::test]
async fn keys_in_pem_form() {
    let rsa = Signer::rsa("k", Algorithm::RS256);
    let pem = |name: &str| std::fs::read_to_string(format!("tests/auth/{name}.pem")).unwrap();
    let house = House::with_key_file(&format!(
        "# old\n{}# new\n{}",
        pem("ed-public"),
        pem("rsa-public")
    ));
    assert!(works(&house, &rsa).await);
    assert!(works(&house, &Signer::rsa("any", Algorithm::PS512)).await);
    assert!(!works(&house, &Signer::ec("k")).await);
}

#[test]
fn files_without_a_use_are_refused_at_the_start() {
    let key = Signer::ed("k").jwk();
    let many = json!({"keys": vec![&key; 65]}).to_string();
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000));
    for (text, says) in [
        ("", "holds no public key"),
        ("hello", "holds no public key"),
        ("{", "not a JSON Web Key Set"),
        ("{\"keys\":{}}", "not a JSON Web Key Set"),
        ("{\"keys\":[]}", "holds no public key"),
        (
            "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
            "holds no public key",
        ),
        (&many, "holds 65 keys; at most 64"),
        (&large, "larger than max_fetch_bytes, 262144"),
        (RSA, "holds no public key"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "PEM block that is no public key",
        ),
    ] {
        let refused = House::with_key_file(text)
            .try_start()
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("auth.issuers.sso.key_file: "),
            "{refused}"
        );
        assert!(refused.contains(says), "{refused}");
        assert!(!refused.contains("PRIVATE"), "{refused}");
    }
}
