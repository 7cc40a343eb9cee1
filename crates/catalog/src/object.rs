//! One object of a store as a file that is only read: pinned to what it was, in requests of bounded size.

mod reader;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::Mount;
use object_store::path::Path as Location;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::format::Encoding;
use crate::infer::{Inference, Layout};
use crate::listing::DataFile;
use crate::partition::gather;
use crate::shelf::Shelf;
use crate::table::FileTable;
use crate::{Error, ResolvedTable, Result, TableKind};

pub(crate) use reader::ObjectReader;
pub(crate) use store::PinnedObject;

/// How large an Arrow IPC stream may be, in bytes: it has no list of its batches, so the engine reads it as a whole.
const MAX_STREAM: u64 = 64 << 20;

/// An object and how an error names it.
#[derive(Debug, Clone)]
pub struct Object {
    /// The bucket.
    pub store: Arc<dyn ObjectStore>,
    /// Where it is in the bucket.
    pub key: Location,
    /// For messages: `s3://BUCKET/KEY`.
    pub url: String,
}

/// Why a store does not give or take an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not there, or its bucket is not.
    Missing,
    /// The service lets the server's own key do nothing with it.
    Denied,
    /// The service does not answer, or answers with an error.
    Unavailable,
}

impl Object {
    /// What an error of its store means.
    pub fn failed(&self, why: &object_store::Error) -> Error {
        use object_store::Error as Store;
        let (refusal, what) = match why {
            Store::NotFound { .. } => (Refusal::Missing, "there is no such object or bucket"),
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => (
                Refusal::Denied,
                "the S3 service refuses the server's own access key",
            ),
            _ => (Refusal::Unavailable, "the S3 service fails"),
        };
        Error::Object {
            url: self.url.clone(),
            refusal,
            why: format!("{what}: {}", godwit_lake::chain(why)),
        }
    }

    /// The object as a table; header, delimiter and format are the mount's.
    pub(crate) async fn table(
        self,
        config: &Mount,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<ResolvedTable> {
        let path = PathBuf::from(&self.url);
        let broken = |why: &str| Error::File {
            path: path.clone(),
            why: why.to_owned(),
        };
        let found = self.store.head(&self.key).await;
        let found = found.map_err(|why| self.failed(&why))?;
        let name = self.url.clone();
        let end = self.key.filename().unwrap_or_default();
        let Some(encoding) = Encoding::recognize(end, config) else {
            return Err(broken("its name does not tell its format"));
        };
        let pinned = PinnedObject::new(self, found);
        let file = DataFile {
            path: path.clone(),
            meta: pinned.meta().clone(),
            encoding,
            object: Some(Arc::new(pinned)),
        };
        let root = path.parent().unwrap_or(&path);
        let files = gather(root, [&file])?;
        let facts = Inference::new(runtime).facts(&file).await?;
        if facts.layout == Layout::ArrowStream && file.meta.size > MAX_STREAM {
            return Err(broken(&format!(
                "it is an Arrow IPC stream of {} bytes, and streams are read from S3 up to {MAX_STREAM}; write it in the \
                 file format, which has no such limit",
                file.meta.size
            )));
        }
        let snapshot = files.fingerprint;
        let provider = FileTable::new(&name, &files, &[facts], &Shelf::new(0))?;
        Ok(ResolvedTable {
            provider: Arc::new(provider),
            kind: TableKind::Table,
            snapshot,
        })
    }
}
