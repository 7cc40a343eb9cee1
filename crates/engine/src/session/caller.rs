use std::sync::Arc;

use godwit_auth::access::Authority;
use godwit_protocol::SessionId;

use super::Session;
use crate::settings::Settings;
use crate::transactions::Open;

/// Who runs a statement, for the tables that show a caller what is its own. It travels in the configuration that a
/// query is run with.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) session: SessionId,
    pub(crate) settings: Settings,
    /// What the user may do.
    pub(crate) authority: Arc<Authority>,
    /// The transaction that the statement works in.
    pub(crate) transaction: Option<Arc<Open>>,
}

impl Session {
    /// What the user may do, nothing until somebody has said so.
    pub(crate) fn authority(&self) -> Arc<Authority> {
        Arc::clone(&self.lock().authority)
    }

    /// What the user may do from now on.
    pub(crate) fn set_authority(&self, authority: &Arc<Authority>) {
        self.lock().authority = Arc::clone(authority);
    }
}
