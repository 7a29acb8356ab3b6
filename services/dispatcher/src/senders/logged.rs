//! The headers of an attempt's request, as the delivery log keeps them.

/// Names and values, secrets masked, as the JSON text that is stored: an array of pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedHeaders(String);

/// What the headers of a webhook request take, in bytes.
const USUAL: usize = 512;

// === impl LoggedHeaders ===

impl LoggedHeaders {
    /// Room for the headers of one request.
    pub(crate) fn new() -> Self {
        let mut json = String::with_capacity(USUAL);
        json.push_str("[]");
        Self(json)
    }

    /// One more.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
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

    /// Names and values of what is stored.
    pub(crate) fn pairs(json: &str) -> Vec<(String, String)> {
        serde_json::from_str(json).unwrap_or_default()
    }
}

impl Default for LoggedHeaders {
    fn default() -> Self {
        Self("[]".to_owned())
    }
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
