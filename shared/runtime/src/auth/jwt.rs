//! Tokens of signed-in users (JWT, RFC 7519), issued by the platform's identity provider and verified with the keys
//! that it publishes (RFC 7517): EdDSA with Ed25519 (RFC 8037) or RS256, and nothing else. As RFC 8725 advises, the
//! key determines the algorithm, issuer and audience must match, and keys inside a token are ignored.

mod claims;
mod jwks;
mod keys;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;

use async_trait::async_trait;
use watchbell_model::clock::SharedClock;

pub use jwks::{FETCH_TIMEOUT, JwksRefresher, KeyFile, KeySource, MAX_KEY_SET};

use self::claims::Rules;
use self::jwks::JwksCache;
use self::token::Token;
use super::{Grant, MemberVerifier};
use crate::problem::{Problem, reason};
use crate::settings::JwtSettings;

/// Checks tokens by the keys of one identity provider.
pub struct MemberTokens {
    rules: Rules,
    jwks: Arc<JwksCache>,
    clock: SharedClock,
}

/// Why a token is refused. The log is told at `debug`; callers only hear that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum TokenError {
    #[error("it is no signed token in the compact form")]
    Malformed,
    #[error("its `typ` says that it is something else")]
    Type,
    #[error("its `alg` is neither EdDSA nor RS256")]
    Algorithm,
    #[error("its `crit` asks for what is not understood here")]
    Critical,
    #[error("no key has its `kid` and is for its `alg`")]
    NoKey,
    #[error("several keys may be meant, and it does not say which")]
    WhichKey,
    #[error("its signature is not of that key")]
    Signature,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    TooEarly,
    /// By its own name, or by that of the setting that names it.
    #[error("its {0} is missing, or not what it must be")]
    Claim(&'static str),
}

// === impl MemberTokens ===

impl MemberTokens {
    /// Tokens that `settings` describe, by the keys of `source`. No key is known before [`JwksRefresher`] runs.
    pub fn new(settings: &JwtSettings, source: Arc<dyn KeySource>, clock: SharedClock) -> Self {
        Self {
            rules: Rules::new(settings),
            jwks: Arc::new(JwksCache::new(source, clock.clone())),
            clock,
        }
    }

    /// The loop that reads the keys.
    #[must_use]
    pub fn jwks_refresher(&self) -> JwksRefresher {
        JwksRefresher::new(Arc::clone(&self.jwks))
    }

    /// Whose token it is, or why it is refused.
    async fn judge(&self, token: &str) -> Result<Result<Grant, TokenError>, Problem> {
        let token = match Token::parse(token) {
            Ok(token) => token,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let key = self.jwks.key(&token).await?;
        let claims = key.and_then(|key| token.claims(&key));
        Ok(claims.and_then(|claims| self.rules.judge(&claims, self.clock.now())))
    }
}

#[async_trait]
impl MemberVerifier for MemberTokens {
    async fn verify(&self, token: &str) -> Result<Grant, Problem> {
        self.judge(token).await?.map_err(|why| {
            tracing::debug!(%why, "a member's token is refused");
            Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            }
        })
    }
}
