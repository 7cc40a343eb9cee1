use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use godwit_config::Issuer;
use ring::digest::{SHA256, digest};

use super::{keys::KeySet, source::Source};
use crate::error::{Error, Result};

/// How long a key id that a fetch did not bring causes no other fetch.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How many such ids are remembered.
const MAX_UNKNOWN: usize = 1024;

/// The keys of an issuer as they were last seen.
pub(super) struct Keyring {
    name: String,
    source: Source,
    interval: Duration,
    pause: Duration,
    state: Mutex<State>,
    /// Held by the one fetch that runs.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<Arc<KeySet>>,
    /// When the last fetch ended, whether it brought keys or not.
    attempted: Option<Instant>,
    /// Hashes of ids that the last fetches did not bring.
    unknown: HashMap<[u8; 32], Instant>,
}

impl Keyring {
    /// A keyring with the keys of a file, or one that has to be filled.
    ///
    /// # Errors
    /// [`Error::Issuer`] when the file cannot be used.
    pub(super) fn open(name: &str, issuer: &Issuer) -> Result<Arc<Self>> {
        let source = Source::open(name, issuer)?;
        let wrong = |why| Error::issuer(format!("auth.issuers.{name}.key_file"), why);
        let keys = source.read_file().transpose().map_err(wrong)?;
        let state = State {
            keys: keys.map(Arc::new),
            ..State::default()
        };
        Ok(Arc::new(Self {
            name: name.to_owned(),
            source,
            interval: issuer.refresh_interval,
            pause: issuer.refresh_pause,
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Fetches now and at every interval; after a failure sooner, but ever later. Ends with the keyring.
    pub(super) fn keep_fresh(this: &Arc<Self>) {
        let weak = Arc::downgrade(this);
        tokio::spawn(async move {
            let mut wait = Duration::ZERO;
            let mut failures = 0_u32;
            loop {
                tokio::time::sleep(wait).await;
                let Some(this) = weak.upgrade() else {
                    return;
                };
                let turn = this.turn.lock().await;
                failures = match this.fetch().await {
                    true => 0,
                    false => failures.saturating_add(1),
                };
                drop(turn);
                let sooner = this.pause.saturating_mul(2_u32.saturating_pow(failures));
                wait = match failures {
                    0 => this.interval,
                    _ => sooner.min(this.interval),
                };
            }
        });
    }

    /// The keys that are held, fetched when there are none yet.
    ///
    /// # Errors
    /// [`Error::IssuerAway`] when they could not be fetched.
    pub(super) async fn keys(self: &Arc<Self>) -> Result<Arc<KeySet>> {
        if let Some(keys) = self.held() {
            return Ok(keys);
        }
        self.fetch_in_turn(None).await?;
        let issuer = self.name.clone();
        self.held().ok_or(Error::IssuerAway { issuer })
    }

    /// Other keys than those, fetched for the sake of a key id that is not among them; `None` when there are none, or
    /// when it is too early to ask for them again.
    pub(super) async fn newer(
        self: &Arc<Self>,
        seen: &Arc<KeySet>,
        id: Option<&str>,
    ) -> Option<Arc<KeySet>> {
        let hash = id.map(hash);
        if hash.is_some_and(|hash| self.state().is_unknown(&hash)) {
            return None;
        }
        self.fetch_in_turn(Some(seen)).await.ok()?;
        let held = self.held().filter(|held| !Arc::ptr_eq(held, seen))?;
        if let Some(hash) = hash
            && !held.knows(id)
        {
            self.state().note_unknown(hash);
        }
        Some(held)
    }

    /// Waits until other keys than those are held, or a fetch has just been tried. The fetch goes on when the caller goes
    /// away, because others wait for it.
    async fn fetch_in_turn(self: &Arc<Self>, seen: Option<&Arc<KeySet>>) -> Result<()> {
        let this = Arc::clone(self);
        let seen = seen.map(Arc::clone);
        let work = tokio::spawn(async move {
            let _turn = this.turn.lock().await;
            let same = match (this.held(), seen) {
                (Some(held), Some(seen)) => Arc::ptr_eq(&held, &seen),
                (held, _) => held.is_none(),
            };
            if same && this.state().is_due(this.pause) {
                this.fetch().await;
            }
        });
        work.await.map_err(Error::internal)
    }

    /// One fetch; whether it brought keys. Without, those that are held stay.
    async fn fetch(&self) -> bool {
        let fetched = self.source.keys().await;
        let mut state = self.state();
        state.attempted = Some(Instant::now());
        match fetched {
            Ok(keys) => {
                tracing::debug!(issuer = self.name, keys = keys.len(), "keys fetched");
                state.keys = Some(Arc::new(keys));
                true
            }
            Err(why) => {
                let held = state.keys.is_some();
                drop(state);
                tracing::warn!(issuer = self.name, why, held, "keys cannot be fetched");
                false
            }
        }
    }

    fn held(&self) -> Option<Arc<KeySet>> {
        self.state().keys.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_due(&self, pause: Duration) -> bool {
        self.attempted.is_none_or(|at| at.elapsed() >= pause)
    }

    fn is_unknown(&mut self, hash: &[u8; 32]) -> bool {
        match self.unknown.get(hash) {
            Some(since) if since.elapsed() < UNKNOWN_FOR => true,
            Some(_) => self.unknown.remove(hash).is_none(),
            None => false,
        }
    }

    fn note_unknown(&mut self, hash: [u8; 32]) {
        if self.unknown.len() >= MAX_UNKNOWN {
            self.unknown
                .retain(|_, since| since.elapsed() < UNKNOWN_FOR);
        }
        if self.unknown.len() < MAX_UNKNOWN {
            self.unknown.insert(hash, Instant::now());
        }
    }
}

fn hash(id: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
    hash
}
