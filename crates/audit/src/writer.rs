//! The thread that writes events: in batches, whole lines only, again and again where it cannot.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::Event;
use crate::auditor::Shared;
use crate::entry::Entry;
use crate::files::Files;

/// How long the thread waits for work when all that was written is on the disk.
const IDLE: Duration = Duration::from_hours(1);
/// How long what comes after a batch waits for more to go into the next one.
const GATHER: Duration = Duration::from_millis(5);
/// How long it waits after a failure.
const AGAIN: Duration = Duration::from_millis(500);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    files: Files,
    flush_interval: Duration,
    /// Lines that are not yet in a file.
    pending: Vec<u8>,
    /// How many events they are of.
    events: u64,
    /// When something was written first that the disk may not have yet.
    unflushed: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, files: Files, flush_interval: Duration) -> Self {
        Self {
            shared,
            files,
            flush_interval,
            pending: Vec::new(),
            events: 0,
            unflushed: None,
        }
    }

    /// Writes until the queue is closed and empty. What cannot be written then is lost, and that is logged.
    pub(crate) fn run(mut self) {
        let mut batch = Vec::new();
        loop {
            let limit = match self.unflushed {
                Some(since) => self.flush_interval.saturating_sub(since.elapsed()),
                None => IDLE,
            };
            let taken = self.shared.queue.take(&mut batch, limit);
            self.encode(&mut batch, taken.lost);
            self.write_all(taken.closed);
            if taken.closed && !self.shared.queue.has_any() {
                break;
            }
            self.shared.queue.gather(GATHER);
        }
        if !self.pending.is_empty() {
            let events = self.events;
            tracing::error!(events, "the last events of the audit log are lost");
        }
    }

    fn encode(&mut self, batch: &mut Vec<(i64, Event)>, lost: u64) {
        let mut last = 0;
        for (time, event) in batch.drain(..) {
            last = time;
            self.push(time, event);
            self.events += 1;
        }
        if lost > 0 {
            self.push(last, Event::Lost(lost));
        }
    }

    fn push(&mut self, time: i64, event: Event) {
        let before = self.pending.len();
        match serde_json::to_writer(&mut self.pending, &Entry::of(time, event)) {
            Ok(()) => self.pending.push(b'\n'),
            Err(error) => {
                self.pending.truncate(before);
                tracing::error!(%error, "an event of the audit log has no form");
            }
        }
    }

    /// Writes what is pending, and has the disk keep it when it is time. Until that has succeeded nothing more is taken
    /// from the queue, which bounds what waits; at the end it is tried once.
    fn write_all(&mut self, closed: bool) {
        let mut logged = false;
        while let Err(why) = self.try_write(closed) {
            self.shared.fail(true);
            if !std::mem::replace(&mut logged, true) {
                let dir = self.shared.dir.display();
                tracing::error!(%why, directory = %dir, "the audit log cannot be written; it is tried again");
            }
            if closed || self.shared.queue.pause(AGAIN) {
                let _ = self.try_write(true);
                return;
            }
        }
        self.shared.fail(false);
        if logged {
            tracing::warn!("the audit log is written again");
        }
        self.shared.queue.done(std::mem::take(&mut self.events));
    }

    fn try_write(&mut self, flush: bool) -> io::Result<()> {
        while !self.pending.is_empty() {
            let rotating = || {
                let names = self.shared.names.write();
                names.unwrap_or_else(PoisonError::into_inner)
            };
            let written = self.files.append(&self.pending, rotating)?;
            self.pending.drain(..written);
            self.unflushed.get_or_insert_with(Instant::now);
        }
        let is_due = |since: Instant| flush || since.elapsed() >= self.flush_interval;
        if self.unflushed.is_some_and(is_due) {
            self.files.sync()?;
            self.unflushed = None;
        }
        Ok(())
    }
}
