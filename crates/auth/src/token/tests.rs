use std::time::UNIX_EPOCH;

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::keys::{DIRECTORY, Key, OLD_FILE, pem_of};
use super::*;

const TTL: Duration = Duration::from_secs(1000);
const SESSION: [u8; 16] = [0xab; 16];
pub(super) const SECRET: [u8; 32] = [7; 32];

pub(super) fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + second)
}

fn auth() -> Auth {
    Auth {
        token_ttl: TTL,
        service_token_max_ttl: 10 * TTL,
        ..Auth::default()
    }
}

/// A data directory.
struct House(tempfile::TempDir);

impl House {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with the key of an earlier version.
    fn old(secret: &[u8; 32]) -> Self {
        let house = Self::new();
        house.storage().create(OLD_FILE, &pem_of(secret)).unwrap();
        house
    }

    fn storage(&self) -> Storage {
        Storage::open(self.0.path()).unwrap()
    }

    fn tokens(&self) -> Tokens {
        self.tokens_with(&auth())
    }

    fn tokens_with(&self, auth: &Auth) -> Tokens {
        Tokens::open(self.storage(), auth).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut files = self.storage().below(DIRECTORY).unwrap().list().unwrap();
        files.sort();
        files
    }
}

pub(super) fn tokens() -> Tokens {
    House::old(&SECRET).tokens()
}

pub(super) fn good_claims() -> Value {
    json!({
        "iss": "godwit", "aud": "godwit", "sub": "ann", "jti": "x", "sid": "ab".repeat(16),
        "iat": 1_000_000, "nbf": 1_000_000, "exp": 1_001_000,
    })
}

fn header(token: &BearerToken) -> Value {
    unverified(token.expose()).unwrap()["header"].clone()
}

