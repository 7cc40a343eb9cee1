//! Where all planning and execution happens: threads of its own, so that a query never stalls a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{JoinError, JoinHandle};

use crate::deep::STACK;
use crate::{Error, Result};

/// How long threads for calls that block stay without one. A thread that rests keeps memory that others gave back to it, and
/// such calls come to each of many threads in turn, so that none of them would end after the ten seconds of the library.
pub const IDLE_THREAD: Duration = Duration::from_secs(1);

/// The runtime of queries. Dropping it cancels what runs, and is allowed anywhere.
#[derive(Debug)]
pub(crate) struct QueryRuntime {
    handle: Handle,
    runtime: Mutex<Option<Runtime>>,
}

/// A task of the query runtime that ends when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Task<T>(JoinHandle<T>);

impl QueryRuntime {
    /// Starts the threads, of that name.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start(name: &'static str, threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .thread_stack_size(STACK)
            .thread_keep_alive(IDLE_THREAD)
            .enable_all()
            .build()
            .map_err(|error| Error::internal("start", error))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Mutex::new(Some(runtime)),
        })
    }

    /// Runs a future here and waits for it there. Dropping the wait cancels the work.
    ///
    /// # Errors
    /// What the future gives; [`Error::Cancelled`] when the runtime goes down; [`Error::DeadlineExceeded`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        query_id: &str,
        timeout: Option<Duration>,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let task = self.spawn(future);
        within(timeout, task)
            .await?
            .map_err(|error| Error::from_join(&error, query_id))?
    }

    /// Starts a future here. Dropping the task cancels it.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        Task(self.handle.spawn(future))
    }

    /// Starts a future that ends with the runtime, not with a task that is held.
    pub(crate) fn spawn_forever(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(future));
    }

    /// For what starts a task where there is no engine at hand.
    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Cancels whatever runs, without waiting for it.
    pub(crate) fn stop(&self) {
        let runtime = self
            .runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

/// Waits no longer than the timeout, by the waiting side's clock: planning may compute for long without a pause.
pub(crate) async fn within<T>(
    timeout: Option<Duration>,
    future: impl Future<Output = T>,
) -> Result<T> {
    match timeout {
        None => Ok(future.await),
        Some(timeout) => {
            tokio::time::timeout(timeout, future)
                .await
                .map_err(|_| Error::DeadlineExceeded {
                    seconds: timeout.as_secs_f64(),
                })
        }
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        self.stop();
    }
}

impl<T> Task<T> {
    pub(crate) fn abort_handle(&self) -> tokio::task::AbortHandle {
        self.0.abort_handle()
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
