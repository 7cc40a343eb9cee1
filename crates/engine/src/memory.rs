//! What all queries share: the memory pool, the spill directory, and no cache of listings.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use godwit_config::Config;

use crate::{Error, Result};

mod share;

pub(crate) use share::{Share, Shares};

/// How many of the greediest operators an error about exhausted memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// What the engine names its directories of spilled data.
const SPILL_PREFIX: &str = "datafusion-";

/// The runtime environment of a server.
///
/// The pool is greedy: a fair one divides by the number of consumers, so that many small queries starve each other. What is
/// fair between queries, and within one, is decided by [`Shares`].
/// The cache of file listings is off, because the catalog lists anew for every statement.
pub(crate) fn runtime_env(config: &Config) -> Result<Arc<RuntimeEnv>> {
    let limit = usize::try_from(config.memory.limit).unwrap_or(usize::MAX);
    let spill_dir = config.spill_dir();
    prepare(&spill_dir).map_err(|error| {
        Error::invalid(format!(
            "memory.spill_dir '{}' cannot be used: {error}",
            spill_dir.display()
        ))
    })?;
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(
            GreedyMemoryPool::new(limit),
            NAMED_CONSUMERS,
        )))
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(DiskManagerMode::Directories(vec![spill_dir]))
                .with_max_temp_directory_size(config.memory.spill_limit),
        )
        .with_object_list_cache_limit(0)
        .build_arc()
        .map_err(|error| Error::from_datafusion(&error, "start"))
}

/// Makes the directory and removes what a server that was killed has left there, and nothing else.
fn prepare(dir: &Path) -> io::Result<()> {
    make(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let is_ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(SPILL_PREFIX));
        if is_ours && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn make(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

#[cfg(not(unix))]
fn make(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}
