use std::{fs, path::PathBuf};

use std::time::{Duration, UNIX_EPOCH};

use godwit_config::{Secret, User};

use super::admin::FILE;
use super::*;
use crate::access::Record;
use crate::password::{Argon2id, Check, tests::cheap_hash};
use crate::turns::Turns;

struct House {
    data: tempfile::TempDir,
    config: Config,
    directory: Arc<Directory>,
}

impl House {
    fn new() -> Self {
        Self {
            data: tempfile::tempdir().unwrap(),
            config: Config::default(),
            directory: Arc::new(Directory::new(Default::default(), Turns::new(1))),
        }
    }

    fn with_user(mut self, name: &str, hash: &str) -> Self {
        let password_hash = Secret::new(hash);
        self.config.users.insert(
            name.to_owned(),
            User {
                password_hash,
                roles: Vec::new(),
            },
        );
        self
    }

    fn open(&self) -> Result<(Users, FirstStart)> {
        let storage = Storage::open(self.data.path())?;
        Users::open(&self.config, &storage, Arc::clone(&self.directory))
    }

    fn admin_file(&self) -> PathBuf {
        self.data.path().join("auth").join(FILE)
    }

    fn password_file(&mut self, content: &[u8]) {
        let path = self.data.path().join("password");
        fs::write(&path, content).unwrap();
        self.config.admin.password_file = Some(path);
    }
}

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn right_at(users: &Users, user: &str, password: &str, second: u64) -> bool {
    let candidates = users.candidates(user, at(second));
    let mut hashes = candidates.hashes.iter();
    candidates.is_user && hashes.any(|hash| Argon2id.check(hash, password))
}

fn right(users: &Users, user: &str, password: &str) -> bool {
    right_at(users, user, password, 0)
}

fn stored(name: &str, password: &str) -> StoredUser {
    StoredUser {
        name: name.to_owned(),
        password_hash: Some(cheap_hash(password)),
        previous_hash: None,
        previous_until: None,
        enabled: true,
        valid_until: None,
        roles: Default::default(),
    }
}

#[test]
fn without_users_the_first_start_makes_an_admin_and_shows_it_once() {
    let house = House::new();
    let (users, first_start) = house.open().unwrap();
    let FirstStart::AdminCreated { user, password } = &first_start else {
        panic!("no admin was made");
    };
    assert_eq!(user, "admin");
    assert_eq!(password.expose().len(), 20);
    let url_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(password.expose().chars().all(url_safe));
    assert!(right(&users, "admin", password.expose()));
    assert!(!format!("{first_start:?}").contains(password.expose()));
    let stored = fs::read_to_string(house.admin_file()).unwrap();
    assert!(!stored.contains(password.expose()));

    let (users, second_start) = house.open().unwrap();
    assert_eq!(second_start, FirstStart::None);
    assert!(right(&users, "admin", password.expose()));
}

#[test]
fn an_admin_without_a_password_gets_one_under_the_configured_name() {
    let mut house = House::new().with_user("bob", &cheap_hash("b"));
    house.config.admin.user = Some("root".to_owned());
    let (users, first_start) = house.open().unwrap();
    assert!(matches!(first_start, FirstStart::AdminCreated { user, .. } if user == "root"));
    assert!(
        users.is_active("root", at(0))
            && users.is_active("bob", at(0))
            && !users.is_active("admin", at(0))
    );

    house.config.admin.user = Some("boss".to_owned());
    let message = house.open().unwrap_err().to_string();
    assert!(
        message.contains("root") && message.contains("boss"),
        "{message}"
    );
}

#[test]
fn with_users_nothing_is_made() {
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, first_start) = house.open().unwrap();
    assert_eq!(first_start, FirstStart::None);
    assert!(users.is_active("bob", at(0)) && !users.is_active("admin", at(0)));
    assert!(right(&users, "bob", "b") && !right(&users, "bob", "c"));
    assert!(!house.admin_file().exists());
}

