use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::scalar::ScalarValue;

use crate::listing::{DataFile, hash_file};
use crate::{Error, Result};

/// What Hive writes for a partition whose value is null.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The files of one table, and the columns that their folders spell.
#[derive(Debug, Clone)]
pub(crate) struct TableFiles {
    /// Partition columns in the order of the folders.
    pub(crate) columns: Vec<FieldRef>,
    pub(crate) files: Vec<TableFile>,
    /// Equal while path, size, modification time and encoding of every file are, and the columns that folders spell.
    pub(crate) fingerprint: u64,
}

/// A file and its value for each partition column.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    pub(crate) file: DataFile,
    pub(crate) values: Vec<ScalarValue>,
}

/// The key and the raw value of a folder named `key=value`.
pub(crate) fn key_value(folder: &str) -> Option<(&str, &str)> {
    folder.split_once('=').filter(|(key, _)| !key.is_empty())
}

/// Puts the files below `root` together as one table. Fails when they do not lie in partitions of the same keys.
pub(crate) fn gather<'a>(
    root: &Path,
    files: impl IntoIterator<Item = &'a DataFile>,
) -> Result<TableFiles> {
    let files: Vec<_> = files.into_iter().collect();
    let spelled: Vec<_> = files
        .iter()
        .map(|file| spelled_values(root, &file.path))
        .collect();
    let keys: Vec<_> = spelled
        .iter()
        .max_by_key(|pairs| pairs.len())
        .map_or_else(Vec::new, |pairs| {
            pairs.iter().map(|(key, _)| key.clone()).collect()
        });
    for (index, key) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|earlier| earlier == key) {
            return Err(Error::File {
                path: root.to_owned(),
                why: format!("'{key}=' occurs twice in one path"),
            });
        }
    }
    for (file, pairs) in files.iter().zip(&spelled) {
        if !pairs.iter().map(|(key, _)| key).eq(&keys) {
            let folders: Vec<_> = keys.iter().map(|key| format!("{key}=…")).collect();
            let why = format!(
                "it lies outside of the partition folders {}",
                folders.join("/")
            );
            return Err(Error::File {
                path: file.path.clone(),
                why,
            });
        }
    }
    let mut columns = Vec::with_capacity(keys.len());
    let mut rows = vec![Vec::with_capacity(keys.len()); files.len()];
    for (index, key) in keys.into_iter().enumerate() {
        let texts: Vec<_> = spelled
            .iter()
            .map(|pairs| pairs.get(index).and_then(|(_, value)| value.as_deref()))
            .collect();
        let values = typed(&texts);
        let data_type = values
            .first()
            .map_or(DataType::Utf8, ScalarValue::data_type);
        let nullable = texts.iter().any(Option::is_none);
        columns.push(Arc::new(Field::new(key, data_type, nullable)));
        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }
    let mut hasher = DefaultHasher::new();
    for file in &files {
        hash_file(file, &mut hasher);
    }
    columns.hash(&mut hasher);
    let files = files.into_iter().zip(rows);
    let files = files
        .map(|(file, values)| TableFile {
            file: file.clone(),
            values,
        })
        .collect();
    Ok(TableFiles {
        columns,
        files,
        fingerprint: hasher.finish(),
    })
}

/// Keys and values that the folders between `root` and the file spell; `None` for null.
fn spelled_values(root: &Path, file: &Path) -> Vec<(String, Option<String>)> {
    let relative = file.strip_prefix(root).ok().and_then(Path::parent);
    let folders = relative.into_iter().flat_map(Path::components);
    folders
        .filter_map(|folder| key_value(folder.as_os_str().to_str()?))
        .map(|(key, value)| {
            (
                key.to_owned(),
                (value != NULL_VALUE).then(|| percent_decoded(value)),
            )
        })
        .collect()
}

/// One type for all values of a column: integers if all are, else dates if all are, else text.
fn typed(texts: &[Option<&str>]) -> Vec<ScalarValue> {
    let given = || texts.iter().flatten();
    if given().next().is_some() && given().all(|text| text.parse::<i64>().is_ok()) {
        let integers = texts
            .iter()
            .map(|text| text.and_then(|text| text.parse().ok()));
        return integers.map(ScalarValue::Int64).collect();
    }
    if given().next().is_some() && given().all(|text| iso_date(text).is_some()) {
        return texts
            .iter()
            .map(|text| ScalarValue::Date32(text.and_then(iso_date)))
            .collect();
    }
    texts
        .iter()
        .map(|text| ScalarValue::Utf8(text.map(str::to_owned)))
        .collect()
}

