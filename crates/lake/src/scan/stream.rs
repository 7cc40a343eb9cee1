//! Reads a table without a query.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::prelude::SessionConfig;

use crate::{Error, Lake, Result};

/// All rows, as streams to be read one after the other.
///
/// # Errors
/// Those of the scan.
pub(crate) async fn all(
    lake: &Lake,
    table: &dyn TableProvider,
) -> Result<Vec<SendableRecordBatchStream>> {
    let config = SessionConfig::new().with_target_partitions(1);
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::clone(&lake.inner.runtime))
        .build();
    let plan = table.scan(&state, None, &[], None).await.map_err(error)?;
    execute_stream_partitioned(plan, state.task_ctx()).map_err(error)
}

/// The lake's own error, where it is one.
pub(crate) fn error(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::External(external) => match external.downcast_ref::<Error>() {
            Some(own) => own.clone(),
            None => Error::internal(error),
        },
        DataFusionError::ResourcesExhausted(message) => Error::full(message.clone()),
        _ => Error::internal(error),
    }
}
