//! What of a session goes with one statement.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::execution::SessionState;
use godwit_auth::access::Authority;
use godwit_catalog::Lookup;
use godwit_protocol::SessionId;

use crate::Result;
use crate::access::is_same;
use crate::caps::{Cap, Caps};
use crate::settings::Settings;
use crate::transactions::Open;

/// What a statement is planned and run with: the settings of its session, and what its caller may do.
#[derive(Clone)]
pub(crate) struct State {
    pub(super) frozen: Arc<Frozen>,
    pub(super) authority: Arc<Authority>,
}

/// The settings of a session, frozen.
#[derive(Clone)]
pub(crate) struct Frozen {
    session: SessionState,
    /// The same for queries that look up a few rows, once there was one.
    of_lookups: OnceLock<SessionState>,
    schema: String,
    own_timeout: Option<Duration>,
    caps: Arc<Caps>,
    wanted_batch_rows: Option<usize>,
}

/// Who runs a statement, for the tables that show a caller what is its own. It travels in the configuration that a
/// query is run with.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: String,
    pub(crate) session: SessionId,
    pub(crate) settings: Settings,
    pub(crate) authority: Arc<Authority>,
    /// The transaction that the statement works in.
    pub(crate) transaction: Option<Arc<Open>>,
}

impl Frozen {
    pub(crate) fn new(settings: &Settings, base: &SessionState) -> Result<Self> {
        Ok(Self {
            session: settings.apply(base)?,
            of_lookups: OnceLock::new(),
            schema: settings.schema().to_owned(),
            own_timeout: settings.own_timeout(),
            caps: Arc::clone(settings.caps()),
            wanted_batch_rows: settings.wanted_batch_rows(),
        })
    }
}

impl State {
    /// The same for a query over a stream that is still arriving: batches are not dealt out to parallel workers, which
    /// would lose their order and gather rows before they pass them on.
    pub(crate) fn undealt(&self) -> Self {
        let mut frozen = Frozen::clone(&self.frozen);
        frozen.of_lookups = OnceLock::new();
        let options = frozen.session.config_mut().options_mut();
        options.optimizer.enable_round_robin_repartition = false;
        Self {
            frozen: Arc::new(frozen),
            authority: Arc::clone(&self.authority),
        }
    }

    /// Whether a statement means the same under both: the settings have not changed, nor has what the caller may do.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frozen, &other.frozen) && is_same(&self.authority, &other.authority)
    }

    /// Tells these settings from all others that there are at the same time.
    pub(crate) fn settings_address(&self) -> usize {
        Arc::as_ptr(&self.frozen).addr()
    }

    /// What the caller may do.
    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    pub(crate) fn session(&self) -> &SessionState {
        &self.frozen.session
    }

    /// What a query is planned with that looks up a few rows: it runs in one part, in what is kept of files.
    pub(crate) fn session_of_lookups(&self) -> &SessionState {
        self.frozen.of_lookups.get_or_init(|| {
            let mut session = self.frozen.session.clone();
            let config = session.config_mut();
            config.options_mut().execution.target_partitions = 1;
            config.set_extension(Arc::new(Lookup));
            session
        })
    }

    pub(crate) fn schema(&self) -> &str {
        &self.frozen.schema
    }

    /// How long a statement may take.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let cap = self.frozen.caps.now();
        cap.timeout_of(self.frozen.own_timeout, &self.authority)
    }

    /// The limits that are in force now.
    pub(crate) fn cap(&self) -> Arc<Cap> {
        self.frozen.caps.now()
    }

    pub(crate) fn wanted_batch_rows(&self) -> Option<usize> {
        self.frozen.wanted_batch_rows
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("schema", &self.frozen.schema)
            .field("user", &self.authority.user())
            .finish_non_exhaustive()
    }
}
