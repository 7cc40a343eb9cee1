//! What the SQL planner may ask about: the resolved names of the statement, and the functions of the session.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::TableSource;
use godwit_planner::Tables;

use crate::check::FunctionKinds;
use crate::names::Resolved;

impl Tables for Resolved {
    fn table(&self, name: &TableReference) -> Result<Arc<dyn TableSource>> {
        match self.get(name) {
            Ok(table) => Ok(Arc::clone(&table.source)),
            Err(error) => Err(DataFusionError::External(Box::new(error))),
        }
    }
}

/// Whether functions take single rows, by the names of a session.
pub(crate) struct Functions<'a>(pub(crate) &'a SessionState);

impl FunctionKinds for Functions<'_> {
    fn is_scalar(&self, name: &str) -> bool {
        self.0.scalar_functions().contains_key(name)
            || self.0.higher_order_functions().contains_key(name)
            || matches!(name, "unnest" | "unnest_outer" | "make_map" | "map")
    }
}
