//! Users that are stored, tokens for services, revocation, and keys that change.

use super::*;
use crate::{
    access::{Record, Revocation, Revoked, StoredUser},
    mint::Mint,
};

/// Has all tokens be worthless that were issued until now: of a user, or of an id.
fn revoke(authenticator: &Authenticator, revoked: Revoked) {
    let directory = authenticator.directory();
    let access = directory.current();
    let before = seconds(SystemTime::now()) + 1;
    let revocation = Record::Revocation(Revocation {
        revoked,
        before,
        until: before + 3600,
    });
    let known = access.revocations().cloned().map(Record::Revocation);
    directory.put(access.version() + 1, known.chain([revocation]));
}

/// Carol, who is stored and whose password is `pass word`.
fn carol() -> StoredUser {
    StoredUser {
        name: "carol".to_owned(),
        password_hash: Some(cheap_hash("pass word")),
        previous_hash: None,
        previous_until: None,
        enabled: true,
        valid_until: None,
        roles: Default::default(),
    }
}

async fn token_of(authenticator: &Authenticator, user: &str, password: &str) -> String {
    let login = authenticator
        .login(Some(&basic(user, password)), PEER)
        .await;
    login.unwrap().token.unwrap().header_value()
}

async fn enters(authenticator: &Authenticator, header: &str) -> bool {
    match authenticator.authenticate(Some(header), PEER).await {
        Ok(_) => true,
        Err(Error::Unauthenticated) => false,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_stored_counts_for_every_kind_of_proof() {
    let house = House::new();
    let authenticator = house.start();
    let directory = authenticator.directory();
    directory.put(1, [Record::User(carol())]);
    let password = basic("carol", "pass word");
    let token = token_of(&authenticator, "carol", "pass word").await;
    let mint = Mint::open(&house.config, house.data.path()).unwrap();
    let (service, _) = mint.create("carol", None, Duration::from_mins(1)).unwrap();
    let service = service.header_value();
    let call = authenticator.authenticate(Some(&service), PEER).await;
    let identity = call.unwrap().identity;
    assert_eq!((identity.session(), identity.via()), (None, Via::Bearer));
    let disabled = StoredUser {
        enabled: false,
        ..carol()
    };
    let expired = StoredUser {
        valid_until: Some(1),
        ..carol()
    };
    let states = [
        (vec![Record::User(carol())], true),
        (vec![Record::User(disabled)], false),
        (vec![Record::User(carol())], true),
        (vec![Record::User(expired)], false),
        (vec![], false),
    ];
    for (version, (records, may)) in (2..).zip(states) {
        directory.put(version, records);
        for header in [&password, &token, &service] {
            assert_eq!(enters(&authenticator, header).await, may, "{version}");
        }
        let permit = authenticator.authorize(&identity, Intent::Query);
        assert_eq!(permit.is_ok(), may, "a ticket of theirs, {version}");
    }
}

#[tokio::test]
async fn revoked_tokens_are_worthless_and_the_next_login_is_not() {
    let house = House::new();
    let authenticator = house.start();
    let mint = Mint::open(&house.config, house.data.path()).unwrap();
    let service = |id| {
        let (token, _) = mint
            .create("ann", Some(id), Duration::from_mins(1))
            .unwrap();
        token.header_value()
    };
    let (one, two) = (service("one"), service("two"));
    let login = token_of(&authenticator, "ann", "s3cret").await;
    revoke(&authenticator, Revoked::Token("one".to_owned()));
    assert!(!enters(&authenticator, &one).await);
    assert!(enters(&authenticator, &two).await && enters(&authenticator, &login).await);

    revoke(&authenticator, Revoked::User("ann".to_owned()));
    for token in [&one, &two, &login] {
        assert!(!enters(&authenticator, token).await);
    }
    // In the same second still.
    let next = token_of(&authenticator, "ann", "s3cret").await;
    assert!(enters(&authenticator, &next).await);
    assert!(!enters(&authenticator, &login).await);
    assert!(!enters(&house.start(), "Bearer x").await);
}

#[tokio::test]
async fn a_login_is_revoked_with_all_that_it_was_renewed_by() {
    let authenticator = House::new().start();
    let old = authenticator
        .tokens
        .issue("ann", [9; 16], ago(7 * 3600))
        .unwrap();
    let call = authenticator
        .authenticate(Some(&old.header_value()), PEER)
        .await;
    let new = call.unwrap().refreshed.unwrap();
    let id = authenticator
        .tokens
        .claims(old.expose())
        .unwrap()
        .jti
        .unwrap();
    revoke(&authenticator, Revoked::Token(id));
    assert!(!enters(&authenticator, &old.header_value()).await);
    assert!(!enters(&authenticator, &new.header_value()).await);
}

#[tokio::test]
async fn a_key_that_was_made_meanwhile_is_found() {
    let house = House::new();
    let authenticator = house.start();
    let before = token_of(&authenticator, "ann", "s3cret").await;
    Mint::open(&house.config, house.data.path())
        .unwrap()
        .rotate_key(false)
        .unwrap();
    // It signs from the next second on at the latest, since the first was made in this one.
    let mint = Mint::open(&house.config, house.data.path()).unwrap();
    let (token, _) = mint.create("ann", None, Duration::from_mins(1)).unwrap();
    assert!(enters(&authenticator, &token.header_value()).await);
    assert!(enters(&authenticator, &before).await);
    authenticator.read_again().await.unwrap();
    assert!(enters(&authenticator, &before).await);

    mint.rotate_key(true).unwrap();
    authenticator.read_again().await.unwrap();
    assert!(!enters(&authenticator, &before).await);
    assert!(!enters(&authenticator, &token.header_value()).await);
    let after = token_of(&authenticator, "ann", "s3cret").await;
    assert!(enters(&authenticator, &after).await);
}

#[tokio::test]
async fn keys_that_cannot_be_read_leave_those_that_are_known() {
    let house = House::new();
    let authenticator = house.start();
    let token = token_of(&authenticator, "ann", "s3cret").await;
    fs::write(house.data.path().join("auth/keys/x.pem"), "?").unwrap();
    assert!(authenticator.read_again().await.is_err());
    assert!(enters(&authenticator, &token).await);
}

#[tokio::test]
async fn reading_again_ends_with_the_authenticator() {
    let mut house = House::new();
    house.config.auth.refresh_interval = Duration::from_millis(1);
    house.config.auth.key_rotation = Some(Duration::from_hours(1));
    let authenticator = Arc::new(house.start());
    let first = authenticator.tokens.keys();
    authenticator.keep_current();
    let other = Mint::open(&house.config, house.data.path()).unwrap();
    let id = other.rotate_key(false).unwrap();
    let found = async {
        while authenticator.tokens.keys().find(Some(&id)).is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .unwrap();
    assert!(first.find(Some(&id)).is_none());
    let weak = Arc::downgrade(&authenticator);
    drop(authenticator);
    let gone = async {
        while weak.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .unwrap();
}

#[test]
fn tokens_for_services_need_a_server_and_a_user() {
    let house = House::new();
    let open = |config: &Config, dir: &Path| Mint::open(config, dir).map(|_| ());
    let missing = open(&house.config, &house.data.path().join("missing"));
    assert!(matches!(missing, Err(Error::Storage { .. })));
    let off = open(&House::open_to_all().config, house.data.path());
    assert!(matches!(off, Err(Error::Token { .. })));
    let mint = Mint::open(&house.config, house.data.path()).unwrap();
    assert!(mint.is_configured("ann") && !mint.is_configured("carol"));
    let minute = Duration::from_mins(1);
    assert!(matches!(
        mint.create("a:b", None, minute),
        Err(Error::Token { .. })
    ));
    let (token, id) = mint.create("ann", None, minute).unwrap();
    let now = SystemTime::now();
    let found = mint.inspect(token.expose(), now);
    assert_eq!(found.refused, None);
    let claims = &found.says.unwrap()["claims"];
    assert_eq!(
        (claims["sub"].as_str(), claims["jti"].as_str()),
        (Some("ann"), Some(&*id))
    );
    let later = mint.inspect(token.expose(), now + minute + minute);
    assert_eq!(later.refused, Some("it has expired"));
    assert!(mint.inspect("x", now).says.is_none());
    assert!(mint.inspect("x", now).refused.is_some());
}
