//! Signing keys: the newest signs, those before verify until all that they signed has expired.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    storage::Storage,
    time::seconds,
};

/// Where the one key of earlier versions is. It counts as the oldest.
pub(super) const OLD_FILE: &str = "signing-key.pem";
/// The directory of all others. Their names are the second in which they were made, a dot, and their id.
pub(super) const DIRECTORY: &str = "keys";
const EXTENSION: &str = ".pem";
/// More keys than anybody needs, or can make by rotation within the life of a token.
const MOST: usize = 1000;
/// What stands in front of the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The keys of a data directory, the oldest first; never none.
pub(crate) struct Keys(Vec<Key>);

/// An Ed25519 key.
pub(crate) struct Key {
    /// Its thumbprint (RFC 7638), which tokens name.
    pub(crate) id: String,
    /// When it was made, in seconds since 1970; zero for that of earlier versions.
    pub(crate) made: u64,
    pub(crate) signing: EncodingKey,
    pub(crate) verifying: DecodingKey,
    file: Option<String>,
}

impl Keys {
    /// The keys in `storage`; makes the first one.
    ///
    /// # Errors
    /// [`Error::Storage`] when they cannot be read, made or trusted.
    pub(crate) fn open(storage: &Storage, now: SystemTime) -> Result<Self> {
        let keys = Self::read(storage)?;
        if keys.is_empty() {
            Self::add(storage, &[], now)?;
            return Ok(Self(Self::read(storage)?));
        }
        Ok(Self(keys))
    }

    /// Makes another key, which signs from now on, and tells its id. With `alone`, all others are removed, and nothing
    /// that they signed is good any more.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) fn rotate(storage: &Storage, alone: bool, now: SystemTime) -> Result<String> {
        let before = Self::read(storage)?;
        let id = Self::add(storage, &before, now)?;
        if alone {
            before.iter().try_for_each(|key| key.remove(storage))?;
        }
        Ok(id)
    }

    /// Removes keys that stopped signing more than `life` ago.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub(crate) fn remove_old(
        &self,
        storage: &Storage,
        life: Duration,
        now: SystemTime,
    ) -> Result<()> {
        for pair in self.0.windows(2) {
            if let [old, next] = pair
                && next.made.saturating_add(life.as_secs()) < seconds(now)
            {
                old.remove(storage)?;
                tracing::info!(key = old.id, "removed a signing key that nothing needs");
            }
        }
        Ok(())
    }

    /// The newest, unless it is from the future.
    pub(crate) fn signing(&self, now: SystemTime) -> Option<&Key> {
        let now = seconds(now);
        let newest = self.0.iter().rev().find(|key| key.made <= now);
        newest.or_else(|| self.0.first())
    }

    /// The key of an id; that of earlier versions for tokens that name none.
    pub(crate) fn find(&self, id: Option<&str>) -> Option<&Key> {
        self.0.iter().find(|key| match id {
            Some(id) => key.id == id,
            None => key.made == 0,
        })
    }

    fn read(storage: &Storage) -> Result<Vec<Key>> {
        let mut keys = Vec::new();
        if let Some(pem) = storage.read(OLD_FILE)? {
            let key = Key::in_pem(&pem).ok_or_else(|| not_a_key(storage, OLD_FILE))?;
            keys.push(key);
        }
        let directory = storage.below(DIRECTORY)?;
        let files = directory.list()?;
        for file in files.into_iter().filter(|file| file.ends_with(EXTENSION)) {
            // Another process may just have removed it.
            if let Some(pem) = directory.read(&file)? {
                let key = Key::of_file(&file, &pem).ok_or_else(|| not_a_key(&directory, &file))?;
                keys.push(key);
            }
        }
        if keys.len() > MOST {
            let why = format!("more than {MOST} signing keys");
            return Err(Error::storage(&storage.path(DIRECTORY), why));
        }
        keys.sort_by(|a, b| (a.made, &a.id).cmp(&(b.made, &b.id)));
        Ok(keys)
    }

    fn add(storage: &Storage, before: &[Key], now: SystemTime) -> Result<String> {
        let secret = Zeroizing::new(rand::random());
        let key = Key::new(&secret).map_err(Error::internal)?;
        let newest = before.last().map_or(0, |key| key.made);
        let file = format!("{}.{}{EXTENSION}", seconds(now).max(newest + 1), key.id);
        storage.below(DIRECTORY)?.create(&file, &pem_of(&secret))?;
        Ok(key.id)
    }
}

impl Key {
    pub(super) fn new(secret: &[u8; 32]) -> Result<Self, ring::error::KeyRejected> {
        let pair = Ed25519KeyPair::from_seed_unchecked(secret)?;
        let der = Zeroizing::new([PKCS8_HEAD.as_slice(), secret].concat());
        let public = pair.public_key().as_ref();
        Ok(Self {
            id: thumbprint(public),
            made: 0,
            signing: EncodingKey::from_ed_der(&der),
            verifying: DecodingKey::from_ed_der(public),
            file: None,
        })
    }

    fn in_pem(pem: &[u8]) -> Option<Self> {
        Self::new(&*secret_in(pem)?).ok()
    }

    /// The name must be the key's.
    fn of_file(file: &str, pem: &[u8]) -> Option<Self> {
        let (made, id) = file.strip_suffix(EXTENSION)?.split_once('.')?;
        let key = Self::in_pem(pem).filter(|key| key.id == id)?;
        let made = made.parse().ok().filter(|made| *made > 0)?;
        let file = Some(file.to_owned());
        Some(Self { made, file, ..key })
    }

    fn remove(&self, storage: &Storage) -> Result<()> {
        match &self.file {
            Some(file) => storage.below(DIRECTORY)?.remove(file),
            None => storage.remove(OLD_FILE),
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|key| &key.id))
            .finish()
    }
}

fn not_a_key(storage: &Storage, file: &str) -> Error {
    let why = "not an Ed25519 private key in PEM form under its own name";
    Error::storage(&storage.path(file), why)
}

/// RFC 7638 over the members that RFC 8037 requires of such a key.
fn thumbprint(public: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.as_bytes()))
}

pub(super) fn pem_of(secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let der = Zeroizing::new([PKCS8_HEAD.as_slice(), secret].concat());
    let text = Zeroizing::new(STANDARD.encode(&der));
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *text
    );
    Zeroizing::new(pem.into_bytes())
}

fn secret_in(pem: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let text = text.strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let text = text.strip_suffix("-----END PRIVATE KEY-----")?.trim();
    let der = Zeroizing::new(STANDARD.decode(text).ok()?);
    let secret = der.strip_prefix(&PKCS8_HEAD)?;
    secret.try_into().ok().map(Zeroizing::new)
}
