use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use godwit_auth::Permit;
use godwit_auth::access::Authority;
use godwit_catalog::TempTables;
use godwit_config::{WireCompression, WireProfile};
use godwit_protocol::SessionId;
use godwit_protocol::session::OptionValue;

use crate::access::Sight;
use crate::check::SettingChange;
use crate::prepared::Store;
use crate::recall::Recall;
use crate::settings::{Setting, Settings};
use crate::transactions::{Place, SqlTransaction};
use crate::{Error, Result};

mod registry;
mod state;

pub(crate) use registry::Shared;
pub use registry::{SessionKey, Sessions};
pub(crate) use state::{Caller, Frozen, State};

/// Settings, prepared statements and temporary tables of one client, and the place where its statements work: the open
/// transaction or none, or one transaction of several ([`crate::Engine::within`]).
pub struct Session {
    core: Arc<Core>,
    place: Place,
    /// Of the call that it serves; before a call was let in, nothing is allowed.
    authority: Arc<Authority>,
}

/// What is the same wherever the statements work.
pub(crate) struct Core {
    id: SessionId,
    user: String,
    /// Whether all clients of the user that are not told apart share it.
    stateless: bool,
    shared: Arc<Shared>,
    inner: Mutex<Inner>,
    /// Held from reading the settings to writing them back, so that no change gets lost.
    changing: Mutex<()>,
    statements: Store,
    temporary: TempTables,
    /// Plans over its temporary tables, whose rows they hold.
    recall: Recall,
    /// What SQL began.
    transaction: Mutex<SqlTransaction>,
}

struct Inner {
    settings: Settings,
    frozen: Arc<Frozen>,
    last_used: Instant,
}

impl Session {
    pub(crate) fn new(user: &str, stateless: bool, shared: Arc<Shared>) -> Self {
        let id = SessionId::random();
        let settings = Settings::new(shared.bounds.clone());
        let frozen = Arc::clone(&shared.unchanged);
        let authority = Arc::clone(&shared.nothing_allowed);
        let core = Core {
            id,
            user: user.to_owned(),
            stateless,
            statements: Store::new(shared.statements),
            temporary: shared.no_tables(),
            recall: Recall::new(shared.kept_plans, shared.statements.idle_timeout),
            shared,
            inner: Mutex::new(Inner {
                settings,
                frozen,
                last_used: Instant::now(),
            }),
            changing: Mutex::default(),
            transaction: Mutex::default(),
        };
        Self {
            core: Arc::new(core),
            place: Place::Session,
            authority,
        }
    }

