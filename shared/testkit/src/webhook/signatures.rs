//! Both signatures of a webhook, verified as a receiver would, from the public descriptions alone.
//!
//! The plain one: lower-case hex of HMAC-SHA256 over the raw body, keyed with the secret's own bytes. Standard Webhooks:
//! `v1,` and base64 of HMAC-SHA256 over `{id}.{timestamp}.{body}`, keyed with what the secret's part after `whsec_`
//! decodes to. <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

/// What a signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// No secret is known here, so nothing was checked.
    #[default]
    Unchecked,
    /// The header is missing.
    Absent,
    /// At least one signature is right for one of the secrets.
    Valid,
    /// There are signatures, none of them right.
    Invalid,
}

/// What both signatures of a request say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signatures {
    /// `X-<Brand>-Signature`.
    pub brand: Check,
    /// `webhook-signature` with `webhook-id` and `webhook-timestamp`.
    pub standard: Check,
}

impl Signatures {
    /// Whether both are right.
    #[must_use]
    pub fn both_valid(&self) -> bool {
        self.brand == Check::Valid && self.standard == Check::Valid
    }
}

pub(super) fn verify(secrets: &[String], brand_header: &str, headers: &HeaderMap, body: &[u8]) -> Signatures {
    if secrets.is_empty() {
        return Signatures::default();
    }
    Signatures {
        brand: verify_brand(secrets, brand_header, headers, body),
        standard: verify_standard(secrets, headers, body),
    }
}

fn verify_brand(secrets: &[String], name: &str, headers: &HeaderMap, body: &[u8]) -> Check {
    let expected: Vec<String> = secrets
        .iter()
        .filter_map(|secret| mac(secret.as_bytes(), &[body]))
        .map(hex::encode)
        .collect();
    // The documents compare the whole header with one signature.
    judge(values(headers, name), &expected)
}

fn verify_standard(secrets: &[String], headers: &HeaderMap, body: &[u8]) -> Check {
    let one = |name| values(headers, name).next();
    let (Some(id), Some(timestamp)) = (one("webhook-id"), one("webhook-timestamp")) else {
        return Check::Absent;
    };
    if timestamp.parse::<i64>().is_err() {
        return Check::Invalid;
    }
    let expected: Vec<String> = secrets
        .iter()
        .filter_map(|secret| {
            STANDARD
                .decode(secret.strip_prefix("whsec_").unwrap_or(secret))
                .ok()
        })
        .filter_map(|key| mac(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body]))
        .map(|tag| format!("v1,{}", STANDARD.encode(tag)))
        .collect();
    judge(
        values(headers, "webhook-signature").flat_map(|value| value.split(' ')),
        &expected,
    )
}

fn judge<'a>(given: impl Iterator<Item = &'a str>, expected: &[String]) -> Check {
    let mut verdict = Check::Absent;
    for signature in given.filter(|signature| !signature.is_empty()) {
        if expected.iter().any(|right| right == signature) {
            return Check::Valid;
        }
        verdict = Check::Invalid;
    }
    verdict
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the Standard Webhooks libraries ship.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_published_example_of_standard_webhooks_verifies() {
        let mut given = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,bm9ldHU5ZWxxbnFk v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ]);
        let secrets = [SECRET.to_owned()];
        assert_eq!(
            verify(&secrets, "x-brand-signature", &given, BODY).standard,
            Check::Valid
        );
        assert_eq!(
            verify(&secrets, "x-brand-signature", &given, b"{}").standard,
            Check::Invalid
        );
        given.remove("webhook-id");
        assert_eq!(
            verify(&secrets, "x-brand-signature", &given, BODY).standard,
            Check::Absent
        );
    }

    #[test]
    fn the_plain_signature_is_keyed_with_the_text_of_the_secret() {
        // RFC 4231's second case: key "Jefe".
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let given = headers(&[("x-brand-signature", tag)]);
        let body = b"what do ya want for nothing?";
        let check = |secret: &str| verify(&[secret.to_owned()], "X-Brand-Signature", &given, body).brand;
        assert_eq!(check("Jefe"), Check::Valid);
        assert_eq!(check("jefe"), Check::Invalid);
        assert_eq!(
            verify(&[], "X-Brand-Signature", &given, body).brand,
            Check::Unchecked
        );
    }
}
