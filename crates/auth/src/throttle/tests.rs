use std::net::SocketAddr;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

fn throttle() -> Throttle {
    Throttle::new(&Auth::default())
}

fn peer(number: u32) -> Peer {
    let [a, b, c, d] = number.to_be_bytes();
    Peer::from(Some(SocketAddr::from(([a, b, c, d], 1))))
}

fn refused(throttle: &Throttle, user: &str, from: u32, now: Instant) -> Option<Duration> {
    match throttle.begin(user, peer(from), now) {
        Ok(_) => None,
        Err(Error::Throttled { retry_after }) => Some(retry_after),
        Err(other) => panic!("{other}"),
    }
}

fn fail(throttle: &Throttle, user: &str, from: u32, now: Instant) {
    let tried = throttle.begin(user, peer(from), now).unwrap();
    throttle.failed(&tried, now);
}

/// Durations come from floating-point numbers.
fn close(a: Option<Duration>, b: Duration) -> bool {
    a.is_some_and(|a| a.abs_diff(b) < Duration::from_millis(1))
}

#[test]
fn each_failure_beyond_the_free_ones_doubles_the_delay_up_to_a_bound() {
    let throttle = throttle();
    let mut now = Instant::now();
    for _ in 0..4 {
        fail(&throttle, "ann", 1, now);
        assert_eq!(refused(&throttle, "ann", 1, now), None);
    }
    let mut expected = SECOND;
    for _ in 0..12 {
        fail(&throttle, "ann", 1, now);
        let left = refused(&throttle, "ann", 1, now);
        assert!(close(left, expected), "{left:?} {expected:?}");
        let soon = now + expected - Duration::from_millis(10);
        assert!(refused(&throttle, "ann", 1, soon).is_some());
        // Just enough later that the delay is over; what is forgotten meanwhile is less than one failure.
        now += expected + Duration::from_millis(1);
        assert_eq!(refused(&throttle, "ann", 1, now), None);
        expected = (expected * 2).min(MINUTE);
        if expected == MINUTE {
            break;
        }
    }
    assert_eq!(expected, MINUTE);
}

#[test]
fn refused_tries_make_it_no_longer() {
    let throttle = throttle();
    let now = Instant::now();
    (0..5).for_each(|_| fail(&throttle, "ann", 1, now));
    for _ in 0..100 {
        assert!(close(refused(&throttle, "ann", 1, now), SECOND));
    }
    assert_eq!(refused(&throttle, "ann", 1, now + SECOND), None);
}

#[test]
fn failures_are_forgotten_and_success_forgets_them_at_once() {
    let throttle = throttle();
    let now = Instant::now();
    (0..5).for_each(|_| fail(&throttle, "ann", 1, now));
    let later = now + 15 * MINUTE;
    for _ in 0..4 {
        fail(&throttle, "ann", 1, later);
        assert_eq!(refused(&throttle, "ann", 1, later), None);
    }
    let tried = throttle.begin("ann", peer(1), later).unwrap();
    throttle.succeeded(&tried, later);
    for _ in 0..4 {
        fail(&throttle, "ann", 1, later);
        assert_eq!(refused(&throttle, "ann", 1, later), None);
    }
    fail(&throttle, "ann", 1, later);
    assert!(
        refused(&throttle, "ann", 1, later).is_some(),
        "who has logged in is slowed again"
    );
}

#[test]
fn only_the_pair_is_refused() {
    let throttle = throttle();
    let now = Instant::now();
    (0..5).for_each(|_| fail(&throttle, "ann", 1, now));
    assert!(refused(&throttle, "ann", 1, now).is_some());
    assert_eq!(refused(&throttle, "ann", 2, now), None);
    assert_eq!(refused(&throttle, "bob", 1, now), None);
}

#[test]
fn an_address_that_tries_many_names_is_slowed_and_who_logged_in_from_there_is_not() {
    let throttle = throttle();
    let now = Instant::now();
    let ann = throttle.begin("ann", peer(1), now).unwrap();
    throttle.succeeded(&ann, now);
    (0..100).for_each(|i| fail(&throttle, &format!("user {i}"), 1, now));
    assert!(close(refused(&throttle, "one more", 1, now), SECOND));
    assert!(close(refused(&throttle, "bob", 1, now), SECOND));
    assert_eq!(refused(&throttle, "ann", 1, now), None);
    assert_eq!(refused(&throttle, "bob", 2, now), None);
}

#[test]
fn a_user_under_attack_from_everywhere_waits_and_is_never_refused() {
    let throttle = throttle();
    let now = Instant::now();
    let home = throttle.begin("ann", peer(1), now).unwrap();
    throttle.succeeded(&home, now);
    (2..500).for_each(|from| fail(&throttle, "ann", from, now));
    let elsewhere = throttle.begin("ann", peer(999), now).unwrap();
    assert_eq!(elsewhere.wait, LONGEST_WAIT);
    let home = throttle.begin("ann", peer(1), now).unwrap();
    assert_eq!(home.wait, Duration::ZERO);
    let bob = throttle.begin("bob", peer(2), now).unwrap();
    assert_eq!(bob.wait, Duration::ZERO);
}

#[test]
fn a_flood_of_names_takes_no_more_memory_and_push_nobody_out_who_is_slowed() {
    let throttle = throttle();
    let now = Instant::now();
    let ann = throttle.begin("ann", peer(1), now).unwrap();
    throttle.succeeded(&ann, now);
    (0..5).for_each(|_| fail(&throttle, "eve", 2, now));
    for i in 0..100_000_u32 {
        let tried = Try {
            pair: u64::from(i) << 32,
            address: u64::from(i) << 32 | 1,
            user: u64::from(i) << 32 | 2,
            wait: Duration::ZERO,
        };
        throttle.failed(&tried, now);
        assert!(throttle.known.lock().unwrap().len() <= REMEMBERED);
    }
    assert!(refused(&throttle, "eve", 2, now).is_some());
    let known = throttle.known.lock().unwrap();
    assert!(known.get(&ann.pair).is_some_and(|pair| pair.succeeded));
}

#[test]
fn without_a_delay_nothing_is_counted() {
    let auth = Auth {
        failed_login_delay: Duration::ZERO,
        ..Auth::default()
    };
    let throttle = Throttle::new(&auth);
    let now = Instant::now();
    (0..1000).for_each(|_| fail(&throttle, "ann", 1, now));
    assert!(throttle.known.lock().unwrap().is_empty());
}
