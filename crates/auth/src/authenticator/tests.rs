use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use godwit_config::{Secret, User};

use super::*;
use crate::password::tests::cheap_hash;

mod stored;

const PEER: Peer = Peer::UNKNOWN;

/// A data directory and a configuration in which Ann's password is `s3cret`.
struct House {
    data: tempfile::TempDir,
    config: Config,
}

impl House {
    fn new() -> Self {
        let mut config = Config::default();
        let password_hash = Secret::new(cheap_hash("s3cret"));
        config.users.insert(
            "ann".to_owned(),
            User {
                password_hash,
                roles: Vec::new(),
            },
        );
        let data = tempfile::tempdir().unwrap();
        Self { data, config }
    }

    fn open_to_all() -> Self {
        let mut house = Self::new();
        house.config.auth.mode = AuthMode::Off;
        house
    }

    fn start(&self) -> Authenticator {
        Authenticator::start(&self.config, self.data.path())
            .unwrap()
            .0
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn ago(seconds: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_login_gives_a_token_that_proves_the_same_user_and_session() {
    let authenticator = House::new().start();
    for header in [
        basic("ann", "s3cret"),
        format!("basic {}", STANDARD_NO_PAD.encode("ann:s3cret")),
    ] {
        let login = authenticator.login(Some(&header), PEER).await.unwrap();
        assert_eq!(
            (login.identity.user(), login.identity.via()),
            ("ann", Via::Basic)
        );
        let session = login.identity.session();
        assert!(session.is_some());
        let token = login.token.unwrap().header_value();
        let call = authenticator
            .authenticate(Some(&token), PEER)
            .await
            .unwrap();
        assert_eq!(
            (call.identity.user(), call.identity.via()),
            ("ann", Via::Bearer)
        );
        assert_eq!((call.identity.session(), call.refreshed), (session, None));
        let lower = token.replace("Bearer", "bearer");
        assert!(authenticator.authenticate(Some(&lower), PEER).await.is_ok());
    }
}

#[tokio::test]
async fn every_login_begins_a_session_of_its_own() {
    let authenticator = House::new().start();
    let header = basic("ann", "s3cret");
    let one = authenticator.login(Some(&header), PEER).await.unwrap();
    let two = authenticator.login(Some(&header), PEER).await.unwrap();
    assert_ne!(one.identity.session(), two.identity.session());
}

#[tokio::test]
async fn a_password_works_on_any_call_and_names_no_session() {
    let authenticator = House::new().start();
    let header = basic("ann", "s3cret");
    let call = authenticator
        .authenticate(Some(&header), PEER)
        .await
        .unwrap();
    assert_eq!(
        (call.identity.user(), call.identity.via()),
        ("ann", Via::Basic)
    );
    assert_eq!((call.identity.session(), call.refreshed), (None, None));
}

#[tokio::test]
async fn a_handshake_takes_a_token_too() {
    let authenticator = House::new().start();
    let first = authenticator
        .login(Some(&basic("ann", "s3cret")), PEER)
        .await
        .unwrap();
    let token = first.token.unwrap();
    let second = authenticator
        .login(Some(&token.header_value()), PEER)
        .await
        .unwrap();
    assert_eq!(second.token, Some(token));
    assert_eq!(second.identity.session(), first.identity.session());
    assert_eq!(second.identity.via(), Via::Bearer);
}

#[tokio::test]
async fn whatever_is_wrong_gives_one_answer() {
    let authenticator = House::new().start();
    let stale = authenticator
        .tokens
        .issue("ann", [1; 16], ago(13 * 3600))
        .unwrap();
    let gone = authenticator
        .tokens
        .issue("bob", [1; 16], SystemTime::now())
        .unwrap();
    let nobody = authenticator
        .tokens
        .issue(NOBODY, [1; 16], SystemTime::now())
        .unwrap();
    for header in [
        None,
        Some(String::new()),
        Some("Basic".to_owned()),
        Some("Basic ?".to_owned()),
        Some("Bearer None".to_owned()),
        Some(basic("ann", "wrong")),
        Some(basic("ann", "")),
        Some(basic("bob", "s3cret")),
        Some(basic("", "")),
        Some(basic(ANONYMOUS, "")),
        Some(stale.header_value()),
        Some(gone.header_value()),
        Some(nobody.header_value()),
    ] {
        let header = header.as_deref();
        let login = authenticator.login(header, PEER).await;
        assert_eq!(login, Err(Error::Unauthenticated), "{header:?}");
        let call = authenticator.authenticate(header, PEER).await;
        assert_eq!(call, Err(Error::Unauthenticated), "{header:?}");
    }
    let text = Error::Unauthenticated.to_string();
    assert!(!text.contains("ann") && !text.contains("s3cret"));
}

#[tokio::test]
async fn a_token_past_half_of_its_life_is_renewed_for_the_same_session() {
    let authenticator = House::new().start();
    let old = authenticator
        .tokens
        .issue("ann", [9; 16], ago(7 * 3600))
        .unwrap();
    let call = authenticator
        .authenticate(Some(&old.header_value()), PEER)
        .await
        .unwrap();
    let new = call.refreshed.unwrap();
    assert_ne!(new, old);
    let later = SystemTime::now() + Duration::from_secs(6 * 3600);
    assert!(authenticator.tokens.verify(old.expose(), later).is_none());
    assert!(authenticator.tokens.verify(new.expose(), later).is_some());
    let call = authenticator
        .authenticate(Some(&new.header_value()), PEER)
        .await
        .unwrap();
    assert_eq!(
        (call.identity.session(), call.refreshed),
        (Some([9; 16]), None)
    );

    let login = authenticator
        .login(Some(&old.header_value()), PEER)
        .await
        .unwrap();
    assert_ne!(login.token, Some(old));
    assert_eq!(login.identity.session(), Some([9; 16]));
}

#[tokio::test]
async fn tokens_outlive_a_restart_and_not_their_user() {
    let mut house = House::new();
    let login = house
        .start()
        .login(Some(&basic("ann", "s3cret")), PEER)
        .await
        .unwrap();
    let token = login.token.unwrap().header_value();
    let identity = house
        .start()
        .authenticate(Some(&token), PEER)
        .await
        .unwrap()
        .identity;

    let ann = house.config.users.remove("ann").unwrap();
    house.config.users.insert("bob".to_owned(), ann);
    let authenticator = house.start();
    let call = authenticator.authenticate(Some(&token), PEER).await;
    assert_eq!(call, Err(Error::Unauthenticated));
    let denied = authenticator.authorize(&identity, Intent::Query);
    assert!(matches!(denied, Err(Error::Denied { user }) if user == "ann"));
}

#[tokio::test]
async fn a_permit_says_who_may_do_what() {
    let authenticator = House::new().start();
    let header = basic("ann", "s3cret");
    let identity = authenticator
        .authenticate(Some(&header), PEER)
        .await
        .unwrap()
        .identity;
    let permit = authenticator.authorize(&identity, Intent::Ingest).unwrap();
    assert_eq!((permit.user(), permit.intent()), ("ann", Intent::Ingest));
    assert_eq!(permit.identity(), &identity);
    let stranger = Identity::new("ann", None, Via::Anonymous);
    assert!(authenticator.authorize(&stranger, Intent::Query).is_err());
}

#[tokio::test]
async fn without_authentication_everyone_is_anonymous() {
    let house = House::open_to_all();
    let (authenticator, first_start) =
        Authenticator::start(&house.config, house.data.path()).unwrap();
    assert_eq!(first_start, FirstStart::None);
    let wrong = basic("ann", "wrong");
    for header in [None, Some(""), Some("Bearer None"), Some(wrong.as_str())] {
        let call = authenticator.authenticate(header, PEER).await.unwrap();
        assert_eq!(
            (call.identity.user(), call.identity.via()),
            (ANONYMOUS, Via::Anonymous)
        );
        assert_eq!((call.identity.session(), call.refreshed), (None, None));
        assert!(
            authenticator
                .authorize(&call.identity, Intent::Query)
                .is_ok()
        );
        let login = authenticator.login(header, PEER).await.unwrap();
        // Clients that send credentials fail without a token.
        assert_eq!(login.token.is_some(), header.is_some(), "{header:?}");
        assert_eq!(login.identity.session().is_some(), header.is_some());
    }
}

#[tokio::test]
async fn an_anonymous_token_names_a_session_and_nothing_more() {
    let mut house = House::open_to_all();
    let authenticator = house.start();
    let login = authenticator
        .login(Some(&basic("x", "y")), PEER)
        .await
        .unwrap();
    let token = login.token.unwrap();
    let call = authenticator
        .authenticate(Some(&token.header_value()), PEER)
        .await
        .unwrap();
    assert_eq!(call.identity.session(), login.identity.session());
    let again = authenticator
        .login(Some(&token.header_value()), PEER)
        .await
        .unwrap();
    assert_eq!(again.token, Some(token.clone()));

    // A real user of the same name gains nothing by it, and real tokens mean nothing here.
    house.config.auth.mode = AuthMode::Password;
    let ann = house.config.users["ann"].clone();
    house.config.users.insert(ANONYMOUS.to_owned(), ann);
    let strict = house.start();
    assert!(
        strict
            .authenticate(Some(&token.header_value()), PEER)
            .await
            .is_err()
    );
    let real = strict
        .tokens
        .issue("ann", [1; 16], SystemTime::now())
        .unwrap();
    let call = authenticator
        .authenticate(Some(&real.header_value()), PEER)
        .await
        .unwrap();
    assert_eq!(call.identity.session(), None);
    let ann = Identity::new("ann", None, Via::Bearer);
    assert!(authenticator.authorize(&ann, Intent::Query).is_err());
}

#[test]
fn the_mac_key_is_random_and_outlives_a_restart() {
    let house = House::new();
    assert_eq!(house.start().mac_key(), house.start().mac_key());
    assert_ne!(house.start().mac_key(), House::new().start().mac_key());
    assert_ne!(house.start().mac_key(), [0; 32]);
}

#[test]
fn secrets_that_cannot_be_trusted_stop_the_start() {
    let key_of = |house: &House| {
        let keys = house.data.path().join("auth/keys");
        fs::read_dir(keys).unwrap().next().unwrap().unwrap().path()
    };
    let mac_key_of = |house: &House| house.data.path().join("auth/mac.key");
    for path_of in [key_of, mac_key_of] as [fn(&House) -> std::path::PathBuf; 2] {
        let house = House::new();
        house.start();
        let path = path_of(&house);
        let name = path.file_name().unwrap().to_str().unwrap();
        let start = || Authenticator::start(&house.config, house.data.path()).map(|_| ());
        assert_eq!(start(), Ok(()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let message = start().unwrap_err().to_string();
        assert!(
            message.contains(name) && message.contains("0644"),
            "{message}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, [7; 31]).unwrap();
        let message = start().unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn debug_shows_no_secret() {
    let authenticator = House::new().start();
    let header = basic("ann", "s3cret");
    let login = authenticator.login(Some(&header), PEER).await.unwrap();
    let call = authenticator
        .authenticate(Some(&header), PEER)
        .await
        .unwrap();
    let token = login.token.clone().unwrap();
    let shown = format!("{authenticator:?} {login:?} {call:?}");
    assert!(shown.contains("ann"));
    let key = format!("{:?}", authenticator.mac_key());
    for secret in ["s3cret", token.expose(), "argon2id", key.as_str()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
