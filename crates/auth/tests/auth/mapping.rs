use std::{collections::BTreeMap, sync::Arc, time::Duration};

use godwit_auth::{Authenticator, Error, Identity, Intent, Via};
use godwit_config::Issuer;
use serde_json::{Value, json};

use super::support::{House, ISSUER, Signer, call, claims_with, in_seconds, until};

const OTHER: &str = "https://other.test";

/// Trusts one key of one issuer.
struct One {
    signer: Signer,
    house: House,
}

impl One {
    fn new() -> Self {
        let signer = Signer::ed("k");
        let house = House::with_keys(&[signer.jwk()]);
        Self { signer, house }
    }

    fn issuer(&mut self) -> &mut Issuer {
        self.house.issuer()
    }

    async fn called(&self, changes: &Value) -> Result<Identity, Error> {
        let token = self.signer.token(&claims_with(changes));
        call(&self.house.start(), &token).await
    }

    async fn user(&self, changes: &Value) -> Option<String> {
        let called = self.called(changes).await.ok()?;
        Some(called.user().to_owned())
    }

    async fn roles(&self, changes: &Value) -> Vec<String> {
        let called = self.called(changes).await.unwrap();
        called.roles().iter().map(ToString::to_string).collect()
    }

    async fn session(&self, changes: &Value) -> [u8; 16] {
        let called = self.called(changes).await.unwrap();
        called.session().unwrap()
    }
}

