use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::{
    error::{Error, Result},
    peer::Peer,
};

/// How many may wait for each that is let through at the same time.
const WAITING_PER_SLOT: usize = 256;
/// How many of them may be of one peer.
pub(crate) const WAITING_PER_PEER: usize = 64;

/// Lets few through at the same time. Those who wait take turns by where they come from, so that many of one place make
/// only each other wait.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: usize,
    room: usize,
    room_per_peer: usize,
    waiting: usize,
    queues: HashMap<Peer, VecDeque<oneshot::Sender<Turn>>>,
    /// Who is next. Each queue's peer is here once.
    order: VecDeque<Peer>,
}

/// Held while one is let through.
#[derive(Debug)]
pub(crate) struct Turn(Option<Turns>);

impl Turns {
    /// Lets so many through at the same time.
    pub(crate) fn new(slots: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: slots,
            room: slots * WAITING_PER_SLOT,
            room_per_peer: slots * WAITING_PER_PEER,
            waiting: 0,
            queues: HashMap::new(),
            order: VecDeque::new(),
        })))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, altogether or of the same peer.
    pub(crate) async fn take(&self, peer: Peer) -> Result<Turn> {
        let receiver = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(Some(self.clone())));
            }
            state.wait(peer)?
        };
        receiver.await.map_err(Error::internal)
    }

    /// How many more could be let through now.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.state().free
    }

    /// How many wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a turn on to who is next, or keeps it for who comes.
    fn pass_on(self) {
        loop {
            let next = {
                let mut state = self.state();
                let Some(next) = state.next() else {
                    state.free += 1;
                    return;
                };
                next
            };
            // Who has gone away gets none.
            match next.send(Turn(Some(self.clone()))) {
                Ok(()) => return,
                Err(mut refused) => drop(refused.0.take()),
            }
        }
    }
}

impl State {
    fn wait(&mut self, peer: Peer) -> Result<oneshot::Receiver<Turn>> {
        let of_peer = self.queues.get_mut(&peer);
        if let Some(queue) = of_peer {
            // Places of those who went away are given to others first.
            let before = queue.len();
            queue.retain(|waiting| !waiting.is_closed());
            self.waiting -= before - queue.len();
            if queue.len() >= self.room_per_peer {
                return Err(Error::Busy);
            }
        }
        if self.waiting >= self.room {
            return Err(Error::Busy);
        }
        let (sender, receiver) = oneshot::channel();
        let queue = self.queues.entry(peer).or_default();
        if queue.is_empty() && !self.order.contains(&peer) {
            self.order.push_back(peer);
        }
        queue.push_back(sender);
        self.waiting += 1;
        Ok(receiver)
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(peer) = self.order.pop_front() {
            let Some(queue) = self.queues.get_mut(&peer) else {
                continue;
            };
            let next = queue.pop_front();
            if queue.is_empty() {
                self.queues.remove(&peer);
            } else {
                self.order.push_back(peer);
            }
            if next.is_some() {
                self.waiting -= 1;
                return next;
            }
        }
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests;
