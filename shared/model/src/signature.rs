//! How a webhook proves where it comes from. Two schemes sign the same body: the plain one (`X-<Brand>-Signature`,
//! hex of HMAC-SHA256 over the raw body, keyed with the secret's own bytes) and Standard Webhooks 1.0 (`webhook-signature`,
//! over `{id}.{timestamp}.{body}`, keyed with the decoded part after `whsec_`). During a rotation every live secret signs.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::violation::{Violations, reason};

/// How many random bytes [`SigningSecret::generate`] takes.
pub const GENERATED_BYTES: usize = 32;
/// What a Standard Webhooks secret starts with.
const PREFIX: &str = "whsec_";
/// How many bytes a Standard Webhooks secret has after its prefix, by that specification.
const STANDARD_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// People paste secrets with and without padding. The bits that pad the last letter mean nothing to most decoders, those of
/// Python, Node, Go and Java among them, so a secret that works there works here.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A secret that can sign: `whsec_` and base64, or a text that the user chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret(Secret);

// === impl SigningSecret ===

impl SigningSecret {
    /// Checks a secret that a user gave: 8 to 256 visible ASCII characters, and base64 of 24 to 64 bytes after `whsec_` if
    /// it starts so. The path is empty: nest it under the field's name.
    pub fn parse(secret: Secret) -> Result<Self, Violations> {
        let text = secret.expose();
        if !(8..=256).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Violations::one(
                "",
                reason::MALFORMED,
                "must have 8 to 256 visible ASCII characters",
            ));
        }
        if text.starts_with(PREFIX)
            && !decoded(text).is_some_and(|bytes| STANDARD_BYTES.contains(&bytes.len()))
        {
            return Err(Violations::one(
                "",
                reason::MALFORMED,
                "must be base64 of 24 to 64 bytes after `whsec_`",
            ));
        }
        Ok(Self(secret))
    }

    /// A secret that was taken before. It signs by whatever rules it was taken.
    #[must_use]
    pub const fn stored(secret: Secret) -> Self {
        Self(secret)
    }

    /// A new secret of these random bytes.
    #[must_use]
    pub fn generate(random: [u8; GENERATED_BYTES]) -> Self {
        let random = Zeroizing::new(random);
        Self(Secret::new(format!(
            "{PREFIX}{}",
            BASE64_STANDARD.encode(*random)
        )))
    }

    /// The text, to show once and to keep sealed.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The key of the Standard Webhooks scheme.
    fn standard_key(&self) -> Zeroizing<Vec<u8>> {
        let text = self.0.expose();
        decoded(text).unwrap_or_else(|| Zeroizing::new(text.as_bytes().to_vec()))
    }
}

fn decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(LENIENT.decode(text.strip_prefix(PREFIX)?).ok()?);
    (!bytes.is_empty()).then_some(bytes)
}

/// The value of `X-<Brand>-Signature`: lower-case hex. One secret's alone, since receivers compare the whole header.
#[must_use]
pub fn plain_signature(secret: &SigningSecret, body: &[u8]) -> String {
    hex::encode(mac(secret.0.expose().as_bytes(), &[body]))
}

