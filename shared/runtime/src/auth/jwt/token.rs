//! A parsed token (RFC 7515 §7.1, the compact form). Only the header fields for verifying the signature are read;
//! claims are available after verification only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use watchbell_model::json;

use super::TokenError;
use super::keys::{Algorithm, PublicKey};

/// Accepted types of tokens: JWT (RFC 7519 §5.1) and access token (RFC 9068 §2.1), or none.
const TYPES: [&str; 2] = ["JWT", "at+jwt"];

/// How deep headers and claims may nest.
const MAX_LEVELS: usize = 16;

/// A token with an unverified signature.
#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) algorithm: Algorithm,
    /// Id of the key that it names.
    pub(super) key_id: Option<String>,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

// === impl Token ===

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, TokenError> {
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header = object(&decoded(header)?)?;
        // Critical extensions must be understood (RFC 7515 §4.1.11), and none is.
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        let word = |name| match header.get(name) {
            None => Ok(None),
            Some(Value::String(word)) => Ok(Some(word.as_str())),
            Some(_) => Err(TokenError::Malformed),
        };
        if word("typ")?.is_some_and(|of| !is_taken(of)) {
            return Err(TokenError::Type);
        }
        let algorithm = word("alg")?
            .and_then(Algorithm::from_name)
            .ok_or(TokenError::Algorithm)?;
        Ok(Self {
            algorithm,
            key_id: word("kid")?.map(str::to_owned),
            signed,
            claims: decoded(claims)?,
            signature: decoded(signature)?,
        })
    }

    /// The claims, if the signature is valid for this key.
    pub(super) fn claims(&self, key: &PublicKey) -> Result<Map<String, Value>, TokenError> {
        if !key.has_signed(self.signed.as_bytes(), &self.signature) {
            return Err(TokenError::Signature);
        }
        object(&self.claims)
    }
}

/// Media types are compared without case, and their `application/` may be left out (RFC 7515 §4.1.9).
fn is_taken(of: &str) -> bool {
    let short = match of.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => of,
    };
    TYPES.iter().any(|taken| taken.eq_ignore_ascii_case(short))
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

fn object(json: &[u8]) -> Result<Map<String, Value>, TokenError> {
    let text = std::str::from_utf8(json).map_err(|_| TokenError::Malformed)?;
    match json::parse(text, MAX_LEVELS) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(TokenError::Malformed),
    }
}
