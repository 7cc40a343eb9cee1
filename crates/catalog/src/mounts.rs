//! The mounts of a configuration, which those of another one can replace while statements run.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use futures::future::join_all;
use godwit_config::Config;

use crate::Error;
use crate::mount::{Contents, Mount, State};
use crate::shelf::Shelf;

/// The mounts of one configuration by their names, each of them listed. A clone is cheap and is of the same mounts.
#[derive(Debug, Clone, Default)]
pub struct Mounts {
    by_name: Arc<BTreeMap<String, Arc<Mount>>>,
}

impl Mounts {
    /// Those of a configuration. What is as it was `before` is not opened again; the rest is listed, and what is wrong with
    /// it given too. Files are read through the runtime's store for `file://`, and what is kept of them decoded is on the
    /// shelf.
    pub(crate) async fn open(
        config: &Config,
        (runtime, shelf): (&Arc<RuntimeEnv>, &Arc<Shelf>),
        before: &Self,
    ) -> (Self, Vec<Error>) {
        let mut opened = Vec::new();
        let mounts = config.mounts.iter().map(|(name, mount)| {
            let mount = Mount::new(name, mount, Arc::clone(runtime), shelf);
            let known = before.get(name).filter(|old| old.config == mount.config);
            let mount = known.map(Arc::clone).unwrap_or_else(|| {
                let mount = Arc::new(mount);
                opened.push(Arc::clone(&mount));
                mount
            });
            (name.clone(), mount)
        });
        let by_name = Arc::new(mounts.collect());
        let listed = join_all(opened.iter().map(|mount| Box::pin(mount.current()))).await;
        let mut wrong = Vec::new();
        for (mount, state) in opened.iter().zip(listed) {
            if let Contents::Unreadable(error) = &state.contents {
                wrong.push(error.clone());
            }
            for note in &state.notes {
                tracing::warn!(mount = mount.name, note, "mount is not complete");
            }
        }
        (Self { by_name }, wrong)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Mount>> {
        self.by_name.get(name)
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.by_name.values()
    }

    /// Every mount with what it is now, in the order of their names.
    pub(crate) async fn listed(&self) -> Vec<(Arc<Mount>, Arc<State>)> {
        let listed = self
            .iter()
            .map(|mount| Box::pin(async move { (Arc::clone(mount), mount.current().await) }));
        join_all(listed).await
    }

    /// Whether all mounts are the same, and none is added or gone.
    #[must_use]
    pub fn are_same_as(&self, before: &Self) -> bool {
        self.by_name.len() == before.by_name.len()
            && self.by_name.iter().all(|(name, mount)| {
                before
                    .get(name)
                    .is_some_and(|known| Arc::ptr_eq(known, mount))
            })
    }
}
