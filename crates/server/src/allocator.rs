//! The allocator, and when it gives memory back to the system.

use std::env;

use libmimalloc_sys::{mi_option_set, mi_option_t};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the bindings have no name for.
const PURGE_DELAY: mi_option_t = 15;

/// Where an operator says how many milliseconds, as for every program with this allocator.
const SAID: &str = "MIMALLOC_PURGE_DELAY";

/// After how many milliseconds freed pages are given back. The allocator's own second is long for a server through which
/// gigabytes pass in one: with clients of all kinds the process took 1.4 GB at most where 0.4 were in use. Giving pages back
/// at once costs a quarter of the speed of an ingest.
const MILLISECONDS: i64 = 50;

/// Gives freed memory back soon, unless the environment says when.
pub(crate) fn set() {
    if env::var_os(SAID).is_none() {
        set_purge_delay(MILLISECONDS);
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

    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the allocator says its options by such a call")]
    fn the_option_is_the_one_whose_default_is_a_second() {
        let get = || unsafe { mi_option_get(PURGE_DELAY) };
        if env::var_os(SAID).is_none() {
            assert_eq!(get(), 1000);
            set();
            assert_eq!(get(), MILLISECONDS);
        }
    }
}
