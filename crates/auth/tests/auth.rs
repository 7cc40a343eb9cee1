//! The room as its callers see it: tokens of others, good and bad.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod auth {
    mod attacks;
    mod claims;
    mod fetching;
    mod keys;
    mod mapping;
    mod support;
}
