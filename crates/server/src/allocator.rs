//! The allocator, and when it gives memory back to the system.
//!
//! It keeps what was freed for ten seconds. To have such pages again costs more than to copy what is in them: an upload takes
//! twice the processor time where they go back before the next one, and four times where they go back at once. But gigabytes
//! pass through a server in a second. So freed pages are kept as long as there is room for them, and go back at once where
//! the process takes much more than its operators may.

use std::env;
use std::time::Duration;

use libmimalloc_sys::{mi_option_set, mi_option_t};
use tokio::time::{MissedTickBehavior, interval};

use crate::metrics::resident_memory;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the bindings have no name for.
const PURGE_DELAY: mi_option_t = 15;

/// Where an operator says how many milliseconds, as for every program with this allocator.
const SAID: &str = "MIMALLOC_PURGE_DELAY";

/// After how many milliseconds freed pages go back.
const USUAL: i64 = 10_000;

/// What the process may take beside `memory.limit` until they go back at once, in bytes: half of what is to be left to it.
const BESIDE: u64 = 256 << 20;

/// How often it is looked how much it takes.
const LOOK: Duration = Duration::from_millis(50);

/// Has freed pages go back at once while the process takes much more than `limit` bytes, unless the environment says when.
pub(crate) async fn watch(limit: u64) {
    if env::var_os(SAID).is_some() {
        return;
    }
    set_purge_delay(USUAL);
    let most = limit.saturating_add(BESIDE);
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_much = false;
    loop {
        looks.tick().await;
        let Some(resident) = resident_memory() else {
            return;
        };
        if is_much != (resident > most) {
            is_much = !is_much;
            set_purge_delay(if is_much { 0 } else { USUAL });
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the allocator is told its options by a call that only stores a number"
)]
fn set_purge_delay(milliseconds: i64) {
    unsafe { mi_option_set(PURGE_DELAY, milliseconds) }
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;
    use tokio::time::timeout;

    use super::*;

    #[expect(unsafe_code, reason = "the allocator says its options by such a call")]
    fn purge_delay() -> i64 {
        unsafe { mi_option_get(PURGE_DELAY) }
    }

    #[tokio::test]
    async fn freed_pages_go_back_at_once_while_the_process_takes_much() {
        // The option is known by its number; of all options only this one is a thousand before anybody sets it.
        assert_eq!(purge_delay(), 1000);
        let _ = timeout(2 * LOOK, watch(u64::MAX)).await;
        assert_eq!(purge_delay(), USUAL);
        let much = vec![1_u8; 300 << 20];
        let _ = timeout(2 * LOOK, watch(0)).await;
        assert_eq!((purge_delay(), much.len()), (0, 300 << 20));
        let _ = timeout(2 * LOOK, watch(u64::MAX)).await;
        assert_eq!(purge_delay(), USUAL);
    }
}
