use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use godwit_config::Auth;

use super::Authenticator;
use crate::error::{Error, Result};

/// How often tokens of unknown keys may have the keys read again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// When what was read at start is read again.
pub(super) struct Upkeep {
    interval: Duration,
    rotation: Option<Duration>,
    looked: Mutex<Option<Instant>>,
}

impl Upkeep {
    pub(super) fn new(auth: &Auth) -> Self {
        Self {
            interval: auth.refresh_interval,
            rotation: auth.key_rotation,
            looked: Mutex::default(),
        }
    }

    fn may_look(&self, now: Instant) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = looked.is_none_or(|last| now.saturating_duration_since(last) >= LOOK_EVERY);
        if may {
            *looked = Some(now);
        }
        may
    }
}

impl Authenticator {
    /// Starts a task of the current runtime that calls [`Self::read_again`] every `auth.refresh_interval`, for as long as
    /// somebody else holds this value.
    pub fn keep_current(self: &Arc<Self>) {
        let weak = Arc::downgrade(self);
        let mut ticks = tokio::time::interval(self.upkeep.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(authenticator) = weak.upgrade() else {
                    return;
                };
                if let Err(why) = authenticator.read_again().await {
                    tracing::warn!(%why, "users, grants or signing keys could not be read again");
                }
            }
        });
    }

    /// Reads again what others may have changed: users and grants in the store, signing keys in the data directory. A new
    /// key is made when `auth.key_rotation` says so.
    ///
    /// # Errors
    /// When either cannot be read; the other is read all the same, and what was known stays.
    pub async fn read_again(&self) -> Result<()> {
        let keys = self.reload_keys(self.upkeep.rotation, SystemTime::now());
        let keys = keys.await;
        self.directory.refresh().await?;
        keys
    }

    /// Reads the keys again because a token names an unknown one, but not for every such token.
    pub(super) async fn look_for_keys(&self, now: SystemTime) {
        if !self.upkeep.may_look(Instant::now()) {
            return;
        }
        if let Err(why) = self.reload_keys(None, now).await {
            tracing::warn!(%why, "signing keys could not be read again");
        }
    }

    async fn reload_keys(&self, rotation: Option<Duration>, now: SystemTime) -> Result<()> {
        let tokens = Arc::clone(&self.tokens);
        let work = tokio::task::spawn_blocking(move || tokens.reload(rotation, now));
        work.await.map_err(Error::internal)?
    }
}
