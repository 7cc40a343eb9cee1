use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::arrow::json;
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

use crate::arrow_lengths::{check_blocks, check_messages};
use crate::blame;
use crate::format::{Encoding, Format};
use crate::listing::DataFile;
use crate::{Error, Result};

/// Rows of a text file that are read to guess the types of its columns.
const SAMPLE_ROWS: usize = 20_000;
/// What an Arrow IPC file begins with; a stream does not.
const ARROW_MAGIC: &[u8] = b"ARROW1";

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
            let store = self
                .session
                .runtime_env()
                .object_store(ObjectStoreUrl::local_filesystem())?;
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
            .map_err(|error| blame::unreadable(&file.path, &error))?;
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

type Look = fn(File, &Encoding) -> Result<(Layout, Schema), DataFusionError>;

/// Reads the start of a file, away from the threads that must not block.
async fn by_us(file: &DataFile, look: Look) -> Result<Facts> {
    let (path, encoding) = (file.path.clone(), file.encoding);
    let found = tokio::task::spawn_blocking(move || look(File::open(path)?, &encoding)).await;
    let found = found.unwrap_or_else(|panic| Err(DataFusionError::ExecutionJoin(Box::new(panic))));
    let (layout, schema) = found.map_err(|error| blame::unreadable(&file.path, &error))?;
    Ok(Facts {
        layout,
        schema: Arc::new(schema),
        rows: None,
    })
}

fn look_csv(file: File, encoding: &Encoding) -> Result<(Layout, Schema), DataFusionError> {
    let reader = encoding.compression().convert_read(file)?;
    let format = csv::reader::Format::default()
        .with_header(encoding.header)
        .with_delimiter(encoding.delimiter);
    let (schema, _) = format.infer_schema(reader, Some(SAMPLE_ROWS))?;
    Ok((Layout::Csv, Schema::new(distinct_names(schema.fields()))))
}

/// CSV writers repeat a column's name or leave it out; SQL needs each to have its own.
fn distinct_names(fields: &Fields) -> Vec<FieldRef> {
    let mut taken: HashSet<String> = HashSet::new();
    let mut named = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let given = field.name().trim();
        let base = if given.is_empty() {
            format!("column_{}", index + 1)
        } else {
            given.to_owned()
        };
        let mut name = base.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}_{count}");
        }
        named.push(Arc::new(Field::new(name, field.data_type().clone(), true)));
    }
    named
}

fn look_ndjson(file: File, encoding: &Encoding) -> Result<(Layout, Schema), DataFusionError> {
    let mut reader = BufReader::new(encoding.compression().convert_read(file)?);
    if reader
        .fill_buf()?
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        == Some(&b'[')
    {
        let why = "it holds a JSON array; a table needs one JSON object on each line".to_owned();
        return Err(ArrowError::JsonError(why).into());
    }
    let (schema, _) = json::reader::infer_json_schema(reader, Some(SAMPLE_ROWS))?;
    Ok((Layout::Ndjson, schema))
}

fn look_arrow(mut file: File, _: &Encoding) -> Result<(Layout, Schema), DataFusionError> {
    let mut start = Vec::with_capacity(ARROW_MAGIC.len());
    file.by_ref()
        .take(ARROW_MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    file.rewind()?;
    let (layout, schema) = if start == ARROW_MAGIC {
        check_blocks(&mut file)?;
        file.rewind()?;
        (Layout::ArrowFile, FileReader::try_new(file, None)?.schema())
    } else {
        check_messages(&mut file)?;
        file.rewind()?;
        (
            Layout::ArrowStream,
            StreamReader::try_new(file, None)?.schema(),
        )
    };
    Ok((layout, schema.as_ref().clone()))
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use datafusion::arrow::datatypes::TimeUnit;
    use godwit_config::Mount;

    use super::*;

    fn looked(
        look: Look,
        name: &str,
        text: &str,
    ) -> Result<Vec<(String, DataType)>, DataFusionError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let (_, schema) = look(
            File::open(path)?,
            &Encoding::recognize(name, &Mount::new("x")).unwrap(),
        )?;
        Ok(schema
            .fields()
            .iter()
            .map(|field| (field.name().clone(), field.data_type().clone()))
            .collect())
    }

    fn columns<const N: usize>(columns: [(&str, DataType); N]) -> Vec<(String, DataType)> {
        columns
            .map(|(name, data_type)| (name.to_owned(), data_type))
            .into()
    }

    #[test]
    fn csv_types_come_from_the_rows() {
        let found = looked(
            look_csv,
            "a.csv",
            "id,when,x,note\n1,2024-01-01,1.5,\"a\nb\"\n2,,2,\n",
        )
        .unwrap();
        let expected = [
            ("id", DataType::Int64),
            ("when", DataType::Date32),
            ("x", DataType::Float64),
            ("note", DataType::Utf8),
        ];
        assert_eq!(found, columns(expected));
        let found = looked(look_csv, "a.tsv", "at\tx\n2024-01-01T10:00:00\t\n").unwrap();
        let expected = [
            ("at", DataType::Timestamp(TimeUnit::Second, None)),
            ("x", DataType::Null),
        ];
        assert_eq!(found, columns(expected));
    }

    #[test]
    fn csv_names_are_made_distinct() {
        let found = looked(look_csv, "a.csv", "a,a,,a_2\n1,2,3,4\n").unwrap();
        let names: Vec<_> = found.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "a_2", "column_3", "a_2_2"]);
    }

    #[test]
    fn an_array_is_not_ndjson() {
        let error = looked(look_ndjson, "a.json", " \n[{\"a\": 1}]").unwrap_err();
        assert!(error.to_string().contains("JSON array"), "{error}");
        assert_eq!(
            looked(look_ndjson, "a.json", "{\"a\": 1}\n").unwrap(),
            columns([("a", DataType::Int64)])
        );
    }

    #[test]
    fn rubbish_is_an_error() {
        for (look, name) in [(look_arrow as Look, "a.arrow"), (look_ndjson, "a.ndjson")] {
            assert!(looked(look, name, "\u{8}\0\0\0rubbish!").is_err(), "{name}");
        }
    }
}