    /// The same session with its statements in this place.
    pub(crate) fn placed(&self, place: Place) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(&self.core),
            place,
            authority: Arc::clone(&self.authority),
        })
    }

    /// The same session for one call, with what its caller may do.
    pub(crate) fn permitted(&self, permit: &Permit) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(&self.core),
            place: self.place.clone(),
            authority: Arc::clone(permit.authority()),
        })
    }

    /// What the caller may do.
    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Random, and not the key that the client knows.
    pub fn id(&self) -> SessionId {
        self.core.id
    }

    /// Whose it is.
    pub fn user(&self) -> &str {
        &self.core.user
    }

    /// Every option with its value: `catalog`, `schema` and the settings that SQL `SET` takes.
    pub fn options(&self) -> BTreeMap<String, OptionValue> {
        self.lock().settings.options()
    }

    /// Which types the session wants in its results; whoever sends them has to keep to it.
    pub fn wire_profile(&self) -> WireProfile {
        self.lock().settings.wire_profile()
    }

    /// How the session wants its results compressed; whoever sends them has to keep to it.
    pub fn compression(&self) -> WireCompression {
        self.lock().settings.compression()
    }

    /// Changes an option, as SQL `SET` does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such option, [`Error::InvalidInput`] when it cannot have that value or when
    /// the session is stateless; [`Error::Denied`] when it is another user's.
    pub async fn set_option(&self, permit: &Permit, name: &str, value: &OptionValue) -> Result<()> {
        if self.user() != permit.user() {
            return Err(of_another());
        }
        let setting = Setting::named(name)?;
        let text = match value {
            OptionValue::Text(text) => text.clone(),
            OptionValue::Bool(flag) => flag.to_string(),
            OptionValue::Int(number) => number.to_string(),
            OptionValue::Double(number) => number.to_string(),
            OptionValue::TextList(_) => {
                return Err(Error::invalid(format!(
                    "{name} takes one value, not a list"
                )));
            }
        };
        let schemas = self.permitted(permit).schemas_for(setting, &text).await?;
        self.change(|settings| settings.set(setting, &text, &schemas))
    }

    /// Gives an option its default back, as SQL `RESET` does.
    ///
    /// # Errors
    /// As [`Self::set_option`].
    pub fn reset_option(&self, name: &str) -> Result<()> {
        let setting = Setting::named(name)?;
        self.change(|settings| {
            settings.reset(setting);
            Ok(())
        })
    }

    /// How many endpoints the result of a query is split over, from 1 to 64.
    pub fn endpoints(&self) -> u32 {
        self.lock().settings.endpoints()
    }

    /// Checks a change without making it.
    pub(crate) async fn check(&self, change: &SettingChange) -> Result<()> {
        let schemas = self.schemas_of(change).await?;
        let settings = self.lock().settings.clone();
        self.made(settings, change, &schemas).map(|_| ())
    }

    /// Makes a change.
    pub(crate) async fn apply(&self, change: &SettingChange) -> Result<()> {
        let schemas = self.schemas_of(change).await?;
        self.change(|settings| {
            *settings = self.made(settings.clone(), change, &schemas)?;
            Ok(())
        })
    }

    /// The session as it is now.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::new(State {
            frozen: Arc::clone(&self.lock().frozen),
            authority: Arc::clone(&self.authority),
        })
    }

    /// Who this session is to the tables that show a caller what is its own.
    pub(crate) fn caller(&self) -> Arc<Caller> {
        Arc::new(Caller {
            user: self.core.user.clone(),
            session: self.core.id,
            settings: self.lock().settings.clone(),
            authority: Arc::clone(&self.authority),
            transaction: self.place.transaction().cloned(),
        })
    }

    pub(crate) fn statements(&self) -> &Store {
        &self.core.statements
    }

    /// What was planned over its temporary tables.
    pub(crate) fn recall(&self) -> &Recall {
        &self.core.recall
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What SQL began.
    pub(crate) fn sql_transaction(&self) -> MutexGuard<'_, SqlTransaction> {
        let transaction = self.core.transaction.lock();
        transaction.unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all clients of the user that are not told apart share it.
    pub(crate) fn is_stateless(&self) -> bool {
        self.core.stateless
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.core.shared
    }

    /// The temporary tables, to be read.
    pub(crate) fn temporary(&self) -> &TempTables {
        &self.core.temporary
    }

    /// The temporary tables, to be changed. The transaction that the session is in remembers the changes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the session is stateless; when its transaction has ended.
    pub(crate) fn changeable(&self) -> Result<TempTables> {
        if self.core.stateless {
            return Err(stateless("temporary tables belong"));
        }
        self.recall().clear();
        match self.here()? {
            Some(open) => Ok(open.journaled(&self.core.temporary)),
            None => Ok(self.core.temporary.clone()),
        }
    }

    pub(crate) fn touch(&self) {
        self.lock().last_used = Instant::now();
    }

    pub(crate) fn last_used(&self) -> Instant {
        self.lock().last_used
    }

    /// Whether a new session would be the same as this one.
    pub(crate) fn is_blank(&self) -> bool {
        self.core.statements.is_empty()
            && self.core.temporary.is_empty()
            && !self.shared().transactions.has_any(self.core.id)
            && self.lock().settings.is_unchanged()
    }

    /// The schemas that the session sees, for a setting that names one.
    async fn schemas_for(&self, setting: &Setting, wanted: &str) -> Result<Vec<String>> {
        if setting.name() != "schema" {
            return Ok(Vec::new());
        }
        let seen = self.seen().await?;
        let mut schemas = self.core.shared.catalog.schema_names();
        match seen.schema_names() {
            Ok(durable) => schemas.extend(durable),
            Err(_) if schemas.iter().any(|known| known == wanted) => {}
            Err(away) => return Err(Error::from_catalog(&away)),
        }
        let sight = Sight::of(&self.authority, &seen);
        schemas.retain(|schema| sight.sees_schema(schema));
        Ok(schemas)
    }

    async fn schemas_of(&self, change: &SettingChange) -> Result<Vec<String>> {
        match change {
            SettingChange::Set { name, value } => {
                self.schemas_for(Setting::named(name)?, value).await
            }
            SettingChange::Reset { .. } | SettingChange::ResetAll => Ok(Vec::new()),
        }
    }

    fn made(
        &self,
        mut settings: Settings,
        change: &SettingChange,
        schemas: &[String],
    ) -> Result<Settings> {
        match change {
            SettingChange::Set { name, value } => {
                settings.set(Setting::named(name)?, value, schemas)?;
            }
            SettingChange::Reset { name } => settings.reset(Setting::named(name)?),
            SettingChange::ResetAll => settings.reset_all(),
        }
        if self.core.stateless && !settings.is_same_as(&self.lock().settings) {
            return Err(stateless("settings belong"));
        }
        Ok(settings)
    }

    fn change(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        let _changing = self
            .core
            .changing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = self.lock().settings.clone();
        let mut settings = before.clone();
        change(&mut settings)?;
        if settings.has_changes_of(&before) {
            return Ok(());
        }
        if self.core.stateless {
            return if settings.is_same_as(&before) {
                Ok(())
            } else {
                Err(stateless("settings belong"))
            };
        }
        let frozen = if settings.is_unchanged() {
            Arc::clone(&self.core.shared.unchanged)
        } else {
            Arc::new(Frozen::new(&settings, &self.core.shared.base)?)
        };
        let mut inner = self.lock();
        inner.settings = settings;
        inner.frozen = frozen;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.core
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said to one who comes with the session of somebody else.
pub(crate) fn of_another() -> Error {
    Error::Denied {
        message: "the session belongs to another user".to_owned(),
    }
}

pub(crate) fn stateless(what: &str) -> Error {
    Error::invalid(format!(
        "{what} to a session, and these calls have none: connect with a handshake (user and password), \
         or let the client keep cookies"
    ))
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.core.id)
            .field("user", &self.core.user)
            .finish_non_exhaustive()
    }
}
