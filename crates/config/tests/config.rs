//! The configuration as an operator meets it: layers, problems, and the two files that are published in `config/`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod config {
    mod layers;
    mod problems;
    mod published;
    mod rules;
    mod secrets;
    pub(crate) mod support;
    mod telemetry;
}
