//! What a query's operators hold of its memory, and how that is divided between those that can spill and the others.

use datafusion::execution::memory_pool::MemoryReservation;

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
    pub(super) spillers: usize,
}

impl Held {
    pub(super) fn nothing(certain: usize) -> Self {
        Self {
            certain,
            spillable: 0,
            fixed: 0,
            spillers: 0,
        }
    }

    pub(super) fn all(&self) -> usize {
        self.spillable + self.fixed
    }

    pub(super) fn of(&mut self, reservation: &MemoryReservation) -> &mut usize {
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
