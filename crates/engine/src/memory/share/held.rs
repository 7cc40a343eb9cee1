//! What a query's operators hold of its memory, and how that is divided between those that can spill and the others.

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::channels::Channels;
use super::parts::Parts;

/// Operators that can spill leave one part in so many of what is certain, and of what a query may have, to others.
const LEFT: usize = 3;

/// What operators hold, in bytes.
#[derive(Debug)]
pub(super) struct Held {
    /// What is certain to the query, taken by operators or not.
    pub(super) certain: usize,
    /// By those that can spill.
    pub(super) spillable: usize,
    /// By those that cannot.
    fixed: usize,
    /// How many operators can spill.
    spillers: usize,
    /// Where each operator has a part of its own.
    pub(super) parts: Option<Parts>,
    pub(super) channels: Channels,
}

impl Held {
    pub(super) fn nothing(certain: usize) -> Self {
        Self {
            certain,
            spillable: 0,
            fixed: 0,
            spillers: 0,
            parts: None,
            channels: Channels::default(),
        }
    }

    pub(super) fn all(&self) -> usize {
        self.spillable + self.fixed
    }

    pub(super) fn register(&mut self, consumer: &MemoryConsumer) {
        self.spillers += usize::from(consumer.can_spill());
        if let Some(parts) = &mut self.parts {
            parts.register(consumer);
        }
    }

    pub(super) fn unregister(&mut self, consumer: &MemoryConsumer) {
        let gone = usize::from(consumer.can_spill());
        self.spillers = self.spillers.saturating_sub(gone);
        if let Some(parts) = &mut self.parts {
            parts.unregister(consumer);
        }
    }

    pub(super) fn take(&mut self, reservation: &MemoryReservation, bytes: usize) {
        *self.of(reservation) += bytes;
        if let Some(parts) = &mut self.parts {
            parts.charge(reservation, bytes);
        }
    }

    pub(super) fn give(&mut self, reservation: &MemoryReservation, bytes: usize) {
        let of = self.of(reservation);
        *of = of.saturating_sub(bytes);
        if let Some(parts) = &mut self.parts {
            parts.refund(reservation, bytes);
        }
    }

    fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
        if reservation.consumer().can_spill() {
            &mut self.spillable
        } else {
            &mut self.fixed
        }
    }

    /// How much of this is within what is certain; a part of that is never taken by those that can spill.
    pub(super) fn within(&self) -> usize {
        let spillable = self.spillable.min(spillable_part(self.certain));
        spillable + self.fixed.min(self.certain - spillable)
    }

    /// How much of it is taken from what is common.
    pub(super) fn above(&self) -> usize {
        self.all() - self.within()
    }

    /// Whether an operator may have so much more, where the query may have this quota.
    pub(super) fn may_grow(
        &self,
        reservation: &MemoryReservation,
        bytes: usize,
        quota: usize,
    ) -> bool {
        let all = self.all() + bytes;
        if let Some(parts) = &self.parts {
            return all - parts.beyond(quota).min(all) <= quota
                && parts.may_grow(reservation, bytes, quota);
        }
        if !reservation.consumer().can_spill() {
            return all <= quota;
        }
        let even = spillable_part(quota).min(quota.saturating_sub(self.fixed));
        all <= quota / 2 || reservation.size() + bytes <= even / self.spillers.max(1)
    }
}

/// What operators that can spill may have of so much.
pub(super) fn spillable_part(bytes: usize) -> usize {
    bytes - bytes / LEFT
}
