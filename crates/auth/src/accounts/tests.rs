use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use super::*;
use crate::access::{Grant, Mask, ObjectKey, Policy, Scope};
use crate::password::{Argon2id, Check, tests::cheap_hash};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn accounts_with(overlap: u64) -> Accounts {
    let auth = Auth {
        password_overlap: Duration::from_secs(overlap),
        ..Auth::default()
    };
    let logins = Arc::new(Logins::new(&auth, Arc::new(Argon2id)));
    Accounts::new(&auth, logins, Duration::from_secs(1000))
}

fn accounts() -> Accounts {
    accounts_with(0)
}

/// Root is configured.
fn access(records: impl IntoIterator<Item = Record>) -> Access {
    let root = ("root".to_owned(), Default::default());
    Access::configured([root].into()).with(1, records)
}

fn password(text: &str) -> Option<Option<HashedPassword>> {
    Some(Some(HashedPassword(cheap_hash(text))))
}

fn user_in(changes: &[Change]) -> StoredUser {
    match changes {
        [Change::Put(Record::User(user))] => user.clone(),
        other => panic!("{other:?}"),
    }
}

fn new_user(name: &str) -> StoredUser {
    let made = accounts().create(&access([]), name, Alteration::default(), at(0));
    user_in(&made.unwrap())
}

#[tokio::test]
async fn passwords_have_bounds_and_become_hashes() {
    let accounts = accounts();
    let hash = async |text: &str| accounts.hash(Zeroizing::new(text.to_owned())).await;
    for text in ["", "1234567", "ü234567", &"x".repeat(1025)] {
        let refused = hash(text).await.unwrap_err();
        assert!(matches!(refused, Error::Account { .. }), "{refused}");
        assert!(
            text.is_empty() || !refused.to_string().contains(text),
            "{refused}"
        );
    }
    for text in ["12345678", "ü2345678", &"x".repeat(1024)] {
        assert!(Argon2id.check(&hash(text).await.unwrap().0, text));
    }
    let made = cheap_hash("short");
    assert_eq!(hash(&made).await.unwrap().0, made);
    for unusable in [
        "$argon2id$v=19$m=8,t=1,p=1",
        &made.replace("m=8", "m=9999999"),
    ] {
        let refused = hash(unusable).await.unwrap_err();
        assert!(matches!(refused, Error::Account { .. }), "{refused}");
    }
}

#[test]
fn names_are_those_of_the_configuration() {
    let access = access([Record::User(new_user("carol"))]);
    let create = |name: &str| accounts().create(&access, name, Alteration::default(), at(0));
    for name in ["", " x", "a:b", "a\nb", "anonymous", &"x".repeat(129)] {
        assert!(
            matches!(create(name), Err(Error::Account { .. })),
            "{name:?}"
        );
    }
    for name in ["root", "carol"] {
        assert!(
            matches!(create(name), Err(Error::UserExists { .. })),
            "{name}"
        );
    }
    assert_eq!(user_in(&create("Käfer 🐞").unwrap()).name, "Käfer 🐞");
}

#[test]
fn a_new_user_is_what_was_asked_for() {
    let alteration = Alteration {
        password: password("p"),
        enabled: Some(false),
        valid_until: Some(Some(7)),
    };
    let made = accounts_with(100).create(&access([]), "carol", alteration, at(0));
    let user = user_in(&made.unwrap());
    assert!(Argon2id.check(user.password_hash.as_deref().unwrap(), "p"));
    assert_eq!((user.enabled, user.valid_until), (false, Some(7)));
    assert_eq!((user.previous_hash, user.previous_until), (None, None));
    let plain = new_user("carol");
    assert_eq!(
        (plain.password_hash, plain.enabled, plain.valid_until),
        (None, true, None)
    );
}

#[test]
fn a_change_leaves_the_rest() {
    let before = StoredUser {
        password_hash: Some(cheap_hash("old")),
        valid_until: Some(7),
        roles: ["r".to_owned()].into(),
        ..new_user("carol")
    };
    let access = access([Record::User(before.clone())]);
    let alter = |overlap, alteration| {
        user_in(
            &accounts_with(overlap)
                .alter(&access, "carol", alteration, at(50))
                .unwrap(),
        )
    };
    assert_eq!(alter(0, Alteration::default()), before);
    let disable = Alteration {
        enabled: Some(false),
        ..Alteration::default()
    };
    let disabled = StoredUser {
        enabled: false,
        ..before.clone()
    };
    assert_eq!(alter(0, disable), disabled);
    let forever = Alteration {
        valid_until: Some(None),
        ..Alteration::default()
    };
    assert_eq!(alter(0, forever).valid_until, None);

    let rotate = Alteration {
        password: password("new"),
        ..Alteration::default()
    };
    let at_once = alter(0, rotate.clone());
    assert_eq!(
        (at_once.previous_hash, at_once.previous_until),
        (None, None)
    );
    let rotated = alter(100, rotate);
    assert!(Argon2id.check(rotated.password_hash.as_deref().unwrap(), "new"));
    assert_eq!(rotated.previous_hash, before.password_hash);
    assert_eq!(rotated.previous_until, Some(150));
    assert_eq!(rotated.roles, before.roles);
    let none = Alteration {
        password: Some(None),
        ..Alteration::default()
    };
    let without = alter(100, none);
    assert_eq!((without.password_hash, without.previous_hash), (None, None));
}

