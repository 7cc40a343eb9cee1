//! Tables of `information_schema` as they should be: columns with their defaults, views alone.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarUDF, Volatility, create_udf, lit,
};
use godwit_catalog::{Seen, TEMP};

use super::views::StoredView;
use crate::deep::Deep;

/// Texts of defaults by schema, table and column.
type Defaults = HashMap<(String, String, String), String>;

/// What tells a column from all others.
const KEY: [&str; 3] = ["table_schema", "table_name", "column_name"];

/// The column that defaults are shown in.
const DEFAULT: &str = "column_default";

/// The table with the defaults of what a session can change.
pub(super) fn with_defaults(
    columns: Arc<dyn TableProvider>,
    seen: &Seen,
) -> Result<Arc<dyn TableProvider>> {
    let defaults = defaults_of(seen);
    if defaults.is_empty() {
        return Ok(columns);
    }
    let schema = columns.schema();
    let find = finder(defaults);
    let scan = LogicalPlanBuilder::scan("columns", provider_as_source(columns), None)?;
    let column = |name: &str| Expr::Column(Column::new(Some("columns"), name));
    let shown = schema.fields().iter().map(|field| match field.name() {
        name if name == DEFAULT => find.call(KEY.map(column).to_vec()).alias(DEFAULT),
        name => column(name),
    });
    let plan = scan.project(shown.collect::<Vec<_>>())?.build()?;
    Ok(Arc::new(StoredView::new(Deep::new(plan), None)))
}

/// `information_schema.views` without the tables that the engine lists there too.
pub(super) fn only_views(views: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
    let definition = Expr::Column(Column::new(Some("views"), "definition"));
    let schema = views.schema();
    let shown = schema.fields().iter().map(|field| match field.name() {
        name if name == "definition" => nullif(definition.clone(), lit("")).alias(name),
        name => Expr::Column(Column::new(Some("views"), name)),
    });
    let plan = LogicalPlanBuilder::scan("views", provider_as_source(views), None)?
        .filter(definition.clone().is_not_null())?
        .project(shown.collect::<Vec<_>>())?
        .build()?;
    Ok(Arc::new(StoredView::new(Deep::new(plan), None)))
}

fn defaults_of(seen: &Seen) -> Defaults {
    let mut defaults = Defaults::new();
    let mut add = |schema: &str, table: &str, column: &str, default: &str| {
        let key = (schema.to_owned(), table.to_owned(), column.to_owned());
        defaults.insert(key, default.to_owned());
    };
    let schemas = seen.lake().map(|lake| lake.state().schemas.values());
    for schema in schemas.into_iter().flatten() {
        for table in schema.tables.values() {
            for column in &table.columns {
                if let Some(default) = &column.default {
                    add(&schema.name, &table.name, column.field.name(), default);
                }
            }
        }
    }
    for entry in seen.temporary().entries() {
        let Some(table) = seen.temporary().get(&entry.name) else {
            continue;
        };
        for field in table.schema().fields() {
            if let Some(default) = table.default_of(field.name()) {
                add(TEMP, &entry.name, field.name(), &default.sql);
            }
        }
    }
    defaults
}

/// A function that looks a default up by schema, table and column.
fn finder(defaults: Defaults) -> ScalarUDF {
    let find = move |args: &[ColumnarValue]| {
        let keys = ColumnarValue::values_to_arrays(args)?;
        let keys = keys.iter().map(|key| cast(key, &DataType::Utf8));
        let keys = keys.collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
        let rows = keys.first().map_or(0, |key| key.len());
        let text = |at: usize, row: usize| {
            keys.get(at)
                .map(|key| key.as_string::<i32>().value(row).to_owned())
                .unwrap_or_default()
        };
        let found = (0..rows).map(|row| {
            let key = (text(0, row), text(1, row), text(2, row));
            defaults.get(&key)
        });
        let found: StringArray = found.collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    create_udf(
        "default_of_column",
        vec![DataType::Utf8; KEY.len()],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(find),
    )
}
