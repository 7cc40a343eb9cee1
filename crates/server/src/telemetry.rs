//! Log lines on standard error, and traces to a collector.

use std::backtrace::Backtrace;
use std::io;

use godwit_config::{Check, Config, Log, LogFormat};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

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

/// Changes which lines are written.
pub(crate) struct Refilter(Box<dyn Fn(EnvFilter) + Send>);

impl Refilter {
    /// Has these lines written from now on. The text was checked with the configuration.
    pub(crate) fn take(&self, filter: &str) {
        (self.0)(EnvFilter::builder().parse_lossy(filter));
    }
}

/// Starts logging, and tracing where a collector is configured; that ends with the value. From here on panics are logged
/// too, so that a collector sees them. Where literals are redacted, those lines are left out that libraries would put them
/// into.
///
/// # Errors
/// [`Error::Usage`](crate::error::Error::Usage) when the collector's address or certificates cannot be used.
pub(crate) fn start(config: &Config) -> Result<(Refilter, Option<Traces>)> {
    let (filter, quiet) = (
        EnvFilter::builder().parse_lossy(&config.log.filter),
        quiet(config.audit.redact_literals),
    );
    let lines = lines(&config.log);
    let (started, refilter, traces) = match Traces::start(&config.telemetry)? {
        // Filters for everything, so that what nobody wants costs nothing.
        None => {
            let (filter, handle) = reload::Layer::new(filter);
            let all = tracing_subscriber::registry().with(lines).with(filter);
            (all.with(quiet).try_init(), refilter(handle), None)
        }
        Some((traces, tracer)) => {
            let (filter, handle) = reload::Layer::new(filter);
            let quiet = quiet.with_max_level_hint(LevelFilter::TRACE);
            let lines = lines.with_filter(filter.and(quiet));
            let all = tracing_subscriber::registry().with(lines);
            let started = all.with(traces::layer(tracer)).try_init();
            (started, refilter(handle), Some(traces))
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(backtrace = %Backtrace::capture(), "{panic}");
        }));
    }
    Ok((refilter, traces))
}

/// What writes lines, on standard error.
fn lines(config: &Log) -> Box<dyn Layer<Registry> + Send + Sync> {
    use std::io::IsTerminal;

    // Errors of standard error have nowhere to go, and must not become panics.
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .log_internal_errors(false);
    match config.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}

fn refilter<S: 'static>(handle: Handle<EnvFilter, S>) -> Refilter {
    Refilter(Box::new(move |filter| {
        // It fails only once there is nothing left that logs.
        let _ = handle.reload(filter);
    }))
}

/// Keeps statements out of the log, whatever `log.filter` says, and what is meant for collectors.
fn quiet(redact_literals: bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(move |line| {
        let is_of = |targets: &[&str]| targets.iter().any(|name| line.target().starts_with(name));
        let literals = redact_literals && *line.level() > Level::INFO && is_of(&SHOWS_LITERALS);
        !is_of(&SHOWS_SECRETS) && !literals && line.target() != TARGET
    })
}
