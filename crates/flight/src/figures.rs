//! What is counted of calls, connections and logins since the start. Counting is one or two additions, wherever it happens;
//! nobody waits for anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tonic::Code;

use crate::Flight;
use crate::layers::METHODS;

/// Upper bounds of the classes that calls are sorted into by how long they took, in seconds.
pub const CLASSES: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0,
];
/// The codes of gRPC, each at its number.
pub const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
/// How a caller proved, or wanted to prove, who it is.
const PROOFS: [&str; 7] = [
    "basic",
    "bearer",
    "issuer",
    "certificate",
    "anonymous",
    "none",
    "malformed",
];
/// What came of it.
const OUTCOMES: [&str; 6] = [
    "ok",
    "unauthenticated",
    "busy",
    "throttled",
    "denied",
    "internal",
];

/// What calls there were since the start, and what is open. All numbers but `open` and `running` only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Connections that are open.
    pub open: u64,
    /// Connections that were accepted, those included whose TLS handshake failed before any call.
    pub accepted: u64,
    /// What clients sent, in bytes as HTTP/2 counts them, before encryption.
    pub received_bytes: u64,
    /// What was sent to clients, in the same way.
    pub sent_bytes: u64,
    /// The calls of each method.
    pub calls: Vec<Calls>,
    /// How often somebody proved to be somebody: the proof, the outcome, the number. Zeros are left out.
    pub logins: Vec<(&'static str, &'static str, u64)>,
}

/// The calls of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// The method, as `DoGet`; `unknown` for what there is not.
    pub method: &'static str,
    /// Calls that have not ended.
    pub running: u64,
    /// Calls that ended, at the number of their code.
    pub ended: [u64; CODES.len()],
    /// How long they took together, from the first byte of the request to the last of the answer.
    pub time: Duration,
    /// How many of them took no longer than the bound of [`CLASSES`] at the same place, and longer than the one before
    /// it. Those that took longer than all bounds are in none.
    pub classes: [u64; CLASSES.len()],
}

impl Flight {
    /// What was counted until now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.meter.figures()
    }
}

/// Counts. A clone counts to the same sums.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Sums>);

#[derive(Debug, Default)]
struct Sums {
    opened: AtomicU64,
    closed: AtomicU64,
    accepted: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    methods: [OfMethod; METHODS.len()],
    logins: [[AtomicU64; OUTCOMES.len()]; PROOFS.len()],
}

#[derive(Debug, Default)]
struct OfMethod {
    begun: AtomicU64,
    ended: [AtomicU64; CODES.len()],
    microseconds: AtomicU64,
    classes: [AtomicU64; CLASSES.len()],
}

/// An open connection; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Open(Meter);

impl Meter {
    /// A connection was accepted.
    pub(crate) fn accepted(&self) {
        add(&self.0.accepted, 1);
    }

    /// A connection is ready for calls.
    pub(crate) fn opened(&self) -> Open {
        add(&self.0.opened, 1);
        Open(self.clone())
    }

    /// A call of the method at this place of [`METHODS`] began.
    pub(crate) fn begin(&self, method: usize) {
        if let Some(of_method) = self.0.methods.get(method) {
            add(&of_method.begun, 1);
        }
    }

    /// It ended.
    pub(crate) fn end(&self, method: usize, code: Code, time: Duration) {
        let Some(of_method) = self.0.methods.get(method) else {
            return;
        };
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        add(&of_method.microseconds, micros);
        let seconds = time.as_secs_f64();
        let class = CLASSES.iter().position(|bound| seconds <= *bound);
        if let Some(class) = class.and_then(|at| of_method.classes.get(at)) {
            add(class, 1);
        }
        // The last, so that whoever reads meanwhile finds no more ends than beginnings.
        let code = usize::try_from(code as i32).ok();
        if let Some(ended) = code.and_then(|code| of_method.ended.get(code)) {
            add(ended, 1);
        }
    }

    /// Somebody tried to prove who it is. What is in neither list is counted nowhere.
    pub(crate) fn login(&self, proof: &str, outcome: &str) {
        let proof = PROOFS.iter().position(|name| *name == proof);
        let outcome = OUTCOMES.iter().position(|name| *name == outcome);
        if let (Some(proof), Some(outcome)) = (proof, outcome) {
            let of_proof = self.0.logins.get(proof);
            of_proof
                .and_then(|counts| counts.get(outcome))
                .into_iter()
                .for_each(|count| add(count, 1));
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let sums = &*self.0;
        let closed = sums.closed.load(Ordering::Acquire);
        let logins = PROOFS.iter().zip(&sums.logins).flat_map(|(proof, counts)| {
            let with_outcome = OUTCOMES.iter().zip(counts);
            with_outcome.map(|(outcome, count)| (*proof, *outcome, get(count)))
        });
        let calls = METHODS.iter().zip(&sums.methods);
        Figures {
            open: get(&sums.opened).saturating_sub(closed),
            accepted: get(&sums.accepted),
            received_bytes: get(&sums.received),
            sent_bytes: get(&sums.sent),
            calls: calls
                .map(|(method, of_method)| of_method.calls(method))
                .collect(),
            logins: logins.filter(|(_, _, count)| *count > 0).collect(),
        }
    }
}

impl OfMethod {
    fn calls(&self, method: &'static str) -> Calls {
        let ended = std::array::from_fn(|at| get(&self.ended[at]));
        let all: u64 = ended.iter().sum();
        Calls {
            method,
            running: get(&self.begun).saturating_sub(all),
            ended,
            time: Duration::from_micros(get(&self.microseconds)),
            classes: std::array::from_fn(|at| get(&self.classes[at])),
        }
    }
}

impl Open {
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.0.0.received, bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.0.0.sent, bytes as u64);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.closed.fetch_add(1, Ordering::Release);
    }
}

fn add(sum: &AtomicU64, more: u64) {
    sum.fetch_add(more, Ordering::Relaxed);
}

fn get(sum: &AtomicU64) -> u64 {
    sum.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_code_and_time() {
        let meter = Meter::default();
        let at = |name: &str| METHODS.iter().position(|known| *known == name).unwrap();
        let get = at("DoGet");
        for _ in 0..3 {
            meter.begin(get);
        }
        meter.end(get, Code::Ok, Duration::from_millis(2));
        meter.end(get, Code::Unauthenticated, Duration::from_hours(2));
        let figures = meter.figures();
        let calls = &figures.calls[get];
        assert_eq!((calls.method, calls.running), ("DoGet", 1));
        assert_eq!((calls.ended[0], calls.ended[16]), (1, 1));
        assert_eq!(calls.time, Duration::from_millis(7_200_002));
        assert_eq!(calls.classes[..3], [0, 1, 0]);
        assert_eq!(calls.classes.iter().sum::<u64>(), 1);
    }

    #[test]
    fn every_code_has_its_name() {
        for (number, name) in (0..).zip(CODES) {
            let said = format!("{:?}", Code::from(number)).to_lowercase();
            let name = name.replace('_', "").to_lowercase();
            assert_eq!(said, name);
        }
    }

    #[test]
    fn connections_and_logins() {
        let meter = Meter::default();
        meter.accepted();
        let open = meter.opened();
        open.received(3);
        open.sent(5);
        meter.login("basic", "ok");
        meter.login("basic", "no such outcome");
        let figures = meter.figures();
        assert_eq!((figures.open, figures.accepted), (1, 1));
        assert_eq!((figures.received_bytes, figures.sent_bytes), (3, 5));
        assert_eq!(figures.logins, [("basic", "ok", 1)]);
        drop(open);
        assert_eq!(meter.figures().open, 0);
    }
}
