//! Users, roles, grants, policies and masks: kept beside the lake, changed by SQL.
//!
//! A statement is settled first: its names become objects of the newest snapshot, and whoever asks is found to be allowed
//! to. What is left is a decision over what is granted now, which is taken again when another server was faster. Checking
//! a statement takes the decision too, and keeps nothing of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use godwit_auth::Change;
use godwit_auth::Directory;
use godwit_auth::access::{Access as Granted, Authority};
use godwit_catalog::Seen;
use godwit_config::Secret;
use godwit_lake::{Lake, Owned, Snapshot};
use godwit_protocol::StatementId;

use crate::audit::Facts;
use crate::check::{Access, UserOptions};
use crate::inner::Inner;
use crate::runtime::QueryRuntime;
use crate::session::{Session, State};
use crate::{Error, Outcome, Result};

mod functions;
mod grantees;
mod grants;
mod objects;
mod owners;
mod roles;
mod rules;
mod store;
mod unmounted;
mod users;

pub(crate) use functions::{Asker, FUNCTIONS};
pub(crate) use objects::{Known, known};
pub(crate) use users::UserRules;

/// What to change, by what is granted now.
type Decide = Box<dyn Fn(&Granted) -> Result<Vec<Change>> + Send + Sync>;

/// A statement whose names are objects, asked by somebody who may.
enum Settled {
    Records(Decide),
    Owner(Owned, String),
}

/// A statement that is being settled.
struct Asking<'a> {
    inner: &'a Inner,
    state: Arc<State>,
    seen: Seen,
    /// The newest snapshot.
    lake: Snapshot,
    authority: Arc<Authority>,
    /// The hash of the password in the statement, when it runs.
    hash: Option<String>,
}

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

impl Inner {
    /// Checks a statement. Nothing is changed.
    pub(crate) async fn check_access(&self, session: &Session, access: &Access) -> Result<()> {
        if let Some(password) = password_of(access) {
            self.user_rules.check(password)?;
        }
        if let Settled::Records(decide) = self.settle(session, access, None).await? {
            decide(&self.directory.current())?;
        }
        Ok(())
    }

    /// Does what a statement says, at once and for good.
    pub(crate) async fn change_access(
        self: &Arc<Self>,
        session: &Arc<Session>,
        (id, sql): (StatementId, Arc<str>),
        access: &Arc<Access>,
    ) -> Result<Outcome> {
        let (inner, access) = (Arc::clone(self), Arc::clone(access));
        let asking = session.pinned();
        let work = Box::pin(async move {
            let hash = match password_of(&access) {
                Some(password) => Some(inner.directory.hash(password.clone()).await?),
                None => None,
            };
            match inner.settle(&asking, &access, hash).await? {
                Settled::Records(decide) => inner.directory.change(|now| decide(now)).await?,
                Settled::Owner(of, owner) => inner.set_owner(of, owner).await?,
            }
            Ok(0)
        });
        let outcome = self.run_effect(id, session, ("access", &sql), work).await?;
        let name = id.to_string();
        let version = self.directory.current().version();
        let what = format!("users and grants, now at version {version}");
        let facts = Facts::of(&name, session, "access", &sql);
        self.running.watch().access_changed(facts, what);
        Ok(outcome)
    }

    async fn settle(
        &self,
        session: &Session,
        access: &Access,
        hash: Option<String>,
    ) -> Result<Settled> {
        if session.here()?.is_some() {
            return Err(Error::unsupported(
                "a change of users or grants in a transaction: it takes effect at once and cannot be taken back; COMMIT or \
                 ROLLBACK before it",
            ));
        }
        let seen = session.seen().await?;
        let lake = seen.lake().map_err(|error| Error::from_catalog(&error))?;
        let asking = Asking {
            inner: self,
            state: session.state(),
            lake: lake.clone(),
            seen,
            authority: Arc::clone(session.authority()),
            hash,
        };
        asking.settle(access).await
    }
}

impl Asking<'_> {
    async fn settle(&self, access: &Access) -> Result<Settled> {
        let decide = match access {
            Access::CreateRole {
                name,
                if_not_exists,
            } => self.create_role(name, *if_not_exists)?,
            Access::DropRole { name, if_exists } => self.drop_role(name, *if_exists).await?,
            Access::CreateUser {
                name,
                if_not_exists,
                options,
            } => self.create_user(name, *if_not_exists, options)?,
            Access::AlterUser { name, options } => self.alter_user(name, options)?,
            Access::DropUser { name, if_exists } => self.drop_user(name, *if_exists).await?,
            Access::GrantRoles { roles, to } => self.grant_roles(roles, to)?,
            Access::RevokeRoles { roles, from } => self.revoke_roles(roles, from)?,
            Access::Grant { rights, on, to } => self.grant(rights, on, to).await?,
            Access::Revoke { rights, on, from } => self.revoke(rights, on, from).await?,
            Access::CreateRule(rule) => self.create_rule(rule).await?,
            Access::DropRule {
                kind,
                name,
                table,
                if_exists,
            } => self.drop_rule(*kind, name, table, *if_exists).await?,
            Access::RevokeToken(id) => self.revoke_token(id)?,
            Access::RevokeTokens(user) => self.revoke_tokens(user)?,
            Access::SetOwner {
                is_schema,
                name,
                to,
            } => return self.owner(*is_schema, name, to).await,
        };
        Ok(Settled::Records(decide))
    }

    /// # Errors
    /// [`Error::Denied`] for all but members of `admin`.
    fn need_admin(&self, what: &str) -> Result<()> {
        if self.authority.is_admin() {
            return Ok(());
        }
        Err(self.denied(&format!("{what}: only members of the role 'admin' may")))
    }

    fn denied(&self, what: &str) -> Error {
        Error::Denied {
            message: format!("user '{}' may not {what}", self.authority.user()),
        }
    }
}

/// The password that a statement gives a user.
fn password_of(access: &Access) -> Option<&Secret> {
    match access {
        Access::CreateUser { options, .. } | Access::AlterUser { options, .. } => {
            let UserOptions { password, .. } = options;
            password.as_ref()
        }
        _ => None,
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

impl From<godwit_auth::Error> for Error {
    fn from(error: godwit_auth::Error) -> Self {
        Self::from_auth(error, "access")
    }
}
