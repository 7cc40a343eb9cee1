use std::{
    sync::{
        Barrier, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use godwit_config::{Config, Secret, User};

use super::*;
use crate::{
    access::{Record, StoredUser},
    credentials::Credentials,
    directory::Directory,
    password::{Argon2id, tests::cheap_hash},
    storage::Storage,
    turns::WAITING_PER_PEER,
};

/// The real check, recorded.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Check for Recorder {
    fn check(&self, hash: &str, password: &str) -> bool {
        self.0.lock().unwrap().push(hash.to_owned());
        Argon2id.check(hash, password)
    }
}

impl Recorder {
    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A check that takes until the gate opens.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Check for Gate {
    fn check(&self, _: &str, _: &str) -> bool {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        drop(self.changed.wait_while(state, |(_, open)| !*open).unwrap());
        true
    }
}

impl Gate {
    fn entered(&self) -> usize {
        self.state.lock().unwrap().0
    }

    fn open(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

fn auth(slots: usize) -> Auth {
    Auth {
        login_concurrency: slots,
        ..Auth::default()
    }
}

fn logins_with(auth: &Auth, check: Arc<dyn Check>) -> Logins {
    Logins::new(auth, check, Turns::new(auth.login_concurrency))
}

/// Ann and Bob, whose passwords are `a` and `b`.
fn users() -> Users {
    users_in(Arc::new(Directory::new(Default::default(), Turns::new(1))))
}

fn users_in(directory: Arc<Directory>) -> Users {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    for (name, password) in [("ann", "a"), ("bob", "b")] {
        let password_hash = Secret::new(cheap_hash(password));
        config.users.insert(
            name.to_owned(),
            User {
                password_hash,
                roles: Vec::new(),
            },
        );
    }
    Users::open(&config, &Storage::open(data.path()).unwrap(), directory)
        .unwrap()
        .0
}

/// Carol, who is stored and whose password is `c`.
fn carol() -> StoredUser {
    StoredUser {
        name: "carol".to_owned(),
        password_hash: Some(cheap_hash("c")),
        previous_hash: None,
        previous_until: None,
        enabled: true,
        valid_until: None,
        roles: Default::default(),
    }
}

async fn verify(logins: &Logins, users: &Users, user: &str, password: &str) -> Result<()> {
    let basic = basic(user, password);
    logins.verify(users, &basic, Peer::default()).await
}

/// What a password of that user is checked against.
fn hash_of(users: &Users, user: &str) -> String {
    let candidates = users.candidates(user, SystemTime::now());
    assert_eq!(candidates.hashes.len(), 1);
    candidates.hashes[0].as_ref().to_owned()
}

fn basic(user: &str, password: &str) -> Basic {
    let header = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    match Credentials::decode(&header) {
        Some(Credentials::Basic(basic)) => basic,
        other => panic!("{other:?}"),
    }
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_cost_one_check_and_give_one_answer() {
    let recorder = Arc::new(Recorder::default());
    let logins = logins_with(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let users = users();
    for (user, password) in [("ann", "wrong"), ("nobody", "a"), ("", ""), ("ann", "")] {
        let refused = verify(&logins, &users, user, password).await;
        assert_eq!(refused, Err(Error::Unauthenticated), "{user}");
        assert_eq!(recorder.taken(), [hash_of(&users, user)], "{user}");
    }
}

#[tokio::test]
async fn a_user_who_does_not_exist_never_enters() {
    let gate = Arc::new(Gate::default());
    gate.open();
    let logins = logins_with(&auth(1), gate);
    // Even when the check of the dummy hash says yes.
    let refused = verify(&logins, &users(), "nobody", "a").await;
    assert_eq!(refused, Err(Error::Unauthenticated));
}

#[tokio::test]
async fn a_right_password_is_checked_once_and_a_wrong_one_every_time() {
    let recorder = Arc::new(Recorder::default());
    let logins = logins_with(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let users = users();
    for _ in 0..3 {
        assert_eq!(verify(&logins, &users, "ann", "a").await, Ok(()));
    }
    assert_eq!(recorder.taken().len(), 1);
    for _ in 0..3 {
        assert!(verify(&logins, &users, "ann", "b").await.is_err());
    }
    assert_eq!(recorder.taken().len(), 3);
    assert_eq!(
        verify(&logins, &users, "ann", "a").await,
        Ok(()),
        "still known"
    );
    assert_eq!(recorder.taken().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_equal_logins_is_checked_once() {
    let recorder = Arc::new(Recorder::default());
    let logins = Arc::new(logins_with(
        &auth(1),
        Arc::clone(&recorder) as Arc<dyn Check>,
    ));
    let users = Arc::new(users());
    let burst: Vec<_> = (0..20)
        .map(|_| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { verify(&logins, &users, "ann", "a").await })
        })
        .collect();
    for login in burst {
        assert_eq!(login.await.unwrap(), Ok(()));
    }
    assert_eq!(recorder.taken().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_many_run_at_once_as_configured_and_no_more() {
    struct Pairs {
        barrier: Barrier,
        running: AtomicUsize,
        most: AtomicUsize,
    }
    impl Check for Pairs {
        fn check(&self, _: &str, _: &str) -> bool {
            let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(running, Ordering::SeqCst);
            // Passes only when two are here.
            self.barrier.wait();
            self.running.fetch_sub(1, Ordering::SeqCst);
            false
        }
    }
    let pairs = Arc::new(Pairs {
        barrier: Barrier::new(2),
        running: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let limits = Auth {
        failed_logins: 100,
        ..auth(2)
    };
    let logins = Arc::new(logins_with(&limits, Arc::clone(&pairs) as Arc<dyn Check>));
    let users = Arc::new(users());
    let all: Vec<_> = (0..10)
        .map(|i| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { verify(&logins, &users, "ann", &i.to_string()).await })
        })
        .collect();
    for login in all {
        assert_eq!(login.await.unwrap(), Err(Error::Unauthenticated));
    }
    assert_eq!(pairs.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let gate = Arc::new(Gate::default());
    let logins = Arc::new(logins_with(&auth(1), Arc::clone(&gate) as Arc<dyn Check>));
    let users = Arc::new(users());
    let all: Vec<_> = (0..=WAITING_PER_PEER)
        .map(|_| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { verify(&logins, &users, "ann", "a").await })
        })
        .collect();
    until(|| logins.turns.waiting() == WAITING_PER_PEER && gate.entered() == 1).await;
    assert_eq!(verify(&logins, &users, "bob", "b").await, Err(Error::Busy));
    gate.open();
    for login in all {
        assert_eq!(login.await.unwrap(), Ok(()));
    }
    assert_eq!(verify(&logins, &users, "bob", "b").await, Ok(()));
}

#[tokio::test]
async fn a_caller_who_goes_away_frees_no_slot_early_and_is_counted() {
    let gate = Arc::new(Gate::default());
    let limits = Auth {
        failed_logins: 1,
        ..auth(1)
    };
    let logins = Arc::new(logins_with(&limits, Arc::clone(&gate) as Arc<dyn Check>));
    let users = Arc::new(users());
    let caller = {
        let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
        // The gate says yes, and nobody has that name.
        tokio::spawn(async move { verify(&logins, &users, "nobody", "a").await })
    };
    until(|| gate.entered() == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(logins.turns.free(), 0);
    gate.open();
    until(|| logins.turns.free() == 1).await;
    let refused = verify(&logins, &users, "nobody", "a").await;
    assert!(
        matches!(refused, Err(Error::Throttled { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn too_many_wrong_passwords_are_refused_before_any_check() {
    let recorder = Arc::new(Recorder::default());
    let logins = logins_with(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let users = users();
    assert_eq!(verify(&logins, &users, "ann", "a").await, Ok(()));
    for user in ["ann", "nobody"] {
        for _ in 0..5 {
            let wrong = verify(&logins, &users, user, "wrong").await;
            assert_eq!(wrong, Err(Error::Unauthenticated), "{user}");
        }
    }
    recorder.taken();
    for (user, password) in [("ann", "wrong"), ("nobody", "x")] {
        let refused = verify(&logins, &users, user, password).await;
        assert!(
            matches!(refused, Err(Error::Throttled { .. })),
            "{refused:?}"
        );
    }
    // What is known needs no check, and other users and addresses are not meant.
    assert_eq!(verify(&logins, &users, "ann", "a").await, Ok(()));
    assert_eq!(recorder.taken().len(), 0);
    let wrong = verify(&logins, &users, "ann", "wrong").await;
    assert_eq!(wrong, Err(Error::Unauthenticated), "it is forgotten then");
    assert_eq!(verify(&logins, &users, "bob", "b").await, Ok(()));
    let elsewhere = Peer::from(Some(([10, 0, 0, 1], 1).into()));
    let guess = basic("ann", "wrong");
    let wrong = logins.verify(&users, &guess, elsewhere).await;
    assert_eq!(wrong, Err(Error::Unauthenticated));
}

#[tokio::test]
async fn a_remembered_password_is_forgotten_with_what_it_was_for() {
    let recorder = Arc::new(Recorder::default());
    let logins = logins_with(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let directory = Arc::new(Directory::new(Default::default(), Turns::new(1)));
    let users = users_in(Arc::clone(&directory));
    let put = |version, user| directory.put(version, [Record::User(user)]);
    let known = async || {
        recorder.taken();
        verify(&logins, &users, "carol", "c").await.is_ok() && recorder.taken().is_empty()
    };
    put(1, carol());
    assert_eq!(verify(&logins, &users, "carol", "c").await, Ok(()));
    assert!(known().await);
    let disabled = StoredUser {
        enabled: false,
        ..carol()
    };
    let expired = StoredUser {
        valid_until: Some(1),
        ..carol()
    };
    let changed = StoredUser {
        password_hash: Some(cheap_hash("d")),
        ..carol()
    };
    let without = StoredUser {
        password_hash: None,
        ..carol()
    };
    for (version, user) in [(2, disabled), (3, expired), (4, changed), (5, without)] {
        put(version, user);
        let refused = verify(&logins, &users, "carol", "c").await;
        assert_eq!(refused, Err(Error::Unauthenticated), "{version}");
    }
}

#[tokio::test]
async fn hashes_are_made_in_turn_with_logins() {
    let gate = Arc::new(Gate::default());
    let logins = Arc::new(logins_with(&auth(1), Arc::clone(&gate) as Arc<dyn Check>));
    let directory = Arc::new(Directory::new(Default::default(), logins.turns.clone()));
    let login = {
        let (logins, users) = (Arc::clone(&logins), users());
        tokio::spawn(async move { verify(&logins, &users, "ann", "a").await })
    };
    until(|| gate.entered() == 1).await;
    let hash = {
        let directory = Arc::clone(&directory);
        tokio::spawn(async move { directory.hash(Secret::new("secret")).await })
    };
    until(|| logins.turns.waiting() == 1).await;
    gate.open();
    assert_eq!(login.await.unwrap(), Ok(()));
    let hash = hash.await.unwrap().unwrap();
    assert!(Argon2id.check(&hash, "secret"));
    // A hash that somebody gives as a password is a password, and no hash.
    let of_hash = directory.hash(Secret::new(hash.as_str())).await.unwrap();
    assert!(of_hash != hash && Argon2id.check(&of_hash, &hash));
}
