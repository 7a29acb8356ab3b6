//! What an API key looks like. Only its SHA-256 is kept (see `watchbell_runtime::auth::hash_key`): a key is 256
//! random bits, so there is nothing to guess that a slower hash would protect.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchbell_domain::secret::Secret;
use zeroize::Zeroizing;

/// What every key starts with, so that a leaked one is recognised by scanners.
const PREFIX: &str = "wbk_";

/// A new key: `wbk_` and 32 random bytes in URL-safe base64.
pub(crate) fn generate() -> Secret {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&bytes[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognisable_and_never_the_same() {
        let key = generate();
        assert!(key.expose().starts_with(PREFIX));
        assert_eq!(key.expose().len(), PREFIX.len() + 43);
        assert_ne!(key, generate());
    }
}
