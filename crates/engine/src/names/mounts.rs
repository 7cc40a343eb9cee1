//! `system.mounts` for those who may not see all of it: the mounts that exist for them, without where their files are.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarUDF, Volatility, create_udf,
};
use godwit_catalog::{FILES, Shown};

use super::views::StoredView;
use crate::deep::Deep;

/// What is told to everybody who sees the mount.
const TOLD: [&str; 4] = ["name", "kind", "format", "schema"];

/// The table with the rows that are shown, and nulls where it is not told what is there.
pub(super) fn only_shown(
    mounts: Arc<dyn TableProvider>,
    shown: Arc<dyn Shown>,
) -> Result<Arc<dyn TableProvider>> {
    let column = |name: &str| Expr::Column(Column::new(Some("mounts"), name));
    let schema = mounts.schema();
    let is_shown = finder(shown).call(vec![column("schema"), column("name")]);
    let items = schema.fields().iter().map(|field| match field.name() {
        name if TOLD.contains(&name.as_str()) => Ok(column(name)),
        name => {
            let nothing = ScalarValue::try_new_null(field.data_type())?;
            Ok(Expr::Literal(nothing, None).alias(name))
        }
    });
    let plan = LogicalPlanBuilder::scan("mounts", provider_as_source(mounts), None)?
        .filter(is_shown)?
        .project(items.collect::<Result<Vec<_>>>()?)?
        .build()?;
    Ok(Arc::new(StoredView::new(Deep::new(plan), None)))
}

/// A function that tells by schema and name whether a mount is shown: its one table, or the schema that it is.
fn finder(shown: Arc<dyn Shown>) -> ScalarUDF {
    let find = move |args: &[ColumnarValue]| {
        let keys = ColumnarValue::values_to_arrays(args)?;
        let rows = keys.first().map_or(0, |key| key.len());
        let text = |at: usize, row: usize| {
            keys.get(at)
                .map(|key| key.as_string::<i32>().value(row))
                .unwrap_or_default()
        };
        let found = (0..rows).map(|row| match (text(0, row), text(1, row)) {
            (FILES, name) => Some(shown.table(FILES, name)),
            (schema, _) => Some(shown.schema(schema)),
        });
        let found: BooleanArray = found.collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    };
    create_udf(
        "is_mount_of_caller",
        vec![DataType::Utf8; 2],
        DataType::Boolean,
        Volatility::Immutable,
        Arc::new(find),
    )
}
