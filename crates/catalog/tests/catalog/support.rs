use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::arrow_avro::writer::AvroWriter;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{SessionConfig, SessionContext};
use godwit_catalog::{CATALOG, Catalog, Error, Lookup};
use godwit_config::{Config, Mount};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Location;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// A directory to mount, a catalog over it, and a session that asks.
pub(crate) struct World {
    pub(crate) dir: Arc<TempDir>,
    mounts: Vec<(String, Mount)>,
}

pub(crate) struct Open {
    pub(crate) catalog: Catalog,
    pub(crate) session: SessionContext,
    _dir: Arc<TempDir>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            dir: Arc::new(tempfile::tempdir().unwrap()),
            mounts: Vec::new(),
        }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Where to write a file; the folders above it are made.
    pub(crate) fn file(&self, below: &str) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn text(&self, below: &str, text: &str) {
        fs::write(self.file(below), text).unwrap();
    }

    pub(crate) fn parquet(&self, below: &str, batch: &RecordBatch) {
        parquet(&self.file(below), batch);
    }

    pub(crate) fn mount(self, name: &str, below: &str) -> Self {
        let mount = Mount::new(self.path(below));
        self.mount_with(name, mount)
    }

    pub(crate) fn mount_with(mut self, name: &str, mut mount: Mount) -> Self {
        mount.path = self.dir.path().join(mount.path);
        self.mounts.push((name.to_owned(), mount));
        self
    }

    pub(crate) async fn open(&self) -> Open {
        self.open_with(Config::default()).await
    }

    pub(crate) async fn open_with(&self, config: Config) -> Open {
        let config = Config {
            mounts: self.mounts.iter().cloned().collect(),
            ..config
        };
        let runtime = Arc::new(RuntimeEnv::default());
        let catalog = Catalog::open(&config, Arc::clone(&runtime)).await.unwrap();
        let settings = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(CATALOG, "main")
            .with_create_default_catalog_and_schema(false)
            .with_target_partitions(4)
            .with_extension(Arc::new(Lookup));
        let session = SessionContext::new_with_config_rt(settings, runtime);
        session.register_catalog(CATALOG, Arc::new(Strict(catalog.clone())));
        let dir = Arc::clone(&self.dir);
        Open {
            catalog,
            session,
            _dir: dir,
        }
    }
}

/// Names lead to tables or to the reason why not, as in the engine.
#[derive(Debug, Clone)]
struct Strict(Catalog);

#[derive(Debug)]
struct StrictSchema(Catalog, String);

impl CatalogProvider for Strict {
    fn schema_names(&self) -> Vec<String> {
        self.0.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(StrictSchema(self.0.clone(), name.to_owned())))
    }
}

#[async_trait::async_trait]
impl SchemaProvider for StrictSchema {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let found = self.0.table(&self.1, name).await?;
        Ok(found.map(|found| found.provider))
    }

    fn table_exist(&self, _: &str) -> bool {
        true
    }
}

impl Open {
    /// Lets DataFusion's own metadata tables see the catalog.
    pub(crate) fn show_metadata(&self) {
        self.session
            .register_catalog(CATALOG, self.catalog.provider());
    }

    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
        run(&self.session, sql).await
    }

    pub(crate) async fn table(&self, sql: &str) -> String {
        let batches = self.rows(sql).await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    /// The one value of a query, as text.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let text = self.table(sql).await;
        let row = text.lines().nth(3).unwrap_or_default();
        row.trim_matches(['|', ' ']).to_owned()
    }

    /// The catalog's own error that a query ends with.
    pub(crate) async fn error(&self, sql: &str) -> Error {
        let error = self.rows(sql).await.expect_err(sql);
        ours(&error).unwrap_or_else(|| panic!("{sql}: not an error of the catalog: {error}"))
    }

    pub(crate) async fn tables(&self, schema: &str) -> Vec<String> {
        let tables = self.catalog.table_names(schema).await;
        tables.into_iter().map(|entry| entry.name).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no engine")]
pub(crate) async fn run(
    session: &SessionContext,
    sql: &str,
) -> Result<Vec<RecordBatch>, DataFusionError> {
    session.sql(sql).await?.collect().await
}

pub(crate) fn ours(error: &DataFusionError) -> Option<Error> {
    match error.find_root() {
        DataFusionError::External(error) => error.downcast_ref::<Error>().cloned(),
        _ => None,
    }
}

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

pub(crate) fn parquet(path: &Path, batch: &RecordBatch) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

pub(crate) fn arrow_file(path: &Path, batch: &RecordBatch) {
    let mut writer = FileWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

pub(crate) fn arrow_stream(path: &Path, batch: &RecordBatch) {
    let mut writer = StreamWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

pub(crate) fn avro(path: &Path, batch: &RecordBatch) {
    let file = File::create(path).unwrap();
    let mut writer = AvroWriter::new(file, batch.schema().as_ref().clone()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

pub(crate) async fn compressed(path: &Path, text: &str, variant: CompressionTypeVariant) {
    let location = Location::from_absolute_path(path).unwrap();
    let file = BufWriter::new(Arc::new(LocalFileSystem::new()), location);
    let kind = FileCompressionType::from(variant);
    let mut writer = kind.convert_async_writer(file).unwrap();
    writer.write_all(text.as_bytes()).await.unwrap();
    writer.shutdown().await.unwrap();
}
