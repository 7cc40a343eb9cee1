//! The engine as the door sees it: permitted commands in, batches out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "engine/access.rs"]
mod access;
#[path = "engine/access_edges.rs"]
mod access_edges;
#[path = "engine/access_grants.rs"]
mod access_grants;
#[path = "engine/access_sql.rs"]
mod access_sql;
#[path = "engine/access_users.rs"]
mod access_users;
#[path = "engine/alter.rs"]
mod alter;
#[path = "engine/audit.rs"]
mod audit;
#[path = "engine/binding.rs"]
mod binding;
#[path = "engine/checks.rs"]
mod checks;
#[path = "engine/copy.rs"]
mod copy;
#[path = "engine/court.rs"]
mod court;
#[path = "engine/define.rs"]
mod define;
#[path = "engine/define_refused.rs"]
mod define_refused;
#[path = "engine/durable.rs"]
mod durable;
#[path = "engine/durable_ingest.rs"]
mod durable_ingest;
#[path = "engine/exchange.rs"]
mod exchange;
#[path = "engine/ingest.rs"]
mod ingest;
#[path = "engine/insight.rs"]
mod insight;
#[path = "engine/kept_bounds.rs"]
mod kept_bounds;
#[path = "engine/keys.rs"]
mod keys;
#[path = "engine/limits.rs"]
mod limits;
#[path = "engine/lookups.rs"]
mod lookups;
#[path = "engine/merge.rs"]
mod merge;
#[path = "engine/metadata.rs"]
mod metadata;
#[path = "engine/named_transactions.rs"]
mod named_transactions;
#[path = "engine/names.rs"]
mod names;
#[path = "engine/on_conflict.rs"]
mod on_conflict;
#[path = "engine/parameters.rs"]
mod parameters;
#[path = "engine/plan_cache.rs"]
mod plan_cache;
#[path = "engine/prepared.rs"]
mod prepared;
#[path = "engine/results.rs"]
mod results;
#[path = "engine/returning.rs"]
mod returning;
#[path = "engine/running.rs"]
mod running;
#[path = "engine/schemas.rs"]
mod schemas;
#[path = "engine/sessions.rs"]
mod sessions;
#[path = "engine/settings.rs"]
mod settings;
#[path = "engine/spelled_inserts.rs"]
mod spelled_inserts;
#[path = "engine/support.rs"]
mod support;
#[path = "engine/temporary.rs"]
mod temporary;
#[path = "engine/temporary_limits.rs"]
mod temporary_limits;
#[path = "engine/temporary_runs.rs"]
mod temporary_runs;
#[path = "engine/temporary_writes.rs"]
mod temporary_writes;
#[path = "engine/time_travel.rs"]
mod time_travel;
#[path = "engine/transactions.rs"]
mod transactions;
#[path = "engine/vectors.rs"]
mod vectors;
#[path = "engine/views.rs"]
mod views;
