//! HTTP headers that a team cannot set on its webhook requests. One list: a channel that names one is refused when it is
//! saved, and the sender and the HTTP client leave one out that came all the same.

/// Headers that frame the message or belong to the connection (RFC 9110 §7.6.1, RFC 9112 §6): with one of these a caller
/// could smuggle a second request.
const CONNECTION: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that Watchbell sets itself, apart from the signatures.
const OURS: [&str; 5] = [
    "content-encoding",
    "content-type",
    "traceparent",
    "tracestate",
    "user-agent",
];

/// Whether the header frames the message or belongs to the connection. Case does not matter.
#[must_use]
pub fn is_of_connection(name: &str) -> bool {
    CONNECTION
        .iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// Whether the header is Watchbell's own to set: those of the connection, of the message, of Standard Webhooks and
/// CloudEvents, and `X-<Brand>-Signature` whatever the brand is today. Case does not matter.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    is_of_connection(&lower)
        || OURS.contains(&lower.as_str())
        || lower.starts_with("webhook-")
        || lower.starts_with("ce-")
        || is_plain_signature(&lower)
}

/// Whether a header is named as the plain signature is: `X-<Brand>-Signature`. Case does not matter.
#[must_use]
pub fn is_plain_signature(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.starts_with("x-") && lower.ends_with("-signature")
}

/// Whether a text is a token, of which header names are made (RFC 9110 §5.6.2).
#[must_use]
pub fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_or_the_connections_is_reserved_in_any_case() {
        for name in [
            "User-Agent",
            "Proxy-Authorization",
            "TE",
            "host",
            "Content-Type",
            "Webhook-Id",
            "ce-id",
            "X-Watchbell-Signature",
            "x-other-SIGNATURE",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        for name in ["Authorization", "X-Token", "Accept", "X-Signature-Of", "Cookie"] {
            assert!(!is_reserved(name), "{name}");
        }
    }
}
