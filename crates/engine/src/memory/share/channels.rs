//! Channels between the partitions of a query, which spill the rows that they get no memory for.
//!
//! The reader of a channel takes what was spilled from one file after the other, and waits at the end of the first that is
//! still written. Were two tasks to spill into one channel at the same time, each would write a file of its own, and the
//! reader could wait at the one for rows that are in the other, for ever
//! (<https://github.com/apache/datafusion/issues/24883>; the engine's next release reads them all). A task that is refused
//! memory spills at once, without giving its thread away. So while one thread spills into a channel, no other is refused.

use std::collections::HashMap;
use std::thread::{self, ThreadId};

use datafusion::execution::memory_pool::MemoryConsumer;

/// Which threads spill into channels, by the numbers of the channels' consumers.
#[derive(Debug, Default)]
pub(super) struct Channels(HashMap<usize, ThreadId>);

/// The engine gives its operators' consumers no kind, but names.
pub(super) fn is_channel(consumer: &MemoryConsumer) -> bool {
    consumer.can_spill() && consumer.name().starts_with("RepartitionExec")
}

impl Channels {
    /// Notes that this thread asks for memory again: what it had to spill is spilled.
    pub(super) fn asked(&mut self) {
        if !self.0.is_empty() {
            let this = thread::current().id();
            self.0.retain(|_, thread| *thread != this);
        }
    }

    /// Whether the task on this thread may be told to spill into a channel, which it then does.
    pub(super) fn may_spill(&mut self, channel: &MemoryConsumer) -> bool {
        let is_free = !self.0.contains_key(&channel.id());
        if is_free {
            self.0.insert(channel.id(), thread::current().id());
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_spills_into_a_channel() {
        let channel = |partition| {
            MemoryConsumer::new(format!("RepartitionExec[{partition}]")).with_can_spill(true)
        };
        let (first, second) = (channel(0), channel(1));
        assert!(
            is_channel(&first) && !is_channel(&MemoryConsumer::new("RepartitionExec[Merge 0]"))
        );
        let mut channels = Channels::default();
        assert!(channels.may_spill(&first));
        let elsewhere = |channels: &mut Channels| {
            channels.asked();
            (channels.may_spill(&first), channels.may_spill(&second))
        };
        let outcome = thread::scope(|scope| scope.spawn(|| elsewhere(&mut channels)).join());
        assert_eq!(outcome.unwrap(), (false, true));
        // The other thread still spills into the second channel when this one asks again.
        channels.asked();
        assert!(channels.may_spill(&first) && !channels.may_spill(&second));
    }
}
