use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::sql::CommandGetCatalogs;
use godwit_engine::SchemaEntry;

use super::built;
use crate::Result;

pub(super) fn schema() -> SchemaRef {
    CommandGetCatalogs {}.into_builder().schema()
}

pub(super) fn rows(schemas: Vec<SchemaEntry>) -> Result<RecordBatch> {
    let catalogs: BTreeSet<_> = schemas.into_iter().map(|entry| entry.catalog).collect();
    let mut builder = CommandGetCatalogs {}.into_builder();
    for catalog in catalogs {
        builder.append(catalog);
    }
    built(builder.build())
}