/// Days since 1970 of a date written `2024-02-29`.
fn iso_date(text: &str) -> Option<i32> {
    const DAYS_TO_EPOCH: i32 = 719_163;
    if text.len() != 10 {
        return None;
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.num_days_from_ce() - DAYS_TO_EPOCH)
}

/// Hive writes characters that a path cannot hold as `%XX`.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after
            .get(..2)
            .filter(|hex| *first == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let code = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use datafusion::common::parsers::CompressionTypeVariant;
    use object_store::ObjectMeta;

    use super::*;
    use crate::format::{Encoding, Format};

    fn files(paths: &[&str]) -> Vec<DataFile> {
        let file = |path: &&str| DataFile {
            path: Path::new("/t").join(path),
            meta: ObjectMeta {
                location: format!("t/{path}").into(),
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size: 1,
                e_tag: None,
                version: None,
            },
            encoding: Encoding {
                format: Format::Parquet,
                compression: CompressionTypeVariant::UNCOMPRESSED,
                header: true,
                delimiter: b',',
            },
            object: None,
        };
        paths.iter().map(file).collect()
    }

    fn gathered(paths: &[&str]) -> Result<TableFiles> {
        gather(Path::new("/t"), &files(paths))
    }

    #[test]
    fn values_decide_the_type() {
        let table = gathered(&["y=2024/d=2024-02-29/c=DE/a", "y=2023/d=2023-01-01/c=1/a"]).unwrap();
        let types: Vec<_> = table
            .columns
            .iter()
            .map(|column| column.data_type().clone())
            .collect();
        assert_eq!(types, [DataType::Int64, DataType::Date32, DataType::Utf8]);
        assert_eq!(table.files[0].values[0], ScalarValue::Int64(Some(2024)));
        assert_eq!(table.files[1].values[1].to_string(), "2023-01-01");
        assert!(table.columns.iter().all(|column| !column.is_nullable()));
    }

    #[test]
    fn hive_spelling_of_null_and_of_odd_characters() {
        let table = gathered(&[
            "k=__HIVE_DEFAULT_PARTITION__/a",
            "k=a%2Fb %/a",
            "k=%zz/a",
            "k=/a",
        ])
        .unwrap();
        let values: Vec<_> = table
            .files
            .iter()
            .map(|file| file.values[0].clone())
            .collect();
        let text = |text: &str| ScalarValue::Utf8(Some(text.to_owned()));
        assert_eq!(
            values,
            [
                ScalarValue::Utf8(None),
                text("a/b %"),
                text("%zz"),
                text("")
            ]
        );
        assert!(table.columns[0].is_nullable());
        let table = gathered(&["k=__HIVE_DEFAULT_PARTITION__/a", "k=7/a"]).unwrap();
        assert_eq!(table.files[0].values[0], ScalarValue::Int64(None));
        let table = gathered(&["k=__HIVE_DEFAULT_PARTITION__/a"]).unwrap();
        assert_eq!(table.columns[0].data_type(), &DataType::Utf8);
    }

    #[test]
    fn files_outside_of_the_partitions_are_named() {
        for paths in [
            &["k=1/a", "b"][..],
            &["k=1/a", "k=1/l=2/b"],
            &["k=1/a", "l=1/b"],
            &["k=1/k=2/a"],
        ] {
            let error = gathered(paths).unwrap_err();
            assert!(matches!(error, Error::File { .. }), "{paths:?}: {error}");
        }
    }

    #[test]
    fn the_fingerprint_follows_the_files() {
        let one = gathered(&["a", "b"]).unwrap().fingerprint;
        assert_eq!(one, gathered(&["a", "b"]).unwrap().fingerprint);
        assert_ne!(one, gathered(&["a"]).unwrap().fingerprint);
        assert!(gathered(&[]).unwrap().files.is_empty());
    }
}
