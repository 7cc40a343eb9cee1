//! Another configuration while the engine runs.

use godwit_catalog::Mounts;
use godwit_config::Config;

use crate::{Engine, Error, Result, system};

impl Engine {
    /// Opens the mounts of a new configuration, for [`Self::reconfigure`]. Nobody sees them yet; those that have not changed
    /// are not opened again.
    ///
    /// # Errors
    /// [`Error::InvalidInput`], with all that is wrong with mounts that are new or changed.
    pub async fn mounts(&self, config: &Config) -> Result<Mounts> {
        let (catalog, config) = (self.inner.planner.catalog.clone(), config.clone());
        let open = async move {
            let opened = catalog.mounts_of(&config).await;
            opened.map_err(|wrong| {
                let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
                Error::invalid(wrong.join("; "))
            })
        };
        self.inner.planning.run("configuration", None, open).await
    }

    /// Takes what of a new configuration can change while the server runs: its mounts, `query.max_running` and the limits of
    /// its queue, `query.timeout`, `query.role_timeouts`, `query.max_result_rows`, `query.max_result_bytes` and
    /// `memory.query_limit`. What runs keeps what it has. `system.settings` shows all of it as given here.
    pub fn reconfigure(&self, config: &Config, mounts: Mounts) {
        let inner = &self.inner;
        inner.admission.set(config);
        inner.shares.set(config);
        inner.caps.set(config);
        let catalog = &inner.planner.catalog;
        if catalog.remount(mounts) {
            // A plan would be looked at anew, but holds on to files that nobody may ask for again.
            inner.recall.clear();
        }
        system::show_settings(config, catalog);
    }
}
