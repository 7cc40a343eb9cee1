//! Ending what runs: KILL, by whoever runs it or by an administrator.

use std::sync::Arc;
use std::time::Duration;

use godwit_audit::Statement as Noted;
use godwit_auth::Permit;
use godwit_protocol::StatementId;

use crate::check::Kill;
use crate::effect::Effect;
use crate::inner::Inner;
use crate::running::Killer;
use crate::session::Session;
use crate::{Engine, Error, Outcome, Result};

/// How long KILL waits until the work has stopped.
const WAIT: Duration = Duration::from_secs(1);

/// The shortest beginning of a query's id that stands for it: what messages of errors end with.
const SHORTEST: usize = 16;

impl Engine {
    /// Ends a statement that runs, or a session with all that runs in it, as the SQL statement KILL does.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id that the caller may end.
    pub async fn kill(&self, session: &Arc<Session>, permit: &Permit, kill: Kill) -> Result<()> {
        let session = &self.admit(session, permit)?;
        let named = (StatementId::random(), Arc::from(kill.sql()));
        let effect = Effect::Kill(kill);
        self.inner.apply(session, named, &effect, None).await?;
        Ok(())
    }
}

impl Inner {
    /// Ends what it says, and waits for the work to stop, but not for long.
    pub(crate) async fn kill(&self, session: &Session, kill: &Kill) -> Result<Outcome> {
        let by: Arc<str> = session.user().into();
        let sees_all = session.authority().is_admin();
        let may = |of: &Noted| sees_all || of.user == by;
        let killer = |of: &Noted| Killer {
            is_own: of.user == by,
            by: Arc::clone(&by),
        };
        let ended = match kill {
            Kill::Query(id) => {
                let is_it = |of: &Noted| {
                    let whole = of.query_id.as_ref();
                    whole == id || id.len() >= SHORTEST && whole.starts_with(id.as_str())
                };
                let ended = self
                    .running
                    .kill(|of| (may(of) && is_it(of)).then(|| killer(of)));
                if ended.is_empty() {
                    return Err(Error::not_found(format!(
                        "no query '{id}' runs that user '{by}' may end; system.queries shows those that do"
                    )));
                }
                ended
            }
            Kill::Session(id) => {
                let of = (!sees_all).then_some(by.as_ref());
                if !self.sessions.end(of, id) {
                    return Err(Error::not_found(format!(
                        "there is no session '{id}' that user '{by}' may end; system.sessions shows those that there are"
                    )));
                }
                let is_in = |of: &Noted| of.session.as_deref() == Some(id.as_str());
                self.running
                    .kill(|of| (may(of) && is_in(of)).then(|| killer(of)))
            }
        };
        // What computes without a pause stops at its next one, and is not waited for.
        let _ = tokio::time::timeout(WAIT, self.running.gone(&ended)).await;
        Ok(Outcome { rows: 1 })
    }
}
