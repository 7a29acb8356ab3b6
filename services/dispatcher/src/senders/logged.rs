//! The headers of an attempt's request, as the delivery log keeps and shows them.

use std::borrow::Cow;

use watchbell_model::header::is_plain_signature;

/// Names and values, secrets masked, as the JSON text that is stored: an array of pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedHeaders(String);

/// Visible characters of a signature: enough to compare two by eye, too few to replay the request.
const SIGNATURE_PREFIX: usize = 8;
/// Usual size of a webhook's headers, in bytes.
const USUAL: usize = 512;

// === impl LoggedHeaders ===

impl LoggedHeaders {
    /// Empty headers with capacity for one request.
    pub(crate) fn new() -> Self {
        let mut json = String::with_capacity(USUAL);
        json.push_str("[]");
        Self(json)
    }

    /// One more; of a signature only a prefix.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        let value = &masked(name, value);
        let json = &mut self.0;
        json.pop();
        json.push_str(if json.len() > 1 { ",[" } else { "[" });
        push_text(json, name);
        json.push(',');
        push_text(json, value);
        json.push_str("]]");
    }

    /// As it is stored.
    pub(crate) fn as_json(&self) -> &str {
        &self.0
    }

    /// Names and values from their stored form. Signatures that older versions stored in full are masked as well.
    pub(crate) fn pairs(json: &str) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> = serde_json::from_str(json).unwrap_or_default();
        for (name, value) in &mut pairs {
            if let Cow::Owned(masked) = masked(name, value) {
                *value = masked;
            }
        }
        pairs
    }
}

impl Default for LoggedHeaders {
    fn default() -> Self {
        Self("[]".to_owned())
    }
}

/// Masks a signature except for its beginning; other headers stay as they are.
fn masked<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if !name.eq_ignore_ascii_case("webhook-signature") && !is_plain_signature(name) {
        return Cow::Borrowed(value);
    }
    let mut shown = String::with_capacity(value.len());
    for (index, signature) in value.split(' ').enumerate() {
        let (version, signature) = match signature.find(',') {
            Some(comma) => signature.split_at(comma + 1),
            None => ("", signature),
        };
        if index > 0 {
            shown.push(' ');
        }
        shown.push_str(version);
        shown.extend(signature.chars().take_while(|c| *c != '…').take(SIGNATURE_PREFIX));
        shown.push('…');
    }
    Cow::Owned(shown)
}

/// Headers hardly ever have anything to escape.
fn push_text(json: &mut String, text: &str) {
    let escaped = |byte: u8| byte < 0x20 || matches!(byte, b'"' | b'\\');
    if text.bytes().any(escaped) {
        // Writing a text as JSON cannot fail.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_signatures_only_a_prefix_is_kept_and_shown() {
        let headers = [
            (
                "webhook-signature",
                "v1,KvBXTJ8BMx3P+sES8= v1a,AAAABBBBCCCC",
                "v1,KvBXTJ8B… v1a,AAAABBBB…",
            ),
            ("X-Acme-Signature", "28284f1a08ad8081ca27", "28284f1a…"),
            ("webhook-id", "evt-4711", "evt-4711"),
        ];
        let (mut logged, mut old) = (LoggedHeaders::new(), vec![]);
        for (name, value, _) in headers {
            logged.push(name, value);
            old.push((name, value));
        }
        let shown = headers.map(|(name, _, shown)| (name.to_owned(), shown.to_owned()));
        assert_eq!(logged.as_json(), serde_json::to_string(&shown).unwrap());
        for json in [logged.as_json(), &serde_json::to_string(&old).unwrap()] {
            assert_eq!(LoggedHeaders::pairs(json), shown, "rows of older versions, too");
        }
    }

    #[test]
    fn what_is_logged_reads_back() {
        let headers = [
            ("content-type", "application/json"),
            ("x-quoted", "a \"b\" \\ \u{1} ünïcode"),
            ("", ""),
        ];
        let mut logged = LoggedHeaders::new();
        assert_eq!(logged, LoggedHeaders::default());
        for (name, value) in headers {
            logged.push(name, value);
        }
        let pairs = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(LoggedHeaders::pairs(logged.as_json()), pairs);
        assert_eq!(logged.as_json(), serde_json::to_string(&pairs).unwrap());
    }
}
