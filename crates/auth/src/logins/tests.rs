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
    credentials::Credentials,
    password::{Argon2id, tests::cheap_hash},
    storage::Storage,
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

/// Ann and Bob, whose passwords are `a` and `b`.
fn users() -> Users {
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
    Users::open(&config, &Storage::open(data.path()).unwrap())
        .unwrap()
        .0
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
    let logins = Logins::new(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let users = users();
    for (user, password) in [("ann", "wrong"), ("nobody", "a"), ("", ""), ("ann", "")] {
        let refused = logins.verify(&users, &basic(user, password)).await;
        assert_eq!(refused, Err(Error::Unauthenticated), "{user}");
        assert_eq!(
            recorder.taken(),
            [users.hash_or_dummy(user).as_ref()],
            "{user}"
        );
    }
}

#[tokio::test]
async fn a_user_who_does_not_exist_never_enters() {
    let gate = Arc::new(Gate::default());
    gate.open();
    let logins = Logins::new(&auth(1), gate);
    // Even when the check of the dummy hash says yes.
    let refused = logins.verify(&users(), &basic("nobody", "a")).await;
    assert_eq!(refused, Err(Error::Unauthenticated));
}

#[tokio::test]
async fn a_right_password_is_checked_once_and_a_wrong_one_every_time() {
    let recorder = Arc::new(Recorder::default());
    let logins = Logins::new(&auth(1), Arc::clone(&recorder) as Arc<dyn Check>);
    let users = users();
    for _ in 0..3 {
        assert_eq!(logins.verify(&users, &basic("ann", "a")).await, Ok(()));
    }
    assert_eq!(recorder.taken().len(), 1);
    for _ in 0..3 {
        assert!(logins.verify(&users, &basic("ann", "b")).await.is_err());
    }
    assert_eq!(recorder.taken().len(), 3);
    assert_eq!(
        logins.verify(&users, &basic("ann", "a")).await,
        Ok(()),
        "still known"
    );
    assert_eq!(recorder.taken().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_of_equal_logins_is_checked_once() {
    let recorder = Arc::new(Recorder::default());
    let logins = Arc::new(Logins::new(
        &auth(1),
        Arc::clone(&recorder) as Arc<dyn Check>,
    ));
    let users = Arc::new(users());
    let burst: Vec<_> = (0..20)
        .map(|_| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { logins.verify(&users, &basic("ann", "a")).await })
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
    let logins = Arc::new(Logins::new(&auth(2), Arc::clone(&pairs) as Arc<dyn Check>));
    let users = Arc::new(users());
    let all: Vec<_> = (0..10)
        .map(|i| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { logins.verify(&users, &basic("ann", &i.to_string())).await })
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
    let logins = Arc::new(Logins::new(&auth(1), Arc::clone(&gate) as Arc<dyn Check>));
    let users = Arc::new(users());
    let all: Vec<_> = (0..=WAITING_PER_SLOT)
        .map(|_| {
            let (logins, users) = (Arc::clone(&logins), Arc::clone(&users));
            tokio::spawn(async move { logins.verify(&users, &basic("ann", "a")).await })
        })
        .collect();
    until(|| logins.queue.available_permits() == 0 && gate.entered() == 1).await;
    assert_eq!(
        logins.verify(&users, &basic("bob", "b")).await,
        Err(Error::Busy)
    );
    gate.open();
    for login in all {
        assert_eq!(login.await.unwrap(), Ok(()));
    }
    assert_eq!(logins.verify(&users, &basic("bob", "b")).await, Ok(()));
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_free_the_slot_early() {
    let gate = Arc::new(Gate::default());
    let logins = Arc::new(Logins::new(&auth(1), Arc::clone(&gate) as Arc<dyn Check>));
    let caller = {
        let (logins, users) = (Arc::clone(&logins), users());
        tokio::spawn(async move { logins.verify(&users, &basic("ann", "a")).await })
    };
    until(|| gate.entered() == 1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(logins.slots.available_permits(), 0);
    gate.open();
    until(|| logins.slots.available_permits() == 1).await;
}
