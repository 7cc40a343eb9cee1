use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use godwit_auth::{Authenticator, Error, Identity, Via};
use godwit_config::{Config, Issuer};
use jsonwebtoken::{Algorithm, EncodingKey, crypto, jwk::Jwk};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

pub(crate) const ISSUER: &str = "https://issuer.test/realm";
pub(crate) const RSA: &str = include_str!("rsa.pem");

/// A private key with its id.
pub(crate) struct Signer {
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    pub(crate) fn rsa(id: &str, algorithm: Algorithm) -> Self {
        let key = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
        Self::new(id, algorithm, key)
    }

    /// A new key on P-256.
    pub(crate) fn ec(id: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::new(id, Algorithm::ES256, EncodingKey::from_ec_der(key.as_ref()))
    }

    /// A new Ed25519 key.
    pub(crate) fn ed(id: &str) -> Self {
        let head = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
        let der = [head.as_slice(), &rand::random::<[u8; 32]>()].concat();
        Self::new(id, Algorithm::EdDSA, EncodingKey::from_ed_der(&der))
    }

    /// A secret that is used as if it were a key.
    pub(crate) fn secret(id: &str, secret: &[u8]) -> Self {
        Self::new(id, Algorithm::HS256, EncodingKey::from_secret(secret))
    }

    fn new(id: &str, algorithm: Algorithm, key: EncodingKey) -> Self {
        let id = id.to_owned();
        Self { id, algorithm, key }
    }

    /// The public half as an issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(self.id);
        jwk["use"] = json!("sig");
        jwk
    }

    pub(crate) fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"})
    }

    /// A token of these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token of these texts, whatever they are.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", part(header), part(claims));
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

/// Seconds since 1970, in so many seconds.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

/// What a good token says.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": ["godwit", "another"],
        "sub": "ann",
        "iat": in_seconds(-10),
        "nbf": in_seconds(-10),
        "exp": in_seconds(600),
    })
}

/// The same with other values; null takes one away.
pub(crate) fn claims_with(changes: &Value) -> Value {
    changed(claims(), changes)
}

pub(crate) fn changed(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(name)),
            change => value[name] = change.clone(),
        }
    }
    value
}

/// A data directory, and a configuration that trusts the issuer `sso`.
pub(crate) struct House {
    pub(crate) data: tempfile::TempDir,
    pub(crate) config: Config,
}

impl House {
    /// With these keys in a file.
    pub(crate) fn with_keys(keys: &[Value]) -> Self {
        Self::with_key_file(&json!({ "keys": keys }).to_string())
    }

    pub(crate) fn with_key_file(text: &str) -> Self {
        let mut house = Self::with_issuer(Issuer::new(ISSUER, "godwit"));
        let path = house.data.path().join("keys");
        fs::write(&path, text).unwrap();
        house.issuer().key_file = Some(path);
        house
    }

    pub(crate) fn with_issuer(issuer: Issuer) -> Self {
        let mut config = Config::default();
        config.auth.issuers = BTreeMap::from([("sso".to_owned(), issuer)]);
        let data = tempfile::tempdir().unwrap();
        Self { data, config }
    }

    pub(crate) fn issuer(&mut self) -> &mut Issuer {
        self.config.auth.issuers.get_mut("sso").unwrap()
    }

    pub(crate) fn start(&self) -> Authenticator {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> Result<Authenticator, Error> {
        Authenticator::start(&self.config, self.data.path()).map(|(authenticator, _)| authenticator)
    }
}

/// Who a bearer of the token is.
pub(crate) async fn call(authenticator: &Authenticator, token: &str) -> Result<Identity, Error> {
    let header = format!("Bearer {token}");
    let called = authenticator
        .authenticate(Some(&header), godwit_auth::Peer::UNKNOWN)
        .await?;
    assert_eq!(called.refreshed, None);
    Ok(called.identity)
}

/// A token that opens nothing, by no way.
pub(crate) async fn refused(authenticator: &Authenticator, what: &str, token: &str) {
    let called = call(authenticator, token).await;
    assert_eq!(called, Err(Error::Unauthenticated), "{what}: {token}");
    let header = format!("Bearer {token}");
    let login = authenticator
        .login(Some(&header), godwit_auth::Peer::UNKNOWN)
        .await;
    assert_eq!(login.err(), Some(Error::Unauthenticated), "{what}: {token}");
}

/// The control: what the attacks change is the only thing that is wrong with them.
pub(crate) async fn accepted(authenticator: &Authenticator, token: &str) {
    let identity = call(authenticator, token).await.unwrap();
    assert_eq!((identity.user(), identity.via()), ("sso:ann", Via::Issuer));
}

/// How a stand-in for an issuer answers at a path.
#[derive(Clone)]
pub(crate) enum Answer {
    Json(Value),
    /// The head's first line and fields, and the body.
    Raw(String, Vec<u8>),
    /// Nothing, while the connection stays open.
    Silence,
}

/// A stand-in for an issuer on a free port, which counts what is asked of it.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    answers: BTreeMap<String, Answer>,
    asked: Vec<String>,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
        };
        let serving = host.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        host
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        let answers = &mut self.state.lock().unwrap().answers;
        answers.insert(path.to_owned(), answer);
    }

    /// Serves these keys at `/keys`.
    pub(crate) fn publish(&self, keys: &[Value]) {
        self.answer("/keys", Answer::Json(json!({ "keys": keys })));
    }

    /// The paths that were asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// A house that trusts what is published here.
    pub(crate) fn house(&self) -> House {
        let mut issuer = Issuer::new(ISSUER, "godwit");
        issuer.jwks_url = Some(self.url("/keys"));
        House::with_issuer(issuer)
    }

    async fn serve(self, mut stream: tokio::net::TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let answer = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(path.clone());
            state.answers.get(&path).cloned()
        };
        let (head, body) = match answer {
            Some(Answer::Json(value)) => ("200 OK".to_owned(), value.to_string().into_bytes()),
            Some(Answer::Raw(head, body)) => (head, body),
            Some(Answer::Silence) => std::future::pending().await,
            None => ("404 Not Found".to_owned(), Vec::new()),
        };
        let head = format!("HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
        let _gone = stream.write_all(head.as_bytes()).await;
        let _gone = stream.write_all(&body).await;
    }
}

/// Asks again and again until the answer is true.
pub(crate) async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}
