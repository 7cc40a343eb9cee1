mod look;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::avro::AvroFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use godwit_lake::guard::catch_panic;
use object_store::ObjectStore;
use tokio::runtime::Handle;

use crate::format::{Encoding, Format};
use crate::listing::DataFile;
use crate::object::ObjectReader;
use crate::{Error, Result};
use look::{Input, Look, look_arrow, look_csv, look_ndjson};

/// How the bytes of a file are laid out, as found by looking into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    Parquet,
    Csv,
    Ndjson,
    ArrowFile,
    ArrowStream,
    Avro,
}

/// What was learned by looking into a file.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) layout: Layout,
    /// The columns in the order of the file. A text column without any value is of type null.
    pub(crate) schema: SchemaRef,
    /// How many rows the file has, where it says so itself.
    pub(crate) rows: Option<u64>,
}

/// Looks into files, once for each state of a file.
#[derive(Debug)]
pub(crate) struct Inference {
    session: SessionState,
    known: Mutex<HashMap<Key, Arc<Facts>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    size: u64,
    modified: DateTime<Utc>,
    encoding: Encoding,
}

impl Key {
    fn of(file: &DataFile) -> Self {
        let (size, modified) = (file.meta.size, file.meta.last_modified);
        Self {
            path: file.path.clone(),
            size,
            modified,
            encoding: file.encoding,
        }
    }
}

impl Inference {
    pub(crate) fn new(runtime: Arc<RuntimeEnv>) -> Self {
        let session = SessionStateBuilder::new().with_runtime_env(runtime).build();
        Self {
            session,
            known: Mutex::default(),
        }
    }

    /// What is in a file. The error names it.
    pub(crate) async fn facts(&self, file: &DataFile) -> Result<Arc<Facts>> {
        let key = Key::of(file);
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(facts) = known {
            return Ok(facts);
        }
        let facts = match file.encoding.format {
            _ if file.meta.size == 0 => empty(file)?,
            Format::Parquet => {
                self.by_engine(file, Layout::Parquet, &ParquetFormat::default())
                    .await?
            }
            Format::Avro => self.by_engine(file, Layout::Avro, &AvroFormat).await?,
            Format::Csv => by_us(file, look_csv).await?,
            Format::Ndjson => by_us(file, look_ndjson).await?,
            Format::Arrow => by_us(file, look_arrow).await?,
        };
        if let Some(name) = first_duplicate(&facts.schema) {
            return Err(Error::File {
                path: file.path.clone(),
                why: format!("it has two columns named '{name}'"),
            });
        }
        let facts = Arc::new(facts);
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Arc::clone(&facts));
        Ok(facts)
    }

    /// Forgets all files but these.
    pub(crate) fn retain(&self, files: &[&DataFile]) {
        let listed: HashSet<_> = files.iter().map(|file| Key::of(file)).collect();
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| listed.contains(key));
    }

    /// What the engine's own reader of a format says.
    async fn by_engine(
        &self,
        file: &DataFile,
        layout: Layout,
        format: &dyn FileFormat,
    ) -> Result<Facts> {
        let found = async {
            let store = match &file.object {
                Some(object) => Arc::clone(object) as Arc<dyn ObjectStore>,
                None => self
                    .session
                    .runtime_env()
                    .object_store(ObjectStoreUrl::local_filesystem())?,
            };
            let schema = format
                .infer_schema(&self.session, &store, std::slice::from_ref(&file.meta))
                .await?;
            let rows = match layout {
                Layout::Parquet => Some(self.rows_of_footer(store.as_ref(), file).await?),
                _ => None,
            };
            Ok((schema, rows))
        };
        let (schema, rows) = catch_panic(found)
            .await
            .map_err(|error| file.unreadable(&error))?;
        Ok(Facts {
            layout,
            schema,
            rows,
        })
    }

    /// From the engine's cache, where the footer has just been put.
    async fn rows_of_footer(
        &self,
        store: &dyn ObjectStore,
        file: &DataFile,
    ) -> Result<u64, DataFusionError> {
        let runtime = self.session.runtime_env();
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let footer = DFParquetMetadata::new(store, &file.meta)
            .with_file_metadata_cache(Some(cache))
            .fetch_metadata()
            .await?;
        let rows = footer.row_groups().iter();
        Ok(rows
            .map(|group| u64::try_from(group.num_rows()).unwrap_or_default())
            .sum())
    }
}

/// A text file of no bytes has no rows and no columns; any other format says at least that much itself.
fn empty(file: &DataFile) -> Result<Facts> {
    let layout = match file.encoding.format {
        Format::Csv => Layout::Csv,
        Format::Ndjson => Layout::Ndjson,
        Format::Parquet | Format::Arrow | Format::Avro => {
            return Err(Error::File {
                path: file.path.clone(),
                why: "it is empty".to_owned(),
            });
        }
    };
    Ok(Facts {
        layout,
        schema: Arc::new(Schema::empty()),
        rows: Some(0),
    })
}

/// Reads the start of a file, away from the threads that must not block.
async fn by_us(file: &DataFile, look: Look) -> Result<Facts> {
    let (path, encoding) = (file.path.clone(), file.encoding);
    let (object, runtime) = (file.object.clone(), Handle::current());
    let read = move || {
        let input: Box<dyn Input> = match object {
            Some(object) => Box::new(ObjectReader::new(object, runtime)),
            None => Box::new(File::open(path)?),
        };
        look(input, &encoding)
    };
    let found = tokio::task::spawn_blocking(read).await;
    let found = found.unwrap_or_else(|panic| Err(DataFusionError::ExecutionJoin(Box::new(panic))));
    let (layout, schema) = found.map_err(|error| file.unreadable(&error))?;
    Ok(Facts {
        layout,
        schema: Arc::new(schema),
        rows: None,
    })
}

fn first_duplicate(schema: &Schema) -> Option<&str> {
    let mut seen = HashSet::new();
    schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .find(|name| !seen.insert(*name))
}

/// Text instead of the null type, which says no more than that the sample held no value.
pub(crate) fn null_as_text(field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Null => DataType::Utf8,
        DataType::List(item) => DataType::List(Arc::new(null_as_text(item))),
        DataType::Struct(fields) => DataType::Struct(
            fields
                .iter()
                .map(|field| Arc::new(null_as_text(field)))
                .collect(),
        ),
        other => other.clone(),
    };
    field.clone().with_data_type(data_type)
}
