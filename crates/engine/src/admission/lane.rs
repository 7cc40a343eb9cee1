use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::queue::{Arrival, Bounds, Queue};
use super::{User, refusal};
use crate::Result;

/// The shortest and the longest time after which a refused caller is told to come back.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Places for work that runs at the same time, and a queue for them. A clone is the same lane.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    queue: Queue<oneshot::Sender<Slot>>,
    /// How long a place is held, on average, the last ones counting most; in seconds.
    held: f64,
    refused: u64,
}

/// A place. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Slot {
    lane: Lane,
    user: User,
    since: Instant,
}

/// How busy a lane is: what has a place, and what waits for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneLoad {
    /// What has a place.
    pub busy: usize,
    /// How many places there are.
    pub places: usize,
    /// What waits for one.
    pub waiting: usize,
    /// What was refused since the server started, for want of a place.
    pub refused: u64,
}

/// A place in the queue, given up when it is dropped.
struct Waiting<'a> {
    lane: &'a Lane,
    ticket: u64,
}

impl Lane {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Mutex::new(State {
            queue: Queue::new(bounds),
            held: 0.0,
            refused: 0,
        })))
    }

    pub(super) fn set(&self, bounds: Bounds) {
        self.lock().queue.bounds = bounds;
        self.serve();
    }

    pub(super) fn load(&self) -> LaneLoad {
        let state = self.lock();
        LaneLoad {
            busy: state.queue.busy(),
            places: state.queue.bounds.max,
            waiting: state.queue.waiting(),
            refused: state.refused,
        }
    }

    /// A place, at once or after those who wait. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] at once when too many wait, or when a user with fewer waiting needs the room; and at
    /// `query.queue_timeout`.
    pub(crate) async fn enter(&self, user: &str) -> Result<Slot> {
        let user = User::from(user);
        let (sender, turn) = oneshot::channel();
        let (arrival, bounds) = {
            let mut state = self.lock();
            let arrival = state.queue.arrive(&user, sender);
            (arrival, state.queue.bounds)
        };
        let (ticket, displaced) = match arrival {
            Arrival::Begins => return Ok(self.slot(user)),
            Arrival::Waits(ticket, displaced) => (ticket, displaced),
            Arrival::Refused => return Err(self.refuse("the queue is full (query.max_queued)")),
        };
        // Its receiver is closed by this, which tells it.
        drop(displaced);
        let waiting = Waiting { lane: self, ticket };
        let waited = tokio::time::timeout(bounds.longest_wait, turn).await;
        drop(waiting);
        match waited {
            Ok(Ok(slot)) => Ok(slot),
            Ok(Err(_)) => Err(self.refuse(
                "the queue is full, and users with fewer waiting go first (query.max_queued)",
            )),
            Err(_) => Err(self.refuse(&format!(
                "no turn came within {} s (query.queue_timeout)",
                bounds.longest_wait.as_secs_f64()
            ))),
        }
    }

    fn refuse(&self, why: &str) -> crate::Error {
        let mut state = self.lock();
        state.refused += 1;
        let queue = &state.queue;
        let Bounds {
            max,
            max_key,
            max_per_user,
            ..
        } = queue.bounds;
        let share = if max_per_user < max {
            format!(", {max_per_user} of one user")
        } else {
            String::new()
        };
        let text = format!(
            "the server is busy: {} of {max} places are taken ({max_key}{share}), {} wait, and {why}",
            queue.busy(),
            queue.waiting(),
        );
        let turns = (queue.waiting() + 1) as f64 / max.max(1) as f64;
        let retry = Duration::try_from_secs_f64((state.held * turns).ceil()).unwrap_or(RETRY.1);
        refusal(&text, retry.clamp(RETRY.0, RETRY.1))
    }

    fn slot(&self, user: User) -> Slot {
        Slot {
            lane: self.clone(),
            user,
            since: Instant::now(),
        }
    }

    /// Gives free places to those who wait.
    fn serve(&self) {
        loop {
            let next = self.lock().queue.next();
            let Some((user, turn)) = next else {
                return;
            };
            // Not under the lock: a place that nobody takes any more is dropped, which serves those behind.
            drop(turn.send(self.slot(user)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let held = self.since.elapsed().as_secs_f64();
        {
            let mut state = self.lane.lock();
            state.queue.leave(&self.user);
            state.held += (held - state.held) / 8.0;
        }
        self.lane.serve();
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.lock().queue.give_up(self.ticket);
    }
}
