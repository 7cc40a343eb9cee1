use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, SchemaRef};

use crate::infer::{Facts, null_as_text};
use crate::merge::{Rule, common_field};
use crate::partition::TableFiles;
use crate::{Error, Result};

/// A column while the files are gone through.
struct Merging<'a> {
    field: FieldRef,
    /// The file that gave the column its present type.
    from: &'a Path,
    is_text: bool,
    /// How many files have it.
    count: usize,
}

/// The columns of a table that come from its files: the union by name, in the order of first appearance. A column that
/// a file lacks may be null. Columns that the folders spell are left to them.
pub(super) fn merge(files: &TableFiles, facts: &[Arc<Facts>]) -> Result<Fields> {
    let mut columns: Vec<Merging<'_>> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut previous: Option<&SchemaRef> = None;
    let mut counted = 0;
    for (table_file, facts) in files.files.iter().zip(facts) {
        if facts.schema.fields().is_empty() {
            continue;
        }
        counted += 1;
        // Most often all files of a table agree.
        if previous.is_some_and(|previous| previous.fields() == facts.schema.fields())
            && counted > 1
        {
            for field in facts.schema.fields() {
                if let Some(column) = by_name
                    .get(field.name())
                    .and_then(|index| columns.get_mut(*index))
                {
                    column.count += 1;
                }
            }
            continue;
        }
        previous = Some(&facts.schema);
        let path = table_file.file.path.as_path();
        let is_text = table_file.file.encoding.format.is_text();
        for field in facts.schema.fields() {
            if files
                .columns
                .iter()
                .any(|partition| partition.name() == field.name())
            {
                continue;
            }
            match by_name
                .get(field.name())
                .and_then(|index| columns.get_mut(*index))
            {
                Some(column) => column.meet(field, path, is_text)?,
                None => {
                    by_name.insert(field.name().clone(), columns.len());
                    columns.push(Merging {
                        field: Arc::clone(field),
                        from: path,
                        is_text,
                        count: 1,
                    });
                }
            }
        }
    }
    Ok(columns
        .into_iter()
        .map(|column| column.finish(counted))
        .collect())
}

impl<'a> Merging<'a> {
    fn meet(&mut self, field: &FieldRef, path: &'a Path, is_text: bool) -> Result<()> {
        self.count += 1;
        if field == &self.field {
            return Ok(());
        }
        let rule = if is_text && self.is_text {
            Rule::Guessed
        } else {
            Rule::Declared
        };
        let Some(common) = common_field(&self.field, field, rule) else {
            return Err(Error::SchemaConflict {
                column: field.name().clone(),
                first: self.from.to_owned(),
                first_type: self.field.data_type().to_string(),
                second: path.to_owned(),
                second_type: field.data_type().to_string(),
            });
        };
        if common.data_type() != self.field.data_type() {
            self.from = path;
        }
        self.field = Arc::new(common);
        self.is_text &= is_text;
        Ok(())
    }

    fn finish(self, files: usize) -> FieldRef {
        let field = if self.is_text {
            null_as_text(&self.field)
        } else {
            Field::clone(&self.field)
        };
        let nullable = field.is_nullable() || self.count < files;
        Arc::new(field.with_nullable(nullable))
    }
}

/// Whether the JSON decoder of one type reads values that were guessed to be of another.
pub(super) fn reads_as(guessed: &DataType, wanted: &DataType) -> bool {
    match (guessed, wanted) {
        (DataType::Null, _) | (DataType::Int64, DataType::Float64) => true,
        (DataType::List(a), DataType::List(b)) => reads_as(a.data_type(), b.data_type()),
        (DataType::Struct(a), DataType::Struct(b)) => a.iter().all(|field| {
            b.find(field.name())
                .is_some_and(|(_, wanted)| reads_as(field.data_type(), wanted.data_type()))
        }),
        _ => guessed == wanted,
    }
}
