//! The memory of a query that runs once more because what its operators took as they liked was too much: each of them gets a
//! part that no other can have.
//!
//! A sort holds rows until it spills, and then merges them, first those in memory and at the end what it has spilled; for
//! the latter it takes as much as it gets. So both are bounded, so that sorts that run at the same time leave each other
//! what they cannot go on without.

use std::collections::HashMap;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::channels::is_channel;

/// Of the memory of a query one part in so many goes to channels between its partitions, which spill what they do not get
/// and lose nothing by it. Three quarters go to operators that can spill, and the rest to those that cannot.
const CHANNELS: usize = 16;
/// What one that can spill holds, and what it merges with, in eighths of its part.
const HOLDS: usize = 3;
const MERGES: usize = 5;

/// Who shares, and what each of them has.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// How many there are at the moment, and how many were there, or are expected, at the same time.
    spillers: Count,
    channels: Count,
    /// In bytes, by the number of the consumer. What a sort holds is in several reservations.
    sorts: HashMap<usize, usize>,
    /// What all channels hold, in bytes.
    in_channels: usize,
}

#[derive(Debug, Default)]
struct Count {
    now: usize,
    most: usize,
}

#[derive(PartialEq)]
enum Kind {
    Sort,
    Merge,
    /// It can spill, and is not a sort.
    Spiller,
    Channel,
    Fixed,
}

impl Kind {
    /// The engine gives its operators' consumers no kind, but names.
    fn of(consumer: &MemoryConsumer) -> Self {
        let is = |name: &str| consumer.name().starts_with(name);
        match consumer.can_spill() {
            true if is("ExternalSorter") => Self::Sort,
            true if is_channel(consumer) => Self::Channel,
            true => Self::Spiller,
            false if is("ExternalSorterMerge") => Self::Merge,
            false => Self::Fixed,
        }
    }
}

impl Count {
    fn add(&mut self) {
        self.now += 1;
        self.most = self.most.max(self.now);
    }

    fn remove(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

impl Parts {
    /// So many operators that can spill, and are no channels, are to come.
    pub(super) fn expect(&mut self, spillers: usize) {
        self.spillers.most = self.spillers.most.max(spillers);
    }

    pub(super) fn register(&mut self, consumer: &MemoryConsumer) {
        match Kind::of(consumer) {
            Kind::Sort | Kind::Spiller => self.spillers.add(),
            Kind::Channel => self.channels.add(),
            Kind::Merge | Kind::Fixed => {}
        }
    }

    pub(super) fn unregister(&mut self, consumer: &MemoryConsumer) {
        match Kind::of(consumer) {
            Kind::Sort | Kind::Spiller => self.spillers.remove(),
            Kind::Channel => self.channels.remove(),
            Kind::Merge | Kind::Fixed => {}
        }
        self.sorts.remove(&consumer.id());
    }

    pub(super) fn charge(&mut self, reservation: &MemoryReservation, bytes: usize) {
        let consumer = reservation.consumer();
        match Kind::of(consumer) {
            Kind::Sort | Kind::Merge => *self.sorts.entry(consumer.id()).or_default() += bytes,
            Kind::Channel => self.in_channels += bytes,
            Kind::Spiller | Kind::Fixed => {}
        }
    }

    pub(super) fn refund(&mut self, reservation: &MemoryReservation, bytes: usize) {
        let consumer = reservation.consumer();
        if let Some(held) = self.sorts.get_mut(&consumer.id()) {
            *held = held.saturating_sub(bytes);
        } else if Kind::of(consumer) == Kind::Channel {
            self.in_channels = self.in_channels.saturating_sub(bytes);
        }
    }

    /// What channels hold beyond their part, because they could not be told to spill: nobody has less for it.
    pub(super) fn beyond(&self, all: usize) -> usize {
        self.in_channels.saturating_sub(all / CHANNELS)
    }

    /// Whether so much more is within the part of an operator, where all together have so much.
    pub(super) fn may_grow(
        &self,
        reservation: &MemoryReservation,
        bytes: usize,
        all: usize,
    ) -> bool {
        let consumer = reservation.consumer();
        let sort = self.sorts.get(&consumer.id()).copied().unwrap_or(0);
        let part = all / 4 * 3 / self.spillers.most.max(1);
        // Whoever has nothing gets its first rows, whatever their size: with nothing to spill it could not go on.
        match Kind::of(consumer) {
            Kind::Sort => sort == 0 || sort + bytes <= part / 8 * HOLDS,
            Kind::Merge => sort == 0 || sort + bytes <= part / 8 * MERGES,
            Kind::Spiller => {
                let own = reservation.size();
                own == 0 || own + bytes <= part / 8 * HOLDS
            }
            Kind::Channel => {
                reservation.size() + bytes <= all / CHANNELS / self.channels.most.max(1)
            }
            Kind::Fixed => true,
        }
    }
}
