//! What waits to be written: a bounded queue that is emptied as a whole.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::Event;

/// Events on their way to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Told when there is something to do for the writer.
    work: Condvar,
    /// Told when something was written.
    written: Condvar,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    /// With the time of each, in microseconds since 1970.
    events: Vec<(i64, Event)>,
    /// Events that had no room since the last batch.
    lost: u64,
    closed: bool,
    /// Whether the writer waits for an event, and not for more of them.
    idle: bool,
    /// How many wait until what they know of is written.
    readers: usize,
    /// Events that were taken in so far.
    taken: u64,
    /// Events that are in the file, or given up.
    done: u64,
}

/// A queue without room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
            capacity,
        }
    }

    /// Takes in an event, which happens now. `always` makes room where there is none.
    pub(crate) fn push(&self, event: Event, always: bool) -> Result<(), Full> {
        let mut waiting = self.lock();
        if waiting.events.len() >= self.capacity && !always {
            waiting.lost += 1;
            return Err(Full);
        }
        waiting.taken += 1;
        // Behind the lock, so that the order of events is that of their times.
        waiting.events.push((Utc::now().timestamp_micros(), event));
        let wakes = std::mem::take(&mut waiting.idle) || waiting.is_half(self.capacity);
        drop(waiting);
        if wakes {
            self.work.notify_one();
        }
        Ok(())
    }

    /// How many events are not in the file yet.
    pub(crate) fn waiting(&self) -> u64 {
        let waiting = self.lock();
        waiting.taken.saturating_sub(waiting.done)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lock().events.len() >= self.capacity
    }

    /// Waits until there is something to write, or the queue was closed, but no longer than this.
    pub(crate) fn take(&self, batch: &mut Vec<(i64, Event)>, limit: Duration) -> Taken {
        let idle = |waiting: &mut Waiting| {
            waiting.idle = waiting.events.is_empty() && !waiting.closed;
            waiting.idle
        };
        let waited = self.work.wait_timeout_while(self.lock(), limit, idle);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.idle = false;
        std::mem::swap(&mut waiting.events, batch);
        Taken {
            lost: std::mem::take(&mut waiting.lost),
            closed: waiting.closed,
        }
    }

    /// Waits so long for more to write, unless somebody waits for what there is, or it is much.
    pub(crate) fn gather(&self, limit: Duration) {
        let capacity = self.capacity;
        let few = |waiting: &mut Waiting| {
            !waiting.closed && waiting.readers == 0 && !waiting.is_half(capacity)
        };
        drop(self.work.wait_timeout_while(self.lock(), limit, few));
    }

    /// Notes that so many of the events that were taken out need nobody's attention any more.
    pub(crate) fn done(&self, events: u64) {
        self.lock().done += events;
        self.written.notify_all();
    }

    /// Waits until all that was taken in before is written; whether it was, in that time.
    pub(crate) fn wait_written(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut waiting = self.lock();
        let wanted = waiting.taken;
        if waiting.done < wanted {
            waiting.readers += 1;
            self.work.notify_one();
            while waiting.done < wanted {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let waited = self.written.wait_timeout(waiting, left);
                waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            waiting.readers -= 1;
        }
        waiting.done >= wanted
    }

    /// Waits so long, or until the queue is closed: whether it is.
    pub(crate) fn pause(&self, limit: Duration) -> bool {
        let open = |waiting: &mut Waiting| !waiting.closed;
        let waited = self.work.wait_timeout_while(self.lock(), limit, open);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    pub(crate) fn has_any(&self) -> bool {
        !self.lock().events.is_empty()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether the queue is half full, as it is with one event if it holds one.
    fn is_half(&self, capacity: usize) -> bool {
        self.events.len() * 2 >= capacity
    }
}

/// What came with a batch.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Events that had no room since the batch before.
    pub(crate) lost: u64,
    /// Whether nothing comes after it.
    pub(crate) closed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_counted() {
        let queue = Queue::new(2);
        for _ in 0..2 {
            queue.push(Event::Lost(0), false).unwrap();
        }
        assert!(queue.is_full());
        assert_eq!(queue.push(Event::Lost(0), false), Err(Full));
        queue.push(Event::Lost(0), true).unwrap();
        let mut batch = Vec::new();
        let taken = queue.take(&mut batch, Duration::ZERO);
        assert_eq!((batch.len(), taken.lost, taken.closed), (3, 1, false));
        assert!(!queue.wait_written(Duration::from_millis(1)));
        queue.done(3);
        assert!(queue.wait_written(Duration::ZERO));
    }

    #[test]
    fn a_closed_queue_gives_the_rest() {
        let queue = Queue::new(9);
        queue.push(Event::Lost(0), false).unwrap();
        queue.close();
        let mut batch = Vec::new();
        assert!(queue.take(&mut batch, Duration::from_mins(1)).closed);
        assert_eq!(batch.len(), 1);
    }
}
