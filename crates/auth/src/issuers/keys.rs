use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Most keys in a set. Issuers publish two or three.
const MAX_KEYS: usize = 64;
/// Most keys that one token is checked against; only sets with keys without ids, or several of one id, have more than one.
const MAX_CHECKS: usize = 8;
/// Sizes of RSA keys that are used, in bits: shorter ones are broken, longer ones cost too much to check.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The public keys of an issuer (RFC 7517).
#[derive(Default)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

struct Key {
    id: Option<String>,
    shape: Shape,
    /// The one algorithm that it is for, where it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// What decides which algorithms a key can be for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Rsa,
    P256,
    P384,
    Ed25519,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

/// A key as it is published. What does not matter here is not read, a private half least of all.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JSON Web Key Set, or keys in PEM form. Keys that cannot check a signature are left out.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn decode(text: &[u8]) -> Result<Self, String> {
        let keys = match text.trim_ascii_start().first() {
            Some(b'{') => published(text)?,
            _ => pem(text)?,
        };
        if keys.is_empty() {
            return Err("holds no public key that can check a signature".to_owned());
        }
        Ok(Self { keys })
    }

    /// Whether a key has that id, so that another set could not have a better one.
    pub(super) fn knows(&self, id: Option<&str>) -> bool {
        id.is_some() && self.keys.iter().any(|key| key.id.as_deref() == id)
    }

    /// The keys that may have signed a token: those of its key id, else those that have none; any where the token names
    /// none.
    pub(super) fn candidates(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let known = self.knows(id);
        let keys = self.keys.iter().filter(move |key| match (known, id) {
            (true, _) => key.id.as_deref() == id,
            (false, Some(_)) => key.id.is_none(),
            (false, None) => true,
        });
        keys.filter(move |key| key.suits(algorithm))
            .map(|key| &key.key)
            .take(MAX_CHECKS)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Key {
    fn suits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|only| only == algorithm)
            && match self.shape {
                Shape::Rsa => algorithm.family() == AlgorithmFamily::Rsa,
                Shape::P256 => algorithm == Algorithm::ES256,
                Shape::P384 => algorithm == Algorithm::ES384,
                Shape::Ed25519 => algorithm == Algorithm::EdDSA,
            }
    }
}

fn published(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Published =
        serde_json::from_slice(text).map_err(|why| format!("not a JSON Web Key Set: {why}"))?;
    if set.keys.len() > MAX_KEYS {
        let found = set.keys.len();
        return Err(format!(
            "holds {found} keys; at most {MAX_KEYS} are allowed"
        ));
    }
    let keys = set.keys.into_iter();
    Ok(keys
        .filter_map(|key| Jwk::deserialize(key).ok()?.key())
        .collect())
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig");
        let ops = self.key_ops.as_deref();
        if !signs || ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
            return None;
        }
        let algorithm = match self.alg.as_deref() {
            Some(name) => Some(super::token::algorithm(name)?),
            None => None,
        };
        let (shape, key) = self.material()?;
        Some(Key {
            id: self.kid,
            shape,
            algorithm,
            key,
        })
    }

    fn material(&self) -> Option<(Shape, DecodingKey)> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                let key = DecodingKey::from_rsa_raw_components(&n, &e);
                RSA_BITS.contains(&bits(&n)).then_some((Shape::Rsa, key))
            }
            ("EC", Some(curve)) => {
                let (shape, size) = match curve {
                    "P-256" => (Shape::P256, 32),
                    "P-384" => (Shape::P384, 48),
                    _ => return None,
                };
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                (x.len() == size && y.len() == size)
                    .then(|| (shape, DecodingKey::from_ec_der(&point)))
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(&self.x)?;
                (x.len() == 32).then(|| (Shape::Ed25519, DecodingKey::from_ed_der(&x)))
            }
            _ => None,
        }
    }
}

/// The bits of a number whose first byte is the highest.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    let first = number
        .first()
        .map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - first
}

/// Every public key in a PEM file, which has no ids.
fn pem(text: &[u8]) -> Result<Vec<Key>, String> {
    const END: &str = "-----END PUBLIC KEY-----";
    let text = std::str::from_utf8(text).map_err(|_| "neither JSON nor PEM".to_owned())?;
    let blocks = text
        .split_inclusive(END)
        .filter(|block| block.contains(END));
    let keys = blocks.map(|block| one_pem(block).ok_or("holds a PEM block that is no public key of RSA of 2048 to 4096 bits, P-256, P-384 or Ed25519"));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    match keys.len() {
        0..=MAX_KEYS => Ok(keys),
        found => Err(format!(
            "holds {found} keys; at most {MAX_KEYS} are allowed"
        )),
    }
}

fn one_pem(block: &str) -> Option<Key> {
    let start = block.find("-----BEGIN PUBLIC KEY-----")?;
    let block = &block.as_bytes()[start..];
    let size = |key: &DecodingKey| key.try_get_as_bytes().map_or(0, <[u8]>::len);
    let (shape, key) = if let Ok(key) = DecodingKey::from_rsa_pem(block) {
        // The encoding of a modulus and an exponent is a few bytes longer than the modulus.
        let fits = (256 + 8..=512 + 32).contains(&size(&key));
        fits.then_some((Shape::Rsa, key))?
    } else if let Ok(key) = DecodingKey::from_ed_pem(block) {
        (Shape::Ed25519, key)
    } else {
        let key = DecodingKey::from_ec_pem(block).ok()?;
        match size(&key) {
            65 => (Shape::P256, key),
            97 => (Shape::P384, key),
            _ => return None,
        }
    };
    Some(Key {
        id: None,
        shape,
        algorithm: None,
        key,
    })
}