/// The value of `webhook-signature`: `v1,` and base64 for each secret, separated by spaces. `timestamp` is in seconds since
/// 1970 and is the one that `webhook-timestamp` says.
#[must_use]
pub fn standard_signatures(secrets: &[SigningSecret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let head = format!("{id}.{timestamp}.");
    let sign = |secret: &SigningSecret| {
        let signature = mac(&secret.standard_key(), &[head.as_bytes(), body]);
        format!("v1,{}", BASE64_STANDARD.encode(signature))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// Whether one of the `webhook-signature`s is the secret's. Takes as long for a wrong one as for another.
#[must_use]
pub fn verifies(secret: &SigningSecret, id: &str, timestamp: i64, body: &[u8], signatures: &str) -> bool {
    let head = format!("{id}.{timestamp}.");
    let given = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let mut given = given.filter_map(|one| BASE64_STANDARD.decode(one).ok());
    given.any(|signature| {
        let parts = [head.as_bytes(), body];
        keyed(&secret.standard_key(), &parts)
            .verify_slice(&signature)
            .is_ok()
    })
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    keyed(key, parts).finalize().into_bytes().into()
}

fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(Secret::new(text)).unwrap()
    }

    #[test]
    fn the_standard_scheme_gives_the_reference_vector() {
        // From the reference libraries of Standard Webhooks.
        let signatures = standard_signatures(
            &[secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signatures, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_signature_verifies_by_its_secret_and_over_what_it_signed_alone() {
        let (ours, others) = (secret("new-secret"), secret("old-secret"));
        let signatures = standard_signatures(&[others, ours.clone()], "evt_1", 7, b"{}");
        assert!(verifies(&ours, "evt_1", 7, b"{}", &signatures));
        assert!(!verifies(&secret("no-secret"), "evt_1", 7, b"{}", &signatures));
        assert!(!verifies(&ours, "evt_2", 7, b"{}", &signatures));
        assert!(!verifies(&ours, "evt_1", 8, b"{}", &signatures));
        assert!(!verifies(&ours, "evt_1", 7, b"{ }", &signatures));
        for broken in ["", "v1,", "v1,AAAA", "v1a,AAAA", "nonsense"] {
            assert!(!verifies(&ours, "evt_1", 7, b"{}", broken), "{broken}");
        }
    }

    #[test]
    fn the_plain_scheme_is_hmac_sha256_of_the_body_in_lower_case_hex() {
        // `hmac.new(b"whsec_c2VjcmV0", b'{"a":1}', sha256).hexdigest()`: the whole text is the key, prefix included.
        assert_eq!(
            plain_signature(&SigningSecret::stored("whsec_c2VjcmV0".into()), br#"{"a":1}"#),
            "28fdc14c87a73d987934817247894b8ad07ef650fe85604f8aa9c9dec32c936d"
        );
    }

    #[test]
    fn a_text_of_the_users_own_is_keyed_by_its_bytes_in_both() {
        // Both computed with Python's `hmac`.
        let own = [secret("correct-horse!")];
        assert_eq!(
            standard_signatures(&own, "evt_1", 1_700_000_000, b"{}"),
            "v1,WTvLzMmkvfwFIydZmPOQbBEu1yHK3/yPGcZPuyWm2ZA="
        );
        assert_eq!(
            plain_signature(&own[0], b"{}"),
            "c39b5f02f2a7ada244d640f9de0a4600a52db9ca01078204c052cf739de063a3"
        );
    }

    #[test]
    fn every_live_secret_signs_during_a_rotation() {
        let (new, old) = (secret("new-secret"), secret("old-secret"));
        let both = standard_signatures(&[new.clone(), old.clone()], "evt_1", 7, b"{}");
        let alone = [
            standard_signatures(&[new], "evt_1", 7, b"{}"),
            standard_signatures(&[old], "evt_1", 7, b"{}"),
        ];
        assert_eq!(both.split(' ').collect::<Vec<_>>(), alone);
    }

    #[test]
    fn a_generated_secret_is_one_that_can_be_parsed_and_carries_all_its_bytes() {
        let generated = SigningSecret::generate([0xfe; GENERATED_BYTES]);
        assert_eq!(
            SigningSecret::parse(generated.secret().clone()).unwrap(),
            generated
        );
        assert_eq!(generated.standard_key().as_slice(), &[0xfe; GENERATED_BYTES]);
    }

    #[test]
    fn a_secret_that_cannot_be_a_key_is_refused() {
        for text in [
            "",
            "short",
            "whsec_",
            "whsec_====",
            "whsec_not base64",
            "whsec_n#t-b64",
            "whsec_AQ==",
            "with space",
        ] {
            assert!(SigningSecret::parse(Secret::new(text)).is_err(), "{text}");
        }
        assert!(SigningSecret::parse(Secret::new("x".repeat(257))).is_err());
        for (bytes, taken) in [(23, false), (24, true), (64, true), (65, false)] {
            let text = format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
            assert_eq!(SigningSecret::parse(Secret::new(text)).is_ok(), taken, "{bytes}");
        }
    }

    #[test]
    fn padding_and_the_bits_of_padding_mean_nothing() {
        // 25 bytes: the last letter of the first two carries bits of padding that are not zero.
        let bytes = [b"whsec_".as_slice(), &[b'A'; 32], b"Af"].concat();
        let text = String::from_utf8(bytes).unwrap();
        for same in [text.clone(), format!("{text}=="), text.replace("Af", "AQ")] {
            assert_eq!(
                *secret(&same).standard_key(),
                [&[0; 24][..], &[1]].concat(),
                "{same}"
            );
        }
    }

    #[test]
    fn a_secret_that_was_taken_before_still_signs() {
        let stored = SigningSecret::stored("whsec_AQ==".into());
        assert_eq!(*stored.standard_key(), [1]);
    }
}
