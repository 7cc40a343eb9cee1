//! The binary as an operator meets it: output, exit codes, signals. Queries are tested with real clients elsewhere.
#![expect(clippy::unwrap_used, reason = "tests")]

mod operator {
    mod commands;
    mod refusals;
    mod serving;
    pub(crate) mod support;
}
