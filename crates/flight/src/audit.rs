//! What is noted about calls: who proved to be whom, from where, and what a caller was refused.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use godwit_audit::{Auditor, Event, Login};
use godwit_auth::{Claim, Identity, Via};
use godwit_engine::Error as Engine;
use http::Extensions;
use tonic::Code;

use crate::call::Call;
use crate::connection::Peer;
use crate::figures::Meter;
use crate::status::{QueryId, code};
use crate::{Error, Result};

mod failures;

use failures::Failures;

/// How many proofs are remembered; when there are more, all are noted anew.
const REMEMBERED: usize = 10_000;

/// Notes logins and refusals.
#[derive(Debug)]
pub(crate) struct Notes {
    auditor: Auditor,
    meter: Meter,
    /// `audit.repeat_logins_after`
    repeat_after: Duration,
    /// When a proof was noted last, by a hash over it and the connection that it came on.
    seen: Mutex<HashMap<u64, Instant>>,
    failures: Mutex<Failures>,
    hasher: RandomState,
}

/// A call that is about to prove who makes it.
pub(crate) struct Attempt<'a> {
    pub(crate) call: &'a str,
    pub(crate) id: QueryId,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) authorization: Option<&'a str>,
}

impl Notes {
    pub(crate) fn new(auditor: Auditor, meter: Meter, repeat_after: Duration) -> Self {
        Self {
            auditor,
            meter,
            repeat_after,
            seen: Mutex::default(),
            failures: Mutex::new(Failures::new(repeat_after)),
            hasher: RandomState::new(),
        }
    }

    /// Whether a login may be tried.
    ///
    /// # Errors
    /// UNAVAILABLE when it could not be noted.
    pub(crate) fn check(&self) -> Result<()> {
        self.auditor.check().map_err(|error| {
            let message = error.to_string();
            Engine::Unavailable { message }.into()
        })
    }

    /// Notes a login by a handshake, and that of any other call, unless it repeats one; of failures that are alike, the
    /// first, and later how many there were.
    pub(crate) fn login(
        &self,
        attempt: &Attempt<'_>,
        outcome: Result<&Identity, &godwit_auth::Error>,
    ) {
        self.note_over();
        self.count(attempt, outcome);
        let is_call = attempt.call != "Handshake";
        if is_call && outcome.is_ok() && self.is_repeated(attempt) {
            return;
        }
        let login = Login {
            address: attempt.address,
            call: attempt.call.to_owned(),
            query_id: Some(attempt.id.to_string()),
            ..login(attempt.authorization, outcome)
        };
        let noted = match login.failure {
            Some(_) => self.failures().note(login, Instant::now()),
            None => Some(login),
        };
        if let Some(login) = noted {
            self.auditor.record(Event::Login(login));
        }
    }

    /// Notes how many failures were not noted, once that is due.
    fn note_over(&self) {
        let over = self.failures().over(Instant::now());
        for login in over {
            self.auditor.record(Event::Login(login));
        }
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a refusal. Other errors are none.
    pub(crate) fn denied(&self, call: &Call, error: &Error) {
        if code(error) != Code::PermissionDenied {
            return;
        }
        self.auditor.record(Event::Denied {
            user: call.user().into(),
            query_id: Some(call.id.to_string().into()),
            what: error.to_string(),
        });
    }

    fn count(&self, attempt: &Attempt<'_>, outcome: Result<&Identity, &godwit_auth::Error>) {
        match outcome {
            Ok(identity) => self.meter.login(proof(identity.via()), "ok"),
            Err(error) => {
                let proof = Claim::of(attempt.authorization).how;
                self.meter.login(proof, failure(error));
            }
        }
    }

    fn is_repeated(&self, attempt: &Attempt<'_>) -> bool {
        let Some(address) = attempt.address.filter(|_| !self.repeat_after.is_zero()) else {
            return false;
        };
        let key = self.hasher.hash_one((address, attempt.authorization));
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = seen.get(&key);
        if noted.is_some_and(|noted| now.duration_since(*noted) < self.repeat_after) {
            return true;
        }
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        seen.insert(key, now);
        false
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let rest = self.failures().rest();
        for login in rest {
            self.auditor.record(Event::Login(login));
        }
    }
}

/// Where a call comes from.
pub(crate) fn address(extensions: &Extensions) -> Option<SocketAddr> {
    extensions.get::<Peer>()?.tcp.remote_addr()
}

fn login(authorization: Option<&str>, outcome: Result<&Identity, &godwit_auth::Error>) -> Login {
    match outcome {
        Ok(identity) => Login {
            how: proof(identity.via()).to_owned(),
            user: Some(identity.user().to_owned()),
            ..Login::default()
        },
        Err(error) => {
            let claim = Claim::of(authorization);
            Login {
                how: claim.how.to_owned(),
                user: claim.user,
                failure: Some(failure(error)),
                ..Login::default()
            }
        }
    }
}

fn proof(via: Via) -> &'static str {
    match via {
        Via::Bearer => "bearer",
        Via::Issuer => "issuer",
        Via::Certificate => "certificate",
        Via::Basic => "basic",
        Via::Anonymous => "anonymous",
    }
}

fn failure(error: &godwit_auth::Error) -> &'static str {
    match error {
        godwit_auth::Error::Unauthenticated => "unauthenticated",
        godwit_auth::Error::Busy => "busy",
        godwit_auth::Error::Throttled { .. } => "throttled",
        godwit_auth::Error::Denied { .. } => "denied",
        _ => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_noted_once_for_a_connection_and_a_time() {
        let notes = Notes::new(Auditor::off(), Meter::default(), Duration::from_hours(1));
        let attempt = |port, authorization| Attempt {
            call: "DoGet",
            id: QueryId::random(),
            address: Some(SocketAddr::from(([127, 0, 0, 1], port))),
            authorization,
        };
        assert!(!notes.is_repeated(&attempt(1, Some("a"))));
        assert!(notes.is_repeated(&attempt(1, Some("a"))));
        assert!(!notes.is_repeated(&attempt(2, Some("a"))));
        assert!(!notes.is_repeated(&attempt(1, Some("b"))));
        assert!(!notes.is_repeated(&attempt(1, None)));
        let every = Notes::new(Auditor::off(), Meter::default(), Duration::ZERO);
        for _ in 0..2 {
            assert!(!every.is_repeated(&attempt(1, Some("a"))));
        }
    }
}
