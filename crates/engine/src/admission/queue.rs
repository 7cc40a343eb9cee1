use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::User;

/// What a lane holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max: usize,
    /// The configuration key of it.
    pub(super) max_key: &'static str,
    pub(super) max_per_user: usize,
    pub(super) max_waiting: usize,
    pub(super) longest_wait: Duration,
}

/// Places and the queue for them, as a calculation without time and tasks. `T` is what tells a waiter its turn.
#[derive(Debug)]
pub(super) struct Queue<T> {
    pub(super) bounds: Bounds,
    busy: HashMap<User, usize>,
    all_busy: usize,
    waiting: VecDeque<Waiter<T>>,
    next: u64,
}

#[derive(Debug)]
struct Waiter<T> {
    ticket: u64,
    user: User,
    turn: T,
}

/// What becomes of one who comes.
#[derive(Debug)]
pub(super) enum Arrival<T> {
    /// Has a place.
    Begins,
    /// Waits under this number; the one that gave way for it, if any, is to be told.
    Waits(u64, Option<T>),
    /// There is no room to wait.
    Refused,
}

impl<T> Queue<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            busy: HashMap::new(),
            all_busy: 0,
            waiting: VecDeque::new(),
            next: 0,
        }
    }

    pub(super) fn busy(&self) -> usize {
        self.all_busy
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a place or the end of the queue. Whoever waits could not begin, so that nobody is overtaken who could.
    pub(super) fn arrive(&mut self, user: &User, turn: T) -> Arrival<T> {
        if self.has_room_for(user) {
            self.take(user);
            return Arrival::Begins;
        }
        let mut displaced = None;
        if self.waiting.len() >= self.bounds.max_waiting {
            let Some(last) = self.last_of_greediest(user) else {
                return Arrival::Refused;
            };
            displaced = self.waiting.remove(last).map(|waiter| waiter.turn);
        }
        let ticket = self.next;
        self.next += 1;
        self.waiting.push_back(Waiter {
            ticket,
            user: User::clone(user),
            turn,
        });
        Arrival::Waits(ticket, displaced)
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, user: &User) {
        self.all_busy = self.all_busy.saturating_sub(1);
        if let Some(count) = self.busy.get_mut(user) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.busy.remove(user);
            }
        }
    }

    /// Whose turn it is, now with a place: of the users who may begin, the one who has the fewest places; among equals,
    /// who came first.
    pub(super) fn next(&mut self) -> Option<(User, T)> {
        if self.all_busy >= self.bounds.max {
            return None;
        }
        let may_begin = |waiter: &&Waiter<T>| self.of(&waiter.user) < self.bounds.max_per_user;
        let first = self
            .waiting
            .iter()
            .filter(may_begin)
            .min_by_key(|waiter| (self.of(&waiter.user), waiter.ticket))?;
        let ticket = first.ticket;
        let at = self.position(ticket)?;
        let Waiter { user, turn, .. } = self.waiting.remove(at)?;
        self.take(&user);
        Some((user, turn))
    }

    /// Takes back a place in the queue. Nothing happens when it is no longer there.
    pub(super) fn give_up(&mut self, ticket: u64) {
        if let Some(at) = self.position(ticket) {
            self.waiting.remove(at);
        }
    }

    fn has_room_for(&self, user: &User) -> bool {
        self.all_busy < self.bounds.max && self.of(user) < self.bounds.max_per_user
    }

    fn of(&self, user: &User) -> usize {
        self.busy.get(user).copied().unwrap_or_default()
    }

    fn take(&mut self, user: &User) {
        *self.busy.entry(User::clone(user)).or_default() += 1;
        self.all_busy += 1;
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.waiting
            .binary_search_by_key(&ticket, |waiter| waiter.ticket)
            .ok()
    }

    /// Where the last one stands of the user who has most waiting, if that is more than this user will have.
    fn last_of_greediest(&self, user: &User) -> Option<usize> {
        let mut counts: HashMap<&User, usize> = HashMap::new();
        for waiter in &self.waiting {
            *counts.entry(&waiter.user).or_default() += 1;
        }
        let mine = counts.get(user).copied().unwrap_or_default();
        let (greediest, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        if most <= mine + 1 {
            return None;
        }
        self.waiting
            .iter()
            .rposition(|waiter| waiter.user == *greediest)
    }
}
