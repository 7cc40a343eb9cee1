//! Another configuration while the server runs, at SIGHUP or when its file has changed: what can change does, what cannot is
//! named, and one that is wrong changes nothing.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use godwit_auth::Authenticator;
use godwit_config::{Config, Query, Sources, changes, load_checked};
use godwit_engine::Engine;
use tokio::signal::unix::Signal;

use crate::systemd;
use crate::telemetry::{FILTER_CHECK, Refilter};

/// Keys, and sections that end with a dot, that take effect while the server runs.
const AT_ONCE: [&str; 13] = [
    "log.filter",
    "memory.query_limit",
    "mounts.",
    "query.max_planning",
    "query.max_queued",
    "query.max_result_bytes",
    "query.max_result_rows",
    "query.max_running",
    "query.max_running_per_user",
    "query.queue_timeout",
    "query.role_timeouts.",
    "query.timeout",
    "users.",
];

/// How often it is looked whether the file has changed. It is read when it has not changed from one look to the next, so
/// that no half of it is taken.
const LOOK: Duration = Duration::from_secs(1);

/// What takes a new configuration.
pub(crate) struct Reload {
    /// Where the configuration comes from; the file is read again.
    pub(crate) sources: Sources,
    /// The configuration that the server was started with.
    pub(crate) started: Config,
    /// The one that is in force, as far as it can change.
    pub(crate) applied: Config,
    pub(crate) engine: Engine,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) refilter: Refilter,
}

/// What tells one content of the file from another: when it was changed, and its length. `None` when there is no file.
type Stamp = Option<(SystemTime, u64)>;

impl Reload {
    /// Waits for signals and looks at the file, for ever.
    pub(crate) async fn run(mut self, mut hangups: Signal) {
        let file = self.sources.file.clone();
        let mut read = stamp(file.clone()).await;
        let mut seen = read;
        loop {
            let cause = tokio::select! {
                signal = hangups.recv() => match signal {
                    Some(()) => "SIGHUP",
                    None => return,
                },
                () = tokio::time::sleep(LOOK), if file.is_some() => {
                    let before = std::mem::replace(&mut seen, stamp(file.clone()).await);
                    if seen == read || seen != before {
                        continue;
                    }
                    "its file has changed"
                }
            };
            // Looked at before it is read: what is written meanwhile is read the next time.
            read = stamp(file.clone()).await;
            systemd::notify(systemd::State::Reloading);
            if !self.read(cause).await {
                return;
            }
            systemd::notify(systemd::State::Ready);
        }
    }

    /// Reads the configuration and takes it; whether there is to be a next time.
    async fn read(&mut self, cause: &'static str) -> bool {
        let sources = self.sources.clone();
        let reading = tokio::task::spawn_blocking(move || load_checked(&sources, &[FILTER_CHECK]));
        match reading.await {
            Ok(Ok(config)) => self.take(config, cause).await,
            Ok(Err(problems)) => {
                tracing::error!(
                    cause,
                    "the configuration is wrong, nothing has changed: {problems}"
                );
            }
            // Also when the runtime is ending.
            Err(why) => {
                tracing::debug!(%why, "the configuration is no longer read");
                return false;
            }
        }
        true
    }

    async fn take(&mut self, config: Config, cause: &str) {
        let mounts = match self.engine.mounts(&config).await {
            Ok(mounts) => mounts,
            Err(why) => {
                tracing::error!(
                    cause,
                    "the mounts cannot be taken, nothing has changed: {why}"
                );
                return;
            }
        };
        if let Err(why) = self.authenticator.reconfigure(&config).await {
            tracing::error!(
                cause,
                "the users cannot be taken, nothing has changed: {why}"
            );
            return;
        }
        self.engine
            .reconfigure(&in_force(&self.started, &config), mounts);
        let changed = changes(&self.applied, &config);
        let changed: Vec<_> = changed.into_iter().filter(|key| is_at_once(key)).collect();
        // With the filter that was in force, so that the line is where the last ones were.
        tracing::info!(cause, changed = changed.join(", "), "configuration read");
        self.refilter.take(&config.log.filter);
        let waiting = changes(&self.started, &config);
        let waiting: Vec<_> = waiting.into_iter().filter(|key| !is_at_once(key)).collect();
        if !waiting.is_empty() {
            tracing::warn!(
                keys = waiting.join(", "),
                "these keys differ from what the server was started with, and take effect when it is started again"
            );
        }
        self.applied = config;
    }
}

/// What the server was started with, but for what takes effect at once.
fn in_force(started: &Config, read: &Config) -> Config {
    let mut all = started.clone();
    all.log.filter.clone_from(&read.log.filter);
    all.memory.query_limit = read.memory.query_limit;
    all.mounts.clone_from(&read.mounts);
    all.users.clone_from(&read.users);
    all.query = Query {
        batch_rows: started.query.batch_rows,
        max_sql_bytes: started.query.max_sql_bytes,
        max_sql_depth: started.query.max_sql_depth,
        plan_cache: started.query.plan_cache,
        target_partitions: started.query.target_partitions,
        worker_threads: started.query.worker_threads,
        ..read.query.clone()
    };
    all
}

async fn stamp(file: Option<PathBuf>) -> Stamp {
    let file = file?;
    let looking = tokio::task::spawn_blocking(move || {
        let facts = fs::metadata(file).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    });
    looking.await.ok().flatten()
}

/// Whether a key takes effect while the server runs.
fn is_at_once(key: &str) -> bool {
    AT_ONCE.iter().any(|known| {
        let section = known.strip_suffix('.');
        key == *known || section.is_some_and(|section| key == section || key.starts_with(known))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use godwit_config::{Config, Mount, changes, example_toml};

    use super::{AT_ONCE, in_force, is_at_once};

    #[test]
    fn keys_and_sections() {
        assert!(is_at_once("query.timeout"));
        assert!(is_at_once("users.ada.roles"));
        assert!(is_at_once("query.role_timeouts"));
        assert!(!is_at_once("query.timeouts"));
        assert!(!is_at_once("listen"));
    }

    #[test]
    fn all_of_them_are_keys() {
        let example = example_toml();
        for key in AT_ONCE {
            let name = key.trim_end_matches('.');
            let name = name.rsplit('.').next().unwrap();
            let is_there = |line: &str| {
                let line = line.trim_start_matches('#');
                line.starts_with(&format!("{name} =")) || line.starts_with(&format!("[{name}."))
            };
            assert!(example.lines().any(is_there), "{key}");
        }
    }

    #[test]
    fn what_is_in_force_is_what_is_read_for_these_keys_alone() {
        let started = Config::default();
        let mut read = Config::default();
        read.log.filter = "debug".to_owned();
        read.memory.limit += 1;
        read.memory.query_limit = Some(1 << 20);
        let mount = Mount::new("/data/sales");
        read.mounts.insert("sales".to_owned(), mount);
        read.query.max_queued += 1;
        read.query.plan_cache += 1;
        read.query.timeout = Some(Duration::from_secs(7));
        read.wire.message_bytes += 1;
        let differing = changes(&started, &read);
        let (expected, left): (Vec<_>, Vec<_>) =
            differing.into_iter().partition(|key| is_at_once(key));
        let now = in_force(&started, &read);
        assert_eq!(changes(&started, &now), expected);
        assert_eq!(changes(&now, &read), left);
        assert_eq!(
            left,
            ["memory.limit", "query.plan_cache", "wire.message_bytes"]
        );
    }
}
