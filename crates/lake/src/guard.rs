//! What stands between a scan and its files, durable ones and mounted ones: errors and panics name the file that they are
//! about.

mod morsel;
mod source;

use std::any::Any;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;
use futures::FutureExt;
use object_store::ObjectStore;
use object_store::path::Path as Location;

pub use source::guarded;

/// Knows the files of a scan.
pub trait FileGuard: Debug + Send + Sync {
    /// What the files are read from.
    fn store(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        store
    }

    /// An error that came up while a file was read, with the file.
    fn explain(&self, location: &Location, error: DataFusionError) -> DataFusionError;

    /// Whether a file is still the one that was planned, asked after its last row.
    ///
    /// # Errors
    /// What has become of it.
    fn verify(&self, _location: &Location) -> Result<()> {
        Ok(())
    }

    /// Whether a scan may apply filters for good. Else they are hints: what the engine makes of a filter over a column that
    /// a file lacks, or holds as another type, need not be one that it can apply while it reads.
    fn answers_filters(&self) -> bool;
}

/// The decoders have been seen to panic on broken bytes.
#[derive(Debug, thiserror::Error)]
#[error("its content cannot be decoded ({0})")]
pub struct Undecodable(String);

/// Runs a future; a panic in it becomes an error.
///
/// # Errors
/// Those of the future, and [`Undecodable`].
pub async fn catch_panic<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(future)
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

/// The error that stands for a panic while a file was decoded.
fn panicked(panic: &(dyn Any + Send)) -> DataFusionError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given");
    DataFusionError::External(Box::new(Undecodable(text.to_owned())))
}

/// Whether a filter needs more than the row that it is about.
pub fn has_subquery(filter: &Expr) -> bool {
    let mut found = false;
    // The closure never fails, so neither does the walk.
    let _ = filter.apply(|expr| {
        found |= matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        );
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    });
    found
}
