//! A set of public keys (JWKS, RFC 7517 §5), and the key for a token. Unusable keys are ignored, as the RFC asks;
//! each remaining key determines its algorithm, so that no token can use it with another.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::TokenError;

/// The lengths of RSA keys that are taken, in bits: shorter ones are weak, longer ones cost time.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Ed25519 (RFC 8037 §3.1).
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
}

/// A key that signatures are checked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Ed25519(Vec<u8>),
    /// Modulus and exponent, most significant byte first.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

/// The keys of an identity provider.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeySet {
    keys: Vec<(Option<String>, PublicKey)>,
    /// How many were of no use.
    pub(super) left_out: usize,
}

/// An invalid key set.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object with a list of `keys`")]
pub(super) struct NoKeySet;

/// The members of a key that mean something here (RFC 7517 §4, RFC 7518 §6.3.1, RFC 8037 §2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

// === impl Algorithm ===

impl Algorithm {
    /// By its name in a header or in a key.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "EdDSA" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

// === impl PublicKey ===

impl PublicKey {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// Whether the signature of this message was made with its private half.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        }
        .is_ok()
    }
}

// === impl KeySet ===

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// When it is none. One without a key that is of use is no error: a provider may take all of its keys back.
    pub(super) fn parse(json: &[u8]) -> Result<Self, NoKeySet> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let document: Document<'_> = serde_json::from_slice(json).map_err(|_| NoKeySet)?;
        let mut set = Self::default();
        for key in document.keys {
            match serde_json::from_str(key.get()).ok().and_then(Jwk::usable) {
                Some(key) => set.keys.push(key),
                None => set.left_out += 1,
            }
        }
        Ok(set)
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The one key that a token may be checked by. A token that names no key does not choose among several.
    pub(super) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Result<&PublicKey, TokenError> {
        let mut fitting = self.keys.iter().filter(|(its_id, key)| {
            key.algorithm() == algorithm && id.is_none_or(|id| its_id.as_deref() == Some(id))
        });
        match (fitting.next(), fitting.next()) {
            (Some((_, key)), None) => Ok(key),
            (None, _) => Err(TokenError::NoKey),
            (Some(_), Some(_)) => Err(TokenError::WhichKey),
        }
    }
}

impl fmt::Display for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys, {} more of no use here", self.len(), self.left_out)
    }
}

// === impl Jwk ===

impl Jwk {
    /// With its id, when it is a key of ours that may check signatures.
    fn usable(self) -> Option<(Option<String>, PublicKey)> {
        let checks = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !checks {
            return None;
        }
        let key = match self.kty.as_str() {
            "OKP" if self.crv.as_deref() == Some("Ed25519") => {
                let x = decoded(self.x.as_deref()?)?;
                (x.len() == ring::signature::ED25519_PUBLIC_KEY_LEN).then_some(PublicKey::Ed25519(x))?
            }
            "RSA" => {
                let (n, e) = (number(self.n.as_deref()?)?, number(self.e.as_deref()?)?);
                RSA_BITS.contains(&bits(&n)).then_some(PublicKey::Rsa { n, e })?
            }
            _ => return None,
        };
        let for_it = |name| Algorithm::from_name(name) == Some(key.algorithm());
        self.alg.as_deref().is_none_or(for_it).then_some((self.kid, key))
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A number, most significant byte first. Some providers add a leading zero, although RFC 7518 §6.3.1.1 forbids it.
fn number(text: &str) -> Option<Vec<u8>> {
    let mut number = decoded(text)?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    Some(number)
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros() as usize);
    number.len() * 8 - unused
}
