//! Log lines on standard error, and traces to a collector.

use std::backtrace::Backtrace;
use std::io;

use godwit_config::{Check, Config, LogFormat};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::error::Result;
use traces::TARGET;

mod traces;

pub(crate) use traces::Traces;

/// Says in a configuration report what is wrong with `log.filter`.
pub(crate) const FILTER_CHECK: Check = Check {
    key: "log.filter",
    rule: |text| match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!(
            "must be a level, or levels by module such as \"info,godwit_flight=debug\": {why}"
        )),
    },
};

/// Libraries that log the statements they are given, passwords included.
const SHOWS_SECRETS: [&str; 1] = ["sqlparser"];
/// What shows parts of statements below the level `info`.
const SHOWS_LITERALS: [&str; 3] = [
    "datafusion",
    "godwit_lake::stats",
    "godwit_engine::progress",
];

/// Starts logging, and tracing where a collector is configured; that ends with the value. From here on panics are logged
/// too, so that a collector sees them. Where literals are redacted, those lines are left out that libraries would put them
/// into.
///
/// # Errors
/// [`Error::Usage`](crate::error::Error::Usage) when the collector's address or certificates cannot be used.
pub(crate) fn start(config: &Config) -> Result<Option<Traces>> {
    use std::io::IsTerminal;

    let filter = EnvFilter::builder().parse_lossy(&config.log.filter);
    // Errors of standard error have nowhere to go, and must not become panics.
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let lines = match config.log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = lines.with_filter(filter.and(quiet(config.audit.redact_literals)));
    let (traces, tracer) = Traces::start(&config.telemetry)?.unzip();
    let spans = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_filter(traced())
    });
    let subscriber = tracing_subscriber::registry().with(lines).with(spans);
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(backtrace = %Backtrace::capture(), "{panic}");
        }));
    }
    Ok(traces)
}

/// What a collector gets, and nothing that is meant for the log.
fn traced() -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(|span| span.target() == TARGET).with_max_level_hint(LevelFilter::INFO)
}

/// Keeps statements out of the log, whatever `log.filter` says.
fn quiet(redact_literals: bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(move |line| {
        let is_of = |targets: &[&str]| targets.iter().any(|name| line.target().starts_with(name));
        let literals = redact_literals && *line.level() > Level::INFO && is_of(&SHOWS_LITERALS);
        !is_of(&SHOWS_SECRETS) && !literals && line.target() != TARGET
    })
    .with_max_level_hint(LevelFilter::TRACE)
}