#[test]
fn the_admins_password_comes_from_the_environment() {
    let mut house = House::new();
    house.config.admin.password = Some(Secret::new(" pass word\n"));
    let (users, first_start) = house.open().unwrap();
    assert_eq!(first_start, FirstStart::None);
    assert!(
        right(&users, "admin", " pass word\n"),
        "taken to the letter"
    );
    assert!(!house.admin_file().exists(), "kept in memory only");
}

#[test]
fn the_admins_password_comes_from_a_file_without_its_line_break() {
    for (content, password) in [
        (b"pw".as_slice(), "pw"),
        (b"pw\n", "pw"),
        (b"pw\r\n", "pw"),
        (b" p w \n\n", " p w \n"),
    ] {
        let mut house = House::new();
        house.config.admin.user = Some("root".to_owned());
        house.password_file(content);
        let (users, _) = house.open().unwrap();
        assert!(right(&users, "root", password), "{password:?}");
    }
}

#[test]
fn unusable_password_files_are_reported_by_path_or_key() {
    for content in [b"".as_slice(), b"\n", b"\xff\xfe", &[b'x'; 100_000]] {
        let mut house = House::new();
        house.password_file(content);
        let message = house.open().unwrap_err().to_string();
        assert!(message.contains("password"), "{message}");
    }
    let mut house = House::new();
    house.config.admin.password_file = Some(house.data.path().join("missing"));
    let message = house.open().unwrap_err().to_string();
    assert!(message.contains("missing"), "{message}");
}

#[test]
fn hashes_that_cannot_be_used_are_reported_by_key_and_not_shown() {
    let huge = "$argon2id$v=19$m=4000000,t=2,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSeeZoFTx5oXZPk";
    let message = House::new()
        .with_user("bob", huge)
        .open()
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("users.bob.password_hash") && message.contains("4000000"),
        "{message}"
    );
    assert!(!message.contains("PZtICKp4"), "{message}");
}

#[test]
fn a_broken_admin_file_is_reported_and_not_replaced() {
    let hash = cheap_hash("x");
    let weird = hash.replace("argon2id", "argon2i");
    for content in [
        String::new(),
        "{".to_owned(),
        format!("{{\"user\": \"admin\", \"password_hash\": \"{hash}\""),
        format!("{{\"user\": \"admin\", \"password_hash\": \"{hash}\", \"more\": 1}}"),
        format!("{{\"user\": \"admin\", \"password_hash\": \"{weird}\"}}"),
        format!("{{\"user\": \"admin\", \"password_hash\": [\"{hash}\"]}}"),
    ] {
        let house = House::new();
        let storage = Storage::open(house.data.path()).unwrap();
        storage.create(FILE, content.as_bytes()).unwrap();
        let message = house.open().unwrap_err().to_string();
        assert!(message.contains("admin.json"), "{message}");
        assert!(
            !message.contains(hash.rsplit('$').next().unwrap()),
            "{message}"
        );
        assert_eq!(fs::read_to_string(house.admin_file()).unwrap(), content);
    }
}

#[test]
fn an_unknown_user_costs_as_much_as_the_costliest() {
    let costly = Cost::DEFAULT.dummy_hash().unwrap();
    let house = House::new()
        .with_user("a", &cheap_hash("a"))
        .with_user("b", &costly);
    let house = house.with_user("c", &cheap_hash("c"));
    let (users, _) = house.open().unwrap();
    let nobody = users.candidates("nobody", at(0));
    assert!(!nobody.is_user && nobody.hashes.len() == 1);
    assert_eq!(cost(&nobody.hashes[0]), Ok(Cost::DEFAULT));
    assert_ne!(nobody.hashes[0].as_ref(), costly);
}

#[test]
fn debug_shows_names_only() {
    let (users, _) = House::new()
        .with_user("bob", &cheap_hash("b"))
        .open()
        .unwrap();
    assert_eq!(format!("{users:?}"), "{\"bob\"}");
}

