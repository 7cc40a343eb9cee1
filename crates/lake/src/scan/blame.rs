//! Errors that come up while a file is read name the file.

use std::error::Error as StdError;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::{DataFusionError, Result};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{StreamExt, TryFutureExt};

use crate::Error;

/// Hands each file on together with its [`Blame`], through all steps that the engine cuts a scan into.
#[derive(Debug)]
pub(super) struct NamingMorselizer {
    inner: Box<dyn Morselizer>,
    table: Arc<str>,
}

impl NamingMorselizer {
    pub(super) fn new(inner: Box<dyn Morselizer>, table: &Arc<str>) -> Self {
        Self {
            inner,
            table: Arc::clone(table),
        }
    }
}

impl Morselizer for NamingMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let blame = Blame {
            table: Arc::clone(&self.table),
            file: file.object_meta.location.as_ref().into(),
        };
        let inner = self
            .inner
            .plan_file(file)
            .map_err(|error| blame.name(error))?;
        Ok(Box::new(NamingPlanner { inner, blame }))
    }
}

/// The file that is read.
#[derive(Debug, Clone)]
struct Blame {
    table: Arc<str>,
    file: Arc<str>,
}

impl Blame {
    fn name(&self, error: DataFusionError) -> DataFusionError {
        explain(error, &self.table, &self.file)
    }
}

/// An error with the file that was read; errors that are not about it stay as they are.
pub(crate) fn explain(error: DataFusionError, table: &str, file: &str) -> DataFusionError {
    if find::<Error>(&error).is_some() {
        return error;
    }
    if is_missing(&error) {
        return Error::not_found(format!(
            "the file {file:?} of the table {table} is gone: the snapshot that it belongs to has expired, or it was removed by hand"
        ))
        .into();
    }
    let message = || format!("the file {file:?} of the table {table} cannot be read: {error}");
    match error.find_root() {
        DataFusionError::ObjectStore(_) => Error::unavailable(message()).into(),
        DataFusionError::ParquetError(parquet)
            if find::<object_store::Error>(parquet.as_ref()).is_some() =>
        {
            Error::unavailable(message()).into()
        }
        DataFusionError::ParquetError(_) | DataFusionError::ArrowError(..) => {
            Error::broken(message()).into()
        }
        _ => error,
    }
}

/// The same as an error of ours, whatever came up.
pub(crate) fn explained(error: DataFusionError, table: &str, file: &str) -> Error {
    let error = explain(error, table, file);
    match find::<Error>(&error) {
        Some(error) => error.clone(),
        None => Error::internal(error),
    }
}

/// Whether the file is not there. The reader of footers keeps the words of the error only.
fn is_missing(error: &DataFusionError) -> bool {
    match find::<object_store::Error>(error) {
        Some(error) => matches!(error, object_store::Error::NotFound { .. }),
        None => {
            let text = error.to_string();
            text.contains("Failed to fetch metadata") && text.contains("not found")
        }
    }
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        link = error.source();
    }
    None
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

#[derive(Debug)]
struct NamingPlanner {
    inner: Box<dyn MorselPlanner>,
    blame: Blame,
}

impl MorselPlanner for NamingPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, blame } = *self;
        let Some(mut plan) = inner.plan().map_err(|error| blame.name(error))? else {
            return Ok(None);
        };
        let planner = |inner: Box<dyn MorselPlanner>| -> Box<dyn MorselPlanner> {
            Box::new(NamingPlanner {
                inner,
                blame: blame.clone(),
            })
        };
        let morsel = |inner: Box<dyn Morsel>| -> Box<dyn Morsel> {
            Box::new(NamingMorsel {
                inner,
                blame: blame.clone(),
            })
        };
        let planners = plan.take_ready_planners().into_iter().map(planner);
        let mut named = MorselPlan::new()
            .with_planners(planners.collect())
            .with_morsels(plan.take_morsels().into_iter().map(morsel).collect());
        if let Some(pending) = plan.take_pending_planner() {
            named.set_pending_planner(async move {
                let inner = pending.map_err(|error| blame.name(error)).await?;
                Ok(Box::new(NamingPlanner { inner, blame }) as Box<dyn MorselPlanner>)
            });
        }
        Ok(Some(named))
    }
}

#[derive(Debug)]
struct NamingMorsel {
    inner: Box<dyn Morsel>,
    blame: Blame,
}

impl Morsel for NamingMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { inner, blame } = *self;
        let named = move |item: Result<RecordBatch>| item.map_err(|error| blame.name(error));
        inner.into_stream().map(named).boxed()
    }
}
