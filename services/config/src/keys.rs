//! The form of API keys, and of the tokens of sessions that they make. Only its SHA-256 is kept (see `watchbell_runtime::auth::hash_key`): a key is 256
//! random bits, so there is nothing to guess that a slower hash would protect.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchbell_model::secret::Secret;
use zeroize::Zeroizing;

/// The prefix of keys, by which scanners recognise a leaked one.
const PREFIX: &str = "wbk_";

/// The prefix of sessions' tokens.
const SESSION_PREFIX: &str = "wbs_";

/// Of what follows it: 32 bytes in base64 without padding, or more.
const MIN_SECRET: usize = 43;

/// Whether an operator's own key has the form of one: `wbk_`, then at least 43 letters, digits, `-` or `_`.
#[must_use]
pub fn is_well_formed(key: &Secret) -> bool {
    let secret = key.expose().strip_prefix(PREFIX).unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    secret.len() >= MIN_SECRET && secret.bytes().all(allowed)
}

/// A new key: `wbk_` and 32 random bytes in URL-safe base64.
#[must_use]
pub fn generate() -> Secret {
    random(PREFIX)
}

/// A new token of a session: `wbs_` and as much.
pub(crate) fn generate_session() -> Secret {
    random(SESSION_PREFIX)
}

fn random(prefix: &str) -> Secret {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(&bytes[..])))
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
        assert!(is_well_formed(&key));
    }

    #[test]
    fn a_key_of_the_operators_own_is_as_long_as_others_and_fits_a_header() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(is_well_formed(&format!("wbk_{hex}").into()));
        for wrong in [
            "",
            "wbk_",
            "wbk_hunter2",
            &hex,
            &format!("wbk_{}", &hex[..42]),
            &format!("wbk_{hex}\n"),
            &format!("wbk_{hex}/+="),
            &format!("wbk_{hex}é"),
        ] {
            assert!(!is_well_formed(&wrong.into()), "{wrong}");
        }
    }
}
