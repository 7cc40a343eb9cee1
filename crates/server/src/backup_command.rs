//! `godwit backup` and `godwit restore`.

use std::path::Path;
use std::sync::Arc;

use godwit_config::Config;
use godwit_lake::backup::{self, Companion, Made, Manifest, Restored};
use tokio::runtime::{Builder, Runtime};

use crate::data_dir::DataDir;
use crate::error::{Error, Result};
use crate::signals::Signals;
use crate::terminal::{note, say};
use watch::Watch;

mod watch;

/// Makes a backup of the lake of a configuration, which may be served meanwhile.
pub(crate) fn make(config: &Config, to: &Path, base: Option<&Path>) -> Result<()> {
    let made = run(async |watch| backup::make(config, &companions(config), to, base, watch).await)?;
    let Made {
        manifest,
        copied,
        reused,
        passes,
    } = made;
    if passes > 1 {
        note(format_args!(
            "files were removed from the lake meanwhile; the snapshot is the newest of {passes} that were tried"
        ));
    }
    say(format_args!(
        "backup of {}, {copied} copied and {reused} reused: {}",
        described(&manifest),
        to.display()
    ));
    Ok(())
}

/// Reads a backup wholly, and says whether it is what it was.
pub(crate) fn verify(path: &Path) -> Result<()> {
    let manifest = run(async |watch| backup::verify(path, watch).await)?;
    say(format_args!("whole backup of {}", described(&manifest)));
    Ok(())
}

/// Puts a backup back into an empty data directory.
pub(crate) fn restore(config: &Config, from: &Path) -> Result<()> {
    // What is no backup leaves no trace of the attempt.
    backup::open(from)?;
    let data_dir = DataDir::open_vacant(&config.data_dir)?;
    let restored =
        run(async |watch| backup::restore(config, &companions(config), from, watch).await);
    let Restored { manifest, left } = match restored {
        Ok(restored) => restored,
        Err(why) => {
            if !matches!(why, Error::InDoubt(_)) {
                data_dir.clear()?;
            }
            return Err(why);
        }
    };
    data_dir.settle()?;
    for name in left {
        note(format_args!(
            "there is something in the place of {name} already, which is left as it is"
        ));
    }
    say(format_args!("restored {}", described(&manifest)));
    Ok(())
}

/// What lies beside the lake and would be missed: keys, the certificate that was made, the audit log.
fn companions(config: &Config) -> [Companion; 3] {
    let data_dir = &config.data_dir;
    let audit = config.audit.path.clone();
    [
        ("auth", data_dir.join("auth")),
        ("tls", data_dir.join("tls")),
        ("audit", audit.unwrap_or_else(|| data_dir.join("audit"))),
    ]
    .map(|(name, path)| Companion { name, path })
}

/// Runs it until it ends, or is told by a signal to stop.
fn run<T>(work: impl AsyncFnOnce(Arc<Watch>) -> backup::Result<T>) -> Result<T> {
    let runtime = runtime()?;
    let watch = Arc::new(Watch::default());
    let done = runtime.block_on(async {
        let mut signals = Signals::new().map_err(Error::internal)?;
        let stopping = Arc::clone(&watch);
        tokio::spawn(async move {
            signals.next().await;
            stopping.stop();
        });
        Ok(work(Arc::clone(&watch)).await?)
    });
    watch.end();
    done
}

fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|why| Error::internal(format!("cannot start threads: {why}")))
}

/// `snapshot 12 of 2026-11-21 13:49:40.57+00: 3 tables, 40 files, 1200 bytes`.
fn described(manifest: &Manifest) -> String {
    let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
    format!(
        "snapshot {} of {}: {} tables, {} files, {bytes} bytes",
        manifest.snapshot,
        manifest.snapshot_time,
        manifest.tables,
        manifest.files.len()
    )
}
