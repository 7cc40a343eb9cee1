use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Seek};
use std::sync::Arc;

use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{Field, FieldRef, Fields, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::{FileReader, StreamReader};
use datafusion::arrow::json;
use datafusion::error::DataFusionError;

use super::Layout;
use crate::arrow_lengths::{check_blocks, check_messages};
use crate::format::Encoding;

/// Rows of a text file that are read to guess the types of its columns.
const SAMPLE_ROWS: usize = 20_000;
/// What an Arrow IPC file begins with; a stream does not.
const ARROW_MAGIC: &[u8] = b"ARROW1";

/// What a file's bytes are read from, wherever it is.
pub(super) trait Input: Read + Seek + Send {}

impl<T: Read + Seek + Send> Input for T {}

pub(super) type Look = fn(Box<dyn Input>, &Encoding) -> Result<(Layout, Schema), DataFusionError>;

pub(super) fn look_csv(
    file: Box<dyn Input>,
    encoding: &Encoding,
) -> Result<(Layout, Schema), DataFusionError> {
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

pub(super) fn look_ndjson(
    file: Box<dyn Input>,
    encoding: &Encoding,
) -> Result<(Layout, Schema), DataFusionError> {
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

pub(super) fn look_arrow(
    mut file: Box<dyn Input>,
    _: &Encoding,
) -> Result<(Layout, Schema), DataFusionError> {
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use datafusion::arrow::datatypes::{DataType, TimeUnit};
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
            Box::new(File::open(path)?),
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
