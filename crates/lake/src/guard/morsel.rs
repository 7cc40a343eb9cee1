//! Each file of a scan together with its guard, through all steps that the engine cuts the scan into.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::error::{DataFusionError, Result};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use object_store::path::Path as Location;

use super::{FileGuard, catch_panic, panicked};

/// Hands each file on together with its guard.
#[derive(Debug)]
pub(super) struct GuardedMorselizer {
    pub(super) inner: Box<dyn Morselizer>,
    pub(super) guard: Arc<dyn FileGuard>,
}

impl Morselizer for GuardedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let guard = Guarded {
            guard: Arc::clone(&self.guard),
            location: file.object_meta.location.clone(),
        };
        let inner = guard.run(|| self.inner.plan_file(file))?;
        Ok(Box::new(GuardedPlanner { inner, guard }))
    }
}

/// Turns what goes wrong with one file, panics included, into errors that name it.
#[derive(Debug, Clone)]
struct Guarded {
    guard: Arc<dyn FileGuard>,
    location: Location,
}

impl Guarded {
    fn run<T>(&self, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let outcome = catch_unwind(AssertUnwindSafe(step));
        let outcome = outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
        outcome.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: DataFusionError) -> DataFusionError {
        self.guard.explain(&self.location, error)
    }
}

#[derive(Debug)]
struct GuardedPlanner {
    inner: Box<dyn MorselPlanner>,
    guard: Guarded,
}

impl MorselPlanner for GuardedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let Self { inner, guard } = *self;
        let Some(mut plan) = guard.run(|| inner.plan())? else {
            return Ok(None);
        };
        let planner = |inner: Box<dyn MorselPlanner>| -> Box<dyn MorselPlanner> {
            Box::new(GuardedPlanner {
                inner,
                guard: guard.clone(),
            })
        };
        let morsel = |inner: Box<dyn Morsel>| -> Box<dyn Morsel> {
            Box::new(GuardedMorsel {
                inner,
                guard: guard.clone(),
            })
        };
        let mut guarded = MorselPlan::new()
            .with_morsels(plan.take_morsels().into_iter().map(morsel).collect())
            .with_planners(
                plan.take_ready_planners()
                    .into_iter()
                    .map(planner)
                    .collect(),
            );
        if let Some(pending) = plan.take_pending_planner() {
            guarded.set_pending_planner(async move {
                let inner = catch_panic(pending)
                    .await
                    .map_err(|error| guard.explain(error))?;
                Ok(Box::new(GuardedPlanner { inner, guard }) as Box<dyn MorselPlanner>)
            });
        }
        Ok(Some(guarded))
    }
}

#[derive(Debug)]
struct GuardedMorsel {
    inner: Box<dyn Morsel>,
    guard: Guarded,
}

impl Morsel for GuardedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let Self { inner, guard } = *self;
        GuardedStream {
            inner: Some(inner.into_stream()),
            guard,
        }
        .boxed()
    }
}

/// The rows of a file, or of a part of one. Ends with an error if the file is then no longer what was planned: a
/// reader that holds a file open sees one that shrinks beneath it as one that ends.
struct GuardedStream {
    inner: Option<BoxStream<'static, Result<RecordBatch>>>,
    guard: Guarded,
}

impl Stream for GuardedStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let item = match catch_unwind(AssertUnwindSafe(|| inner.poll_next_unpin(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(item)) => item,
            Err(panic) => Some(Err(panicked(panic.as_ref()))),
        };
        let item = match item {
            Some(Ok(batch)) => return Poll::Ready(Some(Ok(batch))),
            Some(Err(error)) => Some(Err(self.guard.explain(error))),
            None => {
                let Guarded { guard, location } = &self.guard;
                guard.verify(location).err().map(Err)
            }
        };
        self.inner = None;
        Poll::Ready(item)
    }
}

impl fmt::Debug for GuardedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedStream")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}
