//! Failed logins as few events, however many there are: a flood of them is not to push everything else out of the files.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use godwit_audit::Login;

/// Of how many users and addresses failures are told apart at the same time.
const TOLD_APART: usize = 512;
/// How many of these are of one address.
const OF_ADDRESS: usize = 32;

/// Counts failures that are like one that was noted already.
#[derive(Debug)]
pub(super) struct Failures {
    /// For how long the first stands for those that are like it.
    period: Duration,
    known: HashMap<Like, Known>,
}

/// What failures that are one event have in common. Who makes up a user for each, or an address, has those beyond a number
/// counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Like {
    User {
        address: Option<IpAddr>,
        user: Option<String>,
        how: String,
        failure: Option<&'static str>,
    },
    Address(Option<IpAddr>),
    Any,
}

#[derive(Debug)]
struct Known {
    /// The one that was noted.
    first: Login,
    since: Instant,
    more: u64,
}

impl Failures {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            known: HashMap::new(),
        }
    }

    /// What is to be noted of a failure: it, when it is the first of its kind in a period.
    pub(super) fn note(&mut self, failure: Login, now: Instant) -> Option<Login> {
        if self.period.is_zero() {
            return Some(failure);
        }
        let like = self.like(&failure);
        if let Some(known) = self.known.get_mut(&like) {
            known.more += 1;
            return None;
        }
        let first = match like {
            Like::User { .. } => failure,
            Like::Address(_) => Login {
                user: None,
                ..failure
            },
            Like::Any => Login {
                user: None,
                address: None,
                ..failure
            },
        };
        let known = Known {
            first: first.clone(),
            since: now,
            more: 0,
        };
        self.known.insert(like, known);
        Some(first)
    }

    /// How many were like those whose period is over by now.
    pub(super) fn over(&mut self, now: Instant) -> Vec<Login> {
        let period = self.period;
        let is_over = |known: &Known| now.saturating_duration_since(known.since) >= period;
        let over = self.known.extract_if(|_, known| is_over(known));
        over.filter_map(|(_, known)| known.counted()).collect()
    }

    /// The same of all that are not noted yet.
    pub(super) fn rest(&mut self) -> Vec<Login> {
        let rest = self.known.drain();
        rest.filter_map(|(_, known)| known.counted()).collect()
    }

    fn like(&self, failure: &Login) -> Like {
        let address = failure.address.as_ref().map(SocketAddr::ip);
        let own = Like::User {
            address,
            user: failure.user.clone(),
            how: failure.how.clone(),
            failure: failure.failure,
        };
        if self.known.contains_key(&own) {
            return own;
        }
        let of_address =
            |like: &&Like| matches!(like, Like::User { address: known, .. } if *known == address);
        let is_crowded = self.known.keys().filter(of_address).count() >= OF_ADDRESS;
        if self.known.len() < TOLD_APART && !is_crowded {
            return own;
        }
        let of_address = Like::Address(address);
        match self.known.contains_key(&of_address) || self.known.len() < 2 * TOLD_APART {
            true => of_address,
            false => Like::Any,
        }
    }
}

impl Known {
    fn counted(self) -> Option<Login> {
        let login = Login {
            query_id: None,
            repeats: self.more,
            ..self.first
        };
        (login.repeats > 0).then_some(login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(60);

    fn failure(user: &str, address: [u8; 4]) -> Login {
        Login {
            how: "basic".to_owned(),
            user: Some(user.to_owned()),
            address: Some(SocketAddr::from((address, 1))),
            query_id: Some(user.to_owned()),
            failure: Some("unauthenticated"),
            ..Login::default()
        }
    }

    #[test]
    fn failures_of_a_user_from_an_address_are_one_event_and_its_count() {
        let (mut failures, begin) = (Failures::new(PERIOD), Instant::now());
        let home = [127, 0, 0, 1];
        assert!(failures.note(failure("ann", home), begin).is_some());
        for _ in 0..1000 {
            assert!(failures.note(failure("ann", home), begin).is_none());
        }
        assert!(failures.note(failure("bob", home), begin).is_some());
        assert!(failures.note(failure("ann", [1, 2, 3, 4]), begin).is_some());
        let throttled = Login {
            failure: Some("throttled"),
            ..failure("ann", home)
        };
        assert!(failures.note(throttled, begin).is_some());

        assert!(failures.over(begin + PERIOD / 2).is_empty());
        let over = failures.over(begin + PERIOD);
        let [counted] = over.as_slice() else {
            panic!("{over:?}");
        };
        assert_eq!(
            (counted.user.as_deref(), counted.repeats),
            (Some("ann"), 1000)
        );
        assert_eq!(counted.query_id, None);
        let again = failures.note(failure("ann", home), begin + PERIOD);
        assert!(again.is_some(), "a period of its own");
        assert!(failures.rest().is_empty());
    }

    #[test]
    fn whoever_makes_up_users_and_addresses_is_counted_as_one() {
        let (mut failures, now) = (Failures::new(PERIOD), Instant::now());
        let mut noted = 0;
        for user in 0..10_000 {
            let made_up = failure(&user.to_string(), [127, 0, 0, 1]);
            noted += usize::from(failures.note(made_up, now).is_some());
        }
        assert_eq!(noted, OF_ADDRESS + 1);
        // Another address is not hidden by that.
        assert!(failures.note(failure("ann", [1, 2, 3, 4]), now).is_some());
        for address in 0..100_000u32 {
            let [_, b, c, d] = address.to_be_bytes();
            let made_up = failure("eve", [10, b, c, d]);
            noted += usize::from(failures.note(made_up, now).is_some());
        }
        assert!(noted <= 2 * TOLD_APART + 1, "{noted}");
        let over = failures.over(now + PERIOD);
        let counted: u64 = over.iter().map(|login| login.repeats).sum();
        assert_eq!(counted + noted as u64, 110_000);
        assert!(failures.known.is_empty());
    }

    #[test]
    fn without_a_period_all_are_noted() {
        let (mut failures, now) = (Failures::new(Duration::ZERO), Instant::now());
        for _ in 0..3 {
            let noted = failures.note(failure("ann", [127, 0, 0, 1]), now);
            assert!(noted.is_some());
        }
        assert!(failures.rest().is_empty());
    }
}