#[test]
fn users_of_the_configuration_and_of_nobody_are_not_changed() {
    let access = access([]);
    let accounts = accounts();
    let alter = |name| accounts.alter(&access, name, Alteration::default(), at(0));
    let remove = |name| accounts.remove(&access, name, at(0));
    assert!(matches!(alter("root"), Err(Error::Account { .. })));
    assert!(matches!(remove("root"), Err(Error::Account { .. })));
    assert!(matches!(alter("x"), Err(Error::NoSuchUser { .. })));
    assert!(matches!(remove("x"), Err(Error::NoSuchUser { .. })));
}

#[test]
fn a_user_goes_with_its_grants_and_tokens() {
    let grant = |grantee| {
        Record::Grant(Grant {
            grantee,
            scope: Scope::Catalog,
            privileges: BTreeMap::new(),
        })
    };
    let carol = || Grantee::User("carol".to_owned());
    let access = access([
        Record::User(new_user("carol")),
        grant(carol()),
        grant(Grantee::Role("carol".to_owned())),
        grant(Grantee::User("bob".to_owned())),
    ]);
    let changes = accounts().remove(&access, "carol", at(50)).unwrap();
    let revocation = Revocation {
        revoked: Revoked::User("carol".to_owned()),
        before: 51,
        until: 1051,
    };
    let expected = [
        Change::Remove(RecordKey::grant(&carol(), &Scope::Catalog)),
        Change::Remove(RecordKey::user("carol")),
        Change::Put(Record::Revocation(revocation)),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn a_user_whom_policies_or_masks_name_stays() {
    let to = || Grantee::User("carol".to_owned());
    let table = || ObjectKey::durable(7);
    let policy = Record::Policy(Policy {
        name: "p".to_owned(),
        table: table(),
        to: to(),
        using: "true".to_owned(),
    });
    let mask = Record::Mask(Mask {
        name: "m".to_owned(),
        table: table(),
        column: "c".to_owned(),
        to: to(),
        using: "null".to_owned(),
    });
    for record in [policy, mask] {
        let access = access([Record::User(new_user("carol")), record]);
        let refused = accounts().remove(&access, "carol", at(0));
        assert!(matches!(refused, Err(Error::Account { .. })));
    }
}

#[test]
fn revocations_last_as_long_as_tokens_do() {
    let accounts = accounts();
    let one = accounts.revoke_token(&access([]), "one", at(0)).unwrap();
    let [Change::Put(Record::Revocation(of_one))] = &one[..] else {
        panic!("{one:?}");
    };
    assert_eq!((of_one.before, of_one.until), (LEEWAY + 1, LEEWAY + 1001));
    let access = access([Record::Revocation(of_one.clone())]);
    let later = |second| accounts.revoke_tokens_of(&access, "bob", at(second));
    assert_eq!(later(of_one.until).len(), 1);
    let forgotten = Change::Remove(RecordKey::revocation(&of_one.revoked));
    assert!(later(of_one.until + 1).contains(&forgotten));
    let again = accounts.revoke_token(&access, "one", at(5000)).unwrap();
    assert!(matches!(&again[..], [Change::Put(_)]), "{again:?}");
    for id in ["", "a b", "'", &"x".repeat(129)] {
        let refused = accounts.revoke_token(&access, id, at(0));
        assert!(matches!(refused, Err(Error::Account { .. })), "{id}");
    }
}

#[test]
fn debug_shows_no_hash() {
    let alteration = Alteration {
        password: password("p"),
        ..Alteration::default()
    };
    let made = accounts().create(&access([]), "carol", alteration.clone(), at(0));
    let shown = format!("{alteration:?} {made:?} {:?}", accounts());
    assert!(
        shown.contains("carol") && !shown.contains("argon2"),
        "{shown}"
    );
}