#[test]
fn a_token_names_its_user_and_session_until_it_expires() {
    let tokens = tokens();
    let token = tokens.issue("ann", SESSION, at(0)).unwrap();
    let verify = |second| tokens.verify(token.expose(), at(second));
    let verified = |due| Verified {
        user: "ann".to_owned(),
        id: "ab".repeat(16),
        session: Some(SESSION),
        issued: 1_000_000,
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
fn a_service_has_a_token_of_its_own_life_that_is_never_due() {
    let tokens = tokens();
    let issue = |id, ttl| tokens.issue_for_service("etl", id, ttl, at(0));
    let (token, id) = issue(Some("nightly-1.x"), 5 * TTL).unwrap();
    assert_eq!(id, "nightly-1.x");
    let verified = tokens.verify(token.expose(), at(4999)).unwrap();
    assert_eq!((verified.user.as_str(), verified.id), ("etl", id));
    assert_eq!((verified.session, verified.due), (None, false));
    assert_eq!(tokens.verify(token.expose(), at(5000)), None);
    let (_, one) = issue(None, TTL).unwrap();
    let (_, two) = issue(None, TTL).unwrap();
    assert!(one != two && one.len() == 22, "{one}");
    for (id, ttl) in [
        (Some(""), TTL),
        (Some("a b"), TTL),
        (Some("a/b"), TTL),
        (Some(&*"a".repeat(129)), TTL),
        (None, Duration::ZERO),
        (None, 10 * TTL + Duration::from_secs(1)),
        (None, Duration::MAX),
    ] {
        let refused = issue(id, ttl);
        assert!(matches!(refused, Err(Error::Token { .. })), "{id:?}");
    }
}

#[test]
fn a_token_from_the_future_is_refused_beyond_the_leeway() {
    let tokens = tokens();
    let token = tokens.issue("ann", SESSION, at(LEEWAY)).unwrap();
    assert!(tokens.verify(token.expose(), at(0)).is_some());
    let token = tokens.issue("ann", SESSION, at(LEEWAY + 1)).unwrap();
    assert!(tokens.verify(token.expose(), at(0)).is_none());
}

#[test]
fn a_shorter_life_counts_for_tokens_that_were_issued_before() {
    let house = House::new();
    let tokens = house.tokens();
    let login = tokens.issue("ann", SESSION, at(0)).unwrap();
    let (service, _) = tokens.issue_for_service("ann", None, TTL, at(0)).unwrap();
    let shorter = house.tokens_with(&Auth {
        token_ttl: TTL / 2,
        service_token_max_ttl: TTL / 4,
        ..auth()
    });
    for (token, life) in [(login, 500), (service, 250)] {
        assert!(shorter.verify(token.expose(), at(life - 1)).is_some());
        assert!(shorter.verify(token.expose(), at(life)).is_none());
    }
}

#[test]
fn servers_with_the_same_keys_and_other_names_take_no_tokens_of_each_other() {
    let house = House::new();
    let token = house.tokens().issue("ann", SESSION, at(0)).unwrap();
    for other in [
        Auth {
            issuer: "theirs".to_owned(),
            ..auth()
        },
        Auth {
            audience: "theirs".to_owned(),
            ..auth()
        },
    ] {
        let theirs = house.tokens_with(&other);
        assert_eq!(theirs.verify(token.expose(), at(1)), None);
        let token = theirs.issue("ann", SESSION, at(0)).unwrap();
        assert!(theirs.verify(token.expose(), at(1)).is_some());
        assert_eq!(house.tokens().verify(token.expose(), at(1)), None);
    }
}

#[test]
fn a_token_of_an_earlier_version_stays_good() {
    let key = Key::new(&SECRET).unwrap();
    let mut claims = good_claims();
    for added in ["jti", "nbf"] {
        claims.as_object_mut().unwrap().remove(added);
    }
    let token = encode(&Header::new(Algorithm::EdDSA), &claims, &key.signing).unwrap();
    let house = House::old(&SECRET);
    Keys::rotate(&house.storage(), false, at(0)).unwrap();
    let tokens = house.tokens();
    let verified = tokens.verify(&token, at(1)).unwrap();
    assert_eq!(verified.id, "ab".repeat(16), "it is revoked by its session");
    assert_eq!(verified.session, Some(SESSION));
    let new = tokens.issue("ann", SESSION, at(1)).unwrap();
    assert_ne!(header(&new)["kid"], json!(key.id));
}

#[test]
fn a_new_key_signs_and_those_before_verify_until_nothing_needs_them() {
    let house = House::new();
    let old_id = Keys::rotate(&house.storage(), false, at(0)).unwrap();
    let tokens = house.tokens();
    let old = tokens.issue("ann", SESSION, at(10)).unwrap();
    assert_eq!(header(&old)["kid"], json!(old_id));

    let new_id = Keys::rotate(&house.storage(), false, at(20)).unwrap();
    let elsewhere = house.tokens().issue("ann", SESSION, at(20)).unwrap();
    assert!(tokens.is_of_unknown_key(elsewhere.expose()));
    tokens.reload(None, at(20)).unwrap();
    assert!(!tokens.is_of_unknown_key(elsewhere.expose()));
    let new = tokens.issue("ann", SESSION, at(20)).unwrap();
    assert_eq!(header(&new)["kid"], json!(new_id));
    for token in [&old, &new, &elsewhere] {
        assert!(tokens.verify(token.expose(), at(30)).is_some());
        assert!(
            house.tokens().verify(token.expose(), at(30)).is_some(),
            "after a restart"
        );
    }

    // The longest life is that of a token for a service.
    let last = 20 + 10_000 + LEEWAY;
    tokens.reload(None, at(last)).unwrap();
    assert_eq!(house.files().len(), 2);
    tokens.reload(None, at(last + 1)).unwrap();
    let files = house.files();
    assert!(files.len() == 1 && files[0].contains(&new_id), "{files:?}");
}

#[test]
fn the_key_of_earlier_versions_is_removed_like_others() {
    let house = House::old(&SECRET);
    let tokens = house.tokens();
    assert!(house.files().is_empty(), "it needs no other");
    Keys::rotate(&house.storage(), false, at(0)).unwrap();
    tokens.reload(None, at(10_000)).unwrap();
    assert!(house.storage().read(OLD_FILE).unwrap().is_some());
    tokens.reload(None, at(20_000)).unwrap();
    assert_eq!(house.storage().read(OLD_FILE), Ok(None));
    assert_eq!(house.files().len(), 1);
}

#[test]
fn keys_of_an_age_are_followed_by_others_where_that_is_asked_for() {
    let house = House::old(&SECRET);
    let tokens = house.tokens();
    tokens.reload(None, at(0)).unwrap();
    assert!(house.files().is_empty());
    let day = Some(Duration::from_hours(24));
    tokens.reload(day, at(0)).unwrap();
    assert_eq!(house.files().len(), 1);
    tokens.reload(day, at(86_399)).unwrap();
    assert_eq!(house.files().len(), 1);
    tokens.reload(day, at(86_400)).unwrap();
    assert_eq!(
        house.files().len(),
        2,
        "the one before is needed for its tokens"
    );
    tokens.reload(day, at(100_000)).unwrap();
    assert_eq!(house.files().len(), 1);
}

#[test]
fn forgotten_keys_take_their_tokens_along() {
    let house = House::old(&SECRET);
    Keys::rotate(&house.storage(), false, at(0)).unwrap();
    let tokens = house.tokens();
    let token = tokens.issue("ann", SESSION, at(1)).unwrap();
    Keys::rotate(&house.storage(), true, at(2)).unwrap();
    tokens.reload(None, at(3)).unwrap();
    assert_eq!(tokens.verify(token.expose(), at(3)), None);
    assert_eq!(house.storage().read(OLD_FILE), Ok(None));
    assert_eq!(house.files().len(), 1);
    let token = tokens.issue("ann", SESSION, at(3)).unwrap();
    assert!(tokens.verify(token.expose(), at(3)).is_some());
}

#[test]
fn two_rotations_in_a_second_are_in_order() {
    let house = House::new();
    let ids: Vec<_> = (0..3)
        .map(|_| Keys::rotate(&house.storage(), false, at(0)).unwrap())
        .collect();
    let keys = Keys::open(&house.storage(), at(0)).unwrap();
    let signing = |second| keys.signing(at(second)).unwrap().id.clone();
    assert_eq!([signing(0), signing(1), signing(2)], ids[..]);
    assert_eq!(
        keys.signing(UNIX_EPOCH).unwrap().id,
        ids[0],
        "a clock that goes back"
    );
}

#[test]
fn the_key_outlives_a_restart_and_is_a_key_to_others_too() {
    let house = House::new();
    let now = SystemTime::now();
    let token = house.tokens().issue("ann", SESSION, now).unwrap();
    assert!(house.tokens().verify(token.expose(), now).is_some());
    let files = house.files();
    let pem = house.storage().below(DIRECTORY).unwrap().read(&files[0]);
    let theirs = EncodingKey::from_ed_pem(&pem.unwrap().unwrap()).unwrap();
    let keys = Keys::open(&house.storage(), now).unwrap();
    let ours = keys.signing(now).unwrap();
    assert_eq!(theirs.as_bytes(), ours.signing.as_bytes());
}

#[test]
fn the_id_of_a_key_is_its_thumbprint() {
    // The key and its thumbprint are those of RFC 8037, appendix A.
    let secret: [u8; 32] = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap()
        .try_into()
        .unwrap();
    let key = Key::new(&secret).unwrap();
    assert_eq!(key.id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_file_without_its_key_is_reported_and_left_alone() {
    let pem = String::from_utf8(pem_of(&SECRET).to_vec()).unwrap();
    let id = Key::new(&SECRET).unwrap().id;
    let of_other = Key::new(&[8; 32]).unwrap().id;
    let broken = [
        String::new(),
        pem[..pem.len() / 2].to_owned(),
        pem.replace("PRIVATE", "PUBLIC"),
        pem.replace("MC4C", "MC4D"),
        pem.replacen("\n-----END", "AAAA\n-----END", 1),
        "\u{fffd}".to_owned(),
    ];
    let old = broken.iter().map(|content| (OLD_FILE.to_owned(), content));
    let new = broken
        .iter()
        .map(|content| (format!("{DIRECTORY}/1.{id}.pem"), content));
    let misnamed = [
        "1.x.pem",
        "x.pem",
        "0.ID.pem",
        "-1.ID.pem",
        ".ID.pem",
        "1.OTHER.pem",
    ];
    let misnamed = misnamed.map(|name| name.replace("ID", &id).replace("OTHER", &of_other));
    let misnamed = misnamed.map(|name| (format!("{DIRECTORY}/{name}"), &pem));
    for (file, content) in old.chain(new).chain(misnamed) {
        let house = House::new();
        house.storage().below(DIRECTORY).unwrap();
        house.storage().create(&file, content.as_bytes()).unwrap();
        let message = Tokens::open(house.storage(), &auth())
            .unwrap_err()
            .to_string();
        let name = file.rsplit('/').next().unwrap();
        assert!(
            message.contains(name) && message.contains("not an Ed25519 private key"),
            "{message}"
        );
        let kept = house.storage().read(&file).unwrap().unwrap();
        assert_eq!(kept.as_slice(), content.as_bytes());
    }
}

#[test]
fn drafts_and_notes_beside_the_keys_are_no_keys() {
    let house = House::new();
    let below = house.storage().below(DIRECTORY).unwrap();
    below.create("1.x.pem.tmp", b"half").unwrap();
    below.create("README", b"?").unwrap();
    house.tokens();
    assert_eq!(house.files().len(), 3);
}

#[test]
fn debug_shows_no_secret() {
    let tokens = tokens();
    let token = tokens.issue("ann", SESSION, at(0)).unwrap();
    assert_eq!(format!("{token:?} {tokens:?}"), "BearerToken(…) Tokens(…)");
    let id = Key::new(&SECRET).unwrap().id;
    assert_eq!(format!("{:?}", tokens.keys()), format!("{{{id:?}}}"));
}
