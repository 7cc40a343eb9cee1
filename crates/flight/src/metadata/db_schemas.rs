use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::CommandGetDbSchemas;
use godwit_engine::SchemaEntry;

use super::like::Pattern;
use super::{built, in_catalog};
use crate::Result;

pub(super) fn schema() -> SchemaRef {
    CommandGetDbSchemas::default().into_builder().schema()
}

pub(super) fn rows(
    schemas: Vec<SchemaEntry>,
    catalog: Option<&str>,
    pattern: Option<&str>,
) -> Result<RecordBatch> {
    let pattern = pattern.map(Pattern::parse);
    let mut builder = CommandGetDbSchemas::default().into_builder();
    for entry in schemas {
        let named = pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(&entry.schema));
        if named && in_catalog(catalog, &entry.catalog) {
            builder.append(entry.catalog, entry.schema);
        }
    }
    built(builder.build())
}
