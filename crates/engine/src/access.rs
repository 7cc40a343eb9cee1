//! Users, roles, grants, policies and masks: kept beside the lake, changed by SQL.

use std::sync::Arc;

use godwit_auth::Directory;
use godwit_lake::Lake;

use crate::runtime::QueryRuntime;
use crate::{Error, Result};

mod store;

/// Reads what is kept in a lake, and keeps changes there from now on.
pub(crate) async fn attach(
    runtime: &QueryRuntime,
    directory: &Arc<Directory>,
    lake: &Lake,
) -> Result<()> {
    let (directory, lake) = (Arc::clone(directory), lake.clone());
    let attach = async move {
        let attached = directory.attach(Arc::new(store::Records(lake))).await;
        attached.map_err(|error| Error::from_auth(error, "start"))
    };
    runtime.run("start", None, attach).await
}