#[test]
fn stored_users_enter_while_they_may() {
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, _) = house.open().unwrap();
    let put = |version, user| house.directory.put(version, [Record::User(user)]);
    assert!(!users.is_active("carol", at(0)) && !right(&users, "carol", "c"));
    put(1, stored("carol", "c"));
    assert!(users.is_active("carol", at(0)));
    assert!(right(&users, "carol", "c") && !right(&users, "carol", "b"));
    let until = StoredUser {
        valid_until: Some(100),
        ..stored("carol", "c")
    };
    put(2, until);
    assert!(users.is_active("carol", at(99)) && right_at(&users, "carol", "c", 99));
    assert!(!users.is_active("carol", at(100)) && !right_at(&users, "carol", "c", 100));
    let disabled = StoredUser {
        enabled: false,
        ..stored("carol", "c")
    };
    put(3, disabled);
    assert!(!users.is_active("carol", at(0)) && !right(&users, "carol", "c"));
    let without = StoredUser {
        password_hash: None,
        ..stored("carol", "c")
    };
    put(4, without);
    assert!(users.is_active("carol", at(0)), "by a token");
    assert!(!users.candidates("carol", at(0)).is_user);
    house.directory.put(5, []);
    assert!(!users.is_active("carol", at(0)));
}

#[test]
fn the_configuration_wins_over_what_is_stored() {
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, _) = house.open().unwrap();
    let theirs = StoredUser {
        enabled: false,
        valid_until: Some(1),
        ..stored("bob", "other")
    };
    house.directory.put(1, [Record::User(theirs)]);
    assert!(users.is_active("bob", at(9)));
    assert!(right_at(&users, "bob", "b", 9) && !right_at(&users, "bob", "other", 9));
}

#[test]
fn a_password_before_is_good_for_a_while_and_everybody_takes_as_long_then() {
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, _) = house.open().unwrap();
    let rotated = StoredUser {
        previous_hash: Some(cheap_hash("old")),
        previous_until: Some(100),
        ..stored("carol", "new")
    };
    house.directory.put(1, [Record::User(rotated)]);
    for (second, old) in [(0, true), (99, true), (100, false)] {
        assert!(right_at(&users, "carol", "new", second));
        assert_eq!(right_at(&users, "carol", "old", second), old, "{second}");
        for user in ["bob", "carol", "nobody"] {
            let hashes = users.candidates(user, at(second)).hashes.len();
            assert_eq!(hashes, if old { 2 } else { 1 }, "{user} {second}");
        }
    }
}

#[test]
fn the_costliest_may_be_stored() {
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, _) = house.open().unwrap();
    let cost_of = |users: &Users| cost(&users.candidates("nobody", at(0)).hashes[0]).unwrap();
    assert_eq!(cost_of(&users), cost(&cheap_hash("x")).unwrap());
    let costly = StoredUser {
        password_hash: Some(Cost::DEFAULT.dummy_hash().unwrap()),
        ..stored("carol", "c")
    };
    house.directory.put(1, [Record::User(costly)]);
    assert_eq!(cost_of(&users), Cost::DEFAULT);
    assert_eq!(cost_of(&users), Cost::DEFAULT);
    house.directory.put(2, []);
    assert_eq!(cost_of(&users), cost(&cheap_hash("x")).unwrap());
}

#[test]
fn a_stored_hash_that_costs_too_much_is_none() {
    let huge = "$argon2id$v=19$m=4000000,t=2,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSeeZoFTx5oXZPk";
    let house = House::new().with_user("bob", &cheap_hash("b"));
    let (users, _) = house.open().unwrap();
    let user = StoredUser {
        password_hash: Some(huge.to_owned()),
        ..stored("carol", "c")
    };
    house.directory.put(1, [Record::User(user)]);
    let candidates = users.candidates("carol", at(0));
    assert!(!candidates.is_user && candidates.hashes[0].as_ref() != huge);
}
