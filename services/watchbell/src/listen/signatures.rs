//! Whether a request is one that Watchbell signed.

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use watchbell_model::signature::{SigningSecret, verifies};

/// How far a signature's time may be from now (Standard Webhooks).
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What is known of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No secret was given.
    Unchecked,
    /// It is the signature of one of the secrets.
    Verified,
    /// It is none, and why.
    Wrong(&'static str),
}

/// Verifies a request by Standard Webhooks 1.0.
pub(super) fn verify(
    secrets: &[SigningSecret],
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Verdict {
    if secrets.is_empty() {
        return Verdict::Unchecked;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (Some(id), Some(time), Some(signatures)) = (
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
    ) else {
        return Verdict::Wrong("it is not signed");
    };
    let Some(seconds) = time.parse::<i64>().ok() else {
        return Verdict::Wrong("webhook-timestamp is no number of seconds");
    };
    if !secrets
        .iter()
        .any(|secret| verifies(secret, id, seconds, body, signatures))
    {
        return Verdict::Wrong("the signature is not made with this secret, or the body was changed");
    }
    match DateTime::from_timestamp(seconds, 0).map(|at| now - at) {
        Some(age) if age > TOLERANCE => {
            Verdict::Wrong("the signature is more than 5 minutes old: a replay, or a wrong clock")
        }
        Some(age) if age < -TOLERANCE => Verdict::Wrong("the signature is from the future: a wrong clock"),
        Some(_) => Verdict::Verified,
        None => Verdict::Wrong("webhook-timestamp is no time"),
    }
}

#[cfg(test)]
mod tests {
    use watchbell_model::signature::standard_signatures;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_251_603, 0).unwrap()
    }

    fn secret(text: &str) -> SigningSecret {
        SigningSecret::parse(text.into()).unwrap()
    }

    fn signed(at: DateTime<Utc>, by: &[&str]) -> HeaderMap {
        let secrets: Vec<_> = by.iter().map(|text| secret(text)).collect();
        let signatures = standard_signatures(&secrets, "evt-1", at.timestamp(), b"{}");
        let headers = [
            ("webhook-id", "evt-1".to_owned()),
            ("webhook-timestamp", at.timestamp().to_string()),
            ("webhook-signature", signatures),
        ];
        headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn verdict(headers: &HeaderMap) -> Verdict {
        verify(&[secret("the-secret")], headers, b"{}", now())
    }

    #[test]
    fn a_signature_of_one_of_the_secrets_verifies() {
        assert_eq!(verdict(&signed(now(), &["the-secret"])), Verdict::Verified);
        assert_eq!(
            verdict(&signed(now(), &["a-new-secret", "the-secret"])),
            Verdict::Verified
        );
        let whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let headers = signed(now(), &[whsec]);
        assert_eq!(
            verify(&[secret(whsec)], &headers, b"{}", now()),
            Verdict::Verified
        );
        assert_eq!(verify(&[], &headers, b"{}", now()), Verdict::Unchecked);
    }

    #[test]
    fn what_does_not_verify_says_why() {
        let minutes = TimeDelta::minutes;
        let mut unsigned = signed(now(), &["the-secret"]);
        unsigned.remove("webhook-signature");
        let mut no_time = signed(now(), &["the-secret"]);
        no_time.insert("webhook-timestamp", "soon".parse().unwrap());
        for (headers, why) in [
            (signed(now(), &["another-secret"]), "not made with this secret"),
            (unsigned, "not signed"),
            (no_time, "no number"),
            (
                signed(now() - minutes(6), &["the-secret"]),
                "more than 5 minutes old",
            ),
            (signed(now() + minutes(6), &["the-secret"]), "future"),
        ] {
            let Verdict::Wrong(said) = verdict(&headers) else {
                panic!("{why}");
            };
            assert!(said.contains(why), "{said}");
        }
        let headers = signed(now(), &["the-secret"]);
        let changed = verify(&[secret("the-secret")], &headers, b"{ }", now());
        assert!(matches!(changed, Verdict::Wrong(_)));
    }
}
