//! Limits that would contradict each other.

use super::Report;
use crate::{Config, parse_duration};

pub(super) fn rules(config: &Config, report: &mut Report) {
    report.rule(
        "sessions.max_per_user",
        &["sessions.max"],
        config.sessions.max_per_user > config.sessions.max
            && !report.is_default("sessions.max_per_user"),
        format!(
            "must be at most sessions.max, which is {}",
            config.sessions.max
        ),
    );
    let (all, of_user) = (config.query.max_running, config.query.max_running_per_user);
    report.rule(
        "query.max_running_per_user",
        &["query.max_running"],
        all.zip(of_user).is_some_and(|(all, of_user)| of_user > all),
        format!(
            "must be at most query.max_running, which is {}",
            all.unwrap_or_default()
        ),
    );
    report.rule(
        "memory.query_limit",
        &["memory.limit"],
        config
            .memory
            .query_limit
            .is_some_and(|limit| limit > config.memory.limit),
        format!(
            "must be at most memory.limit, which is {} bytes",
            config.memory.limit
        ),
    );
    report.rule(
        "query.max_sql_bytes",
        &["wire.max_request_bytes"],
        config.query.max_sql_bytes > config.wire.max_request_bytes
            && !report.is_default("query.max_sql_bytes"),
        "must be at most wire.max_request_bytes, or no such statement could arrive",
    );
    for (role, text) in &config.query.role_timeouts {
        let path = ["query", "role_timeouts", role].map(str::to_owned);
        let is_good = parse_duration(text).is_some_and(|timeout| !timeout.is_zero());
        report.rule_at(
            &path,
            &["query.role_timeouts"],
            !is_good,
            "must be a duration above zero, such as \"30s\", \"15m\" or \"12h\"",
        );
    }
}
