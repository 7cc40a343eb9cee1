//! The room as its callers see it: tokens of others, good and bad.

mod auth {
    mod attacks;
    mod claims;
    mod fetching;
    mod keys;
    mod mapping;
    mod support;
}
