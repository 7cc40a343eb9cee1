use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;

/// So many are known before it is looked for the first time which of them are gone.
const FEW: usize = 64;

/// The large pieces of answers that are on their way over a connection, by where they lie in memory.
///
/// HTTP/2 shows the connection what to write, and only for as long as a write lasts. A connection that finds it in a
/// piece can keep it instead of a copy. None is kept for being known: that only says where those lie that still exist.
#[derive(Clone, Default)]
pub(crate) struct Pieces(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    by_start: BTreeMap<usize, Weak<Bytes>>,
    /// How many there may be before those that are gone are forgotten.
    most: usize,
}

/// A piece as HTTP/2 has it: it exists until that has written it.
struct Sent(Arc<Bytes>);

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Pieces {
    /// The piece as it is to be handed to HTTP/2.
    pub(crate) fn sent(&self, piece: Bytes) -> Bytes {
        let piece = Arc::new(piece);
        let mut known = self.lock();
        if known.by_start.len() >= known.most.max(FEW) {
            known.by_start.retain(|_, piece| piece.strong_count() > 0);
            known.most = known.by_start.len() * 2;
        }
        let start = piece.as_ptr().addr();
        known.by_start.insert(start, Arc::downgrade(&piece));
        drop(known);
        Bytes::from_owner(Sent(piece))
    }

    /// The same bytes, kept, if they are of a piece that exists.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<Bytes> {
        let start = bytes.as_ptr().addr();
        let known = self.lock();
        let (_, piece) = known.by_start.range(..=start).next_back()?;
        let piece = piece.upgrade()?;
        drop(known);
        let from = start.checked_sub(piece.as_ptr().addr())?;
        let to = from.checked_add(bytes.len())?;
        (to <= piece.len()).then(|| piece.slice(from..to))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = self.lock().by_start.len();
        f.debug_struct("Pieces").field("pieces", &pieces).finish()
    }
}

#[cfg(test)]
mod tests;
