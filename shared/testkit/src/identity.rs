//! An identity provider: it signs tokens, and publishes the keys to check them by.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::StatusCode;
use parking_lot::{Mutex, MutexGuard};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::loopback::{Loopback, json as json_response, text};

/// Nobody's key, in PKCS #8: RSA keys take long to make, and `ring` makes none.
const RSA: &[u8] = include_bytes!("identity/rsa2048.pk8");

/// A key that signs tokens (JWS in the compact form, RFC 7515 §7.1).
#[derive(Debug)]
pub struct SigningKey {
    id: Option<String>,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// Publishes keys on loopback (a JWKS document, RFC 7517 §5).
#[derive(Debug)]
pub struct IdentityProvider {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    document: Value,
    away: bool,
    asked: usize,
}

// === impl SigningKey ===

impl SigningKey {
    /// A new Ed25519 key of this id.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a stand-in: nothing goes on without")]
    pub fn ed25519(id: &str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("there is randomness");
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("it was made just now");
        Self {
            id: Some(id.to_owned()),
            pair: Pair::Ed25519(pair),
        }
    }

    /// The one RSA key there is, of 2048 bits, under this id.
    ///
    /// # Panics
    /// Never: the key can be read.
    #[must_use]
    #[allow(clippy::expect_used, reason = "the key is a constant")]
    pub fn rsa(id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            pair: Pair::Rsa(RsaKeyPair::from_pkcs8(RSA).expect("a constant that can be read")),
        }
    }

    /// The same without an id.
    #[must_use]
    pub fn nameless(self) -> Self {
        Self { id: None, ..self }
    }

    /// The `alg` of its tokens.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ed25519(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    /// Its public half (RFC 7518 §6.3.1, RFC 8037 §2).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut key = match &self.pair {
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(pair.public_key())})
            }
            Pair::Rsa(pair) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public_key().into();
                json!({"kty": "RSA", "n": encoded(public.n), "e": encoded(public.e)})
            }
        };
        key["use"] = "sig".into();
        key["alg"] = self.algorithm().into();
        if let Some(id) = &self.id {
            key["kid"] = id.as_str().into();
        }
        key
    }

    /// A token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        let mut header = json!({"typ": "JWT", "alg": self.algorithm()});
        if let Some(id) = &self.id {
            header["kid"] = id.as_str().into();
        }
        self.token_with(&header, claims)
    }

    /// A token with any header.
    #[must_use]
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }

    /// The signature of any message.
    ///
    /// # Panics
    /// When the system has no randomness.
    #[must_use]
    #[allow(clippy::expect_used, reason = "a stand-in: nothing goes on without")]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("there is randomness");
                signature
            }
        }
    }
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

// === impl IdentityProvider ===

impl IdentityProvider {
    /// Starts it with these keys.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(keys: &[&SigningKey]) -> io::Result<Self> {
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(Mutex::new(State {
            document: document(keys),
            away: false,
            asked: 0,
        }));
        let serving = Arc::clone(&state);
        let server = Loopback::serve_http(listener, address, move |request: http::Request<Bytes>| {
            let mut state = lock(&serving);
            let answer = match request.uri().path() {
                "/keys" if state.away => {
                    state.asked += 1;
                    text(StatusCode::SERVICE_UNAVAILABLE, "away")
                }
                "/keys" => {
                    state.asked += 1;
                    json_response(StatusCode::OK, &state.document)
                }
                _ => text(StatusCode::NOT_FOUND, "not here"),
            };
            std::future::ready(answer)
        });
        Ok(Self { server, state })
    }

    /// Where its keys are.
    #[must_use]
    pub fn keys_url(&self) -> String {
        format!("{}/keys", self.server.http_url())
    }

    /// From now on it has these keys.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.lock().document = document(keys);
    }

    /// From now on it answers with errors, or with its keys again.
    pub fn away(&self, away: bool) {
        self.lock().away = away;
    }

    /// How often its keys were asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.lock().asked
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock()
}

fn document(keys: &[&SigningKey]) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
}