fn allowed(authenticator: &Authenticator, identity: &Identity) -> bool {
    let permit = authenticator.authorize(identity, Intent::Query);
    match permit {
        Ok(permit) => {
            assert_eq!(permit.identity().roles(), identity.roles());
            true
        }
        Err(Error::Denied { user }) => {
            assert_eq!(user, identity.user());
            false
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_user_is_a_claim_with_the_issuers_name_in_front() {
    let mut one = One::new();
    assert_eq!(one.user(&json!({})).await.unwrap(), "sso:ann");
    assert_eq!(one.user(&json!({"sub": "a:b"})).await.unwrap(), "sso:a:b");
    assert_eq!(
        one.user(&json!({"sub": "ünïcode 🐦"})).await.unwrap(),
        "sso:ünïcode 🐦"
    );
    one.issuer().user_prefix = Some("corp/".to_owned());
    assert_eq!(one.user(&json!({})).await.unwrap(), "corp/ann");
    one.issuer().user_prefix = Some(String::new());
    assert_eq!(one.user(&json!({})).await.unwrap(), "ann");
}

#[tokio::test]
async fn the_claim_can_be_a_path() {
    let mut one = One::new();
    let told = json!({
        "preferred_username": "ann.smith",
        "who": {"name": {"short": "as"}, "list": ["x"]},
        "https://example.com/user.name": "spaced",
        "who.name": "dotted",
    });
    for (claim, user) in [
        ("preferred_username", Some("sso:ann.smith")),
        ("who.name.short", Some("sso:as")),
        ("https://example.com/user.name", Some("sso:spaced")),
        ("who.name", Some("sso:dotted")),
        ("who", None),
        ("who.list", None),
        ("who.list.0", None),
        ("who.nobody", None),
        ("nobody.at.all", None),
        ("who.", None),
        (".", None),
    ] {
        one.issuer().user_claim = claim.to_owned();
        assert_eq!(one.user(&told).await.as_deref(), user, "{claim}");
    }
}

#[tokio::test]
async fn roles_are_those_that_the_map_names() {
    let mut one = One::new();
    let told = json!({
        "realm_access": {"roles": ["b-team", "admin", "a-team", "a-team", 7, null]},
        "scope": "openid a-team  x",
        "sentence": "the whole text",
        "number": 1,
    });
    assert_eq!(one.roles(&told).await, [""; 0], "nothing by default");
    let map = [
        ("a-team", "reader"),
        ("b-team", "writer"),
        ("openid", "reader"),
        ("the whole text", "whole"),
    ];
    let map = map.map(|(value, role)| (value.to_owned(), role.to_owned()));
    one.issuer().role_map = BTreeMap::from(map);
    for (claim, roles) in [
        ("realm_access.roles", vec!["reader", "writer"]),
        ("scope", vec!["reader"]),
        ("sentence", vec!["whole"]),
        ("number", vec![]),
        ("realm_access", vec![]),
        ("nothing", vec![]),
    ] {
        one.issuer().roles_claim = Some(claim.to_owned());
        assert_eq!(one.roles(&told).await, roles, "{claim}");
    }
}

#[tokio::test]
async fn roles_of_a_token_count_while_it_is_used() {
    let mut one = One::new();
    one.issuer().roles_claim = Some("groups".to_owned());
    one.issuer().role_map = [("ops".to_owned(), "admin".to_owned())].into();
    let authenticator = one.house.start();
    for (groups, admin) in [
        (json!(["ops"]), true),
        (json!(["admin"]), false),
        (json!([]), false),
    ] {
        let token = one.signer.token(&claims_with(&json!({"groups": groups})));
        let identity = call(&authenticator, &token).await.unwrap();
        let permit = authenticator.authorize(&identity, Intent::Query).unwrap();
        assert_eq!(permit.authority().is_admin(), admin, "{groups}");
    }
}

#[tokio::test]
async fn tokens_of_one_login_share_a_session() {
    let one = One::new();
    let first = one.session(&json!({"sid": "s1", "jti": "1"})).await;
    let renewed = json!({"sid": "s1", "jti": "2", "exp": in_seconds(900)});
    assert_eq!(one.session(&renewed).await, first);
    for changes in [
        json!({"sid": "s2", "jti": "1"}),
        json!({"jti": "s1"}),
        json!({"sid": "s1", "sub": "bob"}),
        json!({}),
    ] {
        assert_ne!(one.session(&changes).await, first, "{changes}");
    }
    let by_id = json!({"jti": "1", "exp": in_seconds(60)});
    let again = json!({"jti": "1", "exp": in_seconds(120)});
    assert_eq!(one.session(&by_id).await, one.session(&again).await);
    let bare = json!({"exp": in_seconds(60)});
    let other = json!({"exp": in_seconds(120)});
    assert_ne!(one.session(&bare).await, one.session(&other).await);
}

#[tokio::test]
async fn whoever_holds_a_token_is_allowed_until_it_expires() {
    let mut one = One::new();
    one.issuer().clock_skew = Duration::ZERO;
    let authenticator = one.house.start();
    let expires = in_seconds(2);
    let token = one.signer.token(&claims_with(&json!({"exp": expires})));
    let identity = call(&authenticator, &token).await.unwrap();
    assert_eq!(identity.via(), Via::Issuer);
    assert!(
        allowed(&authenticator, &identity),
        "and need not be a user of ours"
    );
    until(async || in_seconds(0) >= expires).await;
    assert!(!allowed(&authenticator, &identity));
    assert_eq!(
        call(&authenticator, &token).await,
        Err(Error::Unauthenticated)
    );
}

#[tokio::test]
async fn a_handshake_gives_the_same_token_back() {
    let one = One::new();
    let token = one.signer.token(&claims_with(&json!({"sid": "s"})));
    let header = format!("Bearer {token}");
    let login = one
        .house
        .start()
        .login(Some(&header), godwit_auth::Peer::UNKNOWN)
        .await
        .unwrap();
    assert_eq!(login.token.unwrap().expose(), token);
    assert_eq!(login.identity.user(), "sso:ann");
    assert_eq!(
        login.identity.session(),
        Some(one.session(&json!({"sid": "s"})).await)
    );
}

#[tokio::test]
async fn each_issuer_has_its_own_keys() {
    let (ours, theirs) = (Signer::ed("k"), Signer::ed("k"));
    let mut house = House::with_keys(&[ours.jwk()]);
    let path = house.data.path().join("other-keys");
    std::fs::write(&path, json!({"keys": [theirs.jwk()]}).to_string()).unwrap();
    let mut other = Issuer::new(OTHER, "godwit");
    other.key_file = Some(path);
    house.config.auth.issuers.insert("other".to_owned(), other);
    let authenticator = Arc::new(house.start());
    for (signer, issuer, user) in [
        (&ours, ISSUER, Some("sso:ann")),
        (&theirs, OTHER, Some("other:ann")),
        (&ours, OTHER, None),
        (&theirs, ISSUER, None),
    ] {
        let token = signer.token(&claims_with(&json!({"iss": issuer})));
        let called = call(&authenticator, &token).await;
        assert_eq!(called.ok().as_ref().map(Identity::user), user, "{issuer}");
    }
}

#[tokio::test]
async fn without_authentication_tokens_of_others_mean_nothing() {
    let mut one = One::new();
    one.house.config.auth.mode = godwit_config::AuthMode::Off;
    let identity = one.called(&json!({"sid": "s"})).await.unwrap();
    assert_eq!((identity.via(), identity.session()), (Via::Anonymous, None));
}
