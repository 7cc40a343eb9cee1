use std::path::Path;
use std::sync::{Arc, LazyLock};

use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::{Config, Secret};
use godwit_lake::{Error, Lake};
use tempfile::TempDir;

/// One for all lakes and for the queries over them: each lake has a name of its own in it.
static RUNTIME: LazyLock<Arc<RuntimeEnv>> = LazyLock::new(Arc::default);

/// What queries over a lake run in.
pub(crate) fn runtime() -> Arc<RuntimeEnv> {
    Arc::clone(&RUNTIME)
}

/// A place for a lake.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) config: Config,
}

impl Place {
    /// With the embedded catalog.
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let config = Config::default();
        Self { dir, config }
    }

    /// With a catalog in PostgreSQL.
    pub(crate) fn at(url: &str) -> Self {
        let mut this = Self::new();
        this.config.lake.catalog = Some(Secret::new(url));
        this
    }

    /// Opens the lake, or makes it.
    pub(crate) async fn open(&self) -> Result<Lake, Error> {
        Lake::open(&self.config, self.dir.path(), runtime()).await
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}
