//! Who may begin now, who waits for a turn, and who is refused.
//!
//! There are two lanes: one for what runs queries and changes, which holds its place until the last row has been taken, and
//! a small one for what only looks around: planning, lists of what there is, queries of the system tables. The second has
//! threads of its own, so that it is quick while the first is full.

use std::sync::Arc;
use std::time::Duration;

use godwit_config::Config;

mod lane;
mod queue;

#[cfg(test)]
mod tests;

pub(crate) use lane::Lane;
pub use lane::LaneLoad;
#[cfg(test)]
use lane::Slot;
use queue::Bounds;

/// Memory that there is to be for each query where the configuration does not say how many may run.
const MEMORY_PER_QUERY: u64 = 64 << 20;

/// The lanes of a server.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    /// Of what runs.
    pub(crate) running: Lane,
    /// Of what plans and lists.
    pub(crate) planning: Lane,
}

/// The lanes of a server: how busy each is, and what it has refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Of queries and changes that run.
    pub running: LaneLoad,
    /// Of planning, lists, and whatever else only looks around.
    pub planning: LaneLoad,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        let (running, planning) = bounds(config);
        Self {
            running: Lane::new(running),
            planning: Lane::new(planning),
        }
    }

    /// Takes new bounds; what has a place keeps it.
    pub(crate) fn set(&self, config: &Config) {
        let (running, planning) = bounds(config);
        self.running.set(running);
        self.planning.set(planning);
    }

    pub(crate) fn load(&self) -> Load {
        Load {
            running: self.running.load(),
            planning: self.planning.load(),
        }
    }
}

/// How many queries and changes may run at the same time.
pub(crate) fn max_running(config: &Config) -> usize {
    config.query.max_running.unwrap_or_else(|| {
        let by_memory = usize::try_from(config.memory.limit / MEMORY_PER_QUERY);
        (8 * cores()).min(by_memory.unwrap_or(usize::MAX)).max(4)
    })
}

fn bounds(config: &Config) -> (Bounds, Bounds) {
    let query = &config.query;
    let max_running = max_running(config);
    let running = Bounds {
        max: max_running,
        max_key: "query.max_running",
        max_per_user: query.max_running_per_user.unwrap_or(max_running),
        max_waiting: query.max_queued,
        longest_wait: query.queue_timeout,
    };
    let max_planning = query.max_planning.unwrap_or((4 * cores()).max(8));
    let planning = Bounds {
        max: max_planning,
        max_key: "query.max_planning",
        max_per_user: max_planning,
        ..running
    };
    (running, planning)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a refused caller is told: why, and when to come back.
fn refusal(why: &str, retry_after: Duration) -> crate::Error {
    crate::Error::Busy {
        message: format!("{why}; try again in {} s", retry_after.as_secs()),
        retry_after,
    }
}

/// A user's name, shared by what the user runs.
type User = Arc<str>;
