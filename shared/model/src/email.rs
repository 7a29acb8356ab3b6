//! An email address that is safe to put into a header and a `RCPT TO`: one mailbox, no display name, no quoting, no
//! control characters. The domain is kept in lower case and in ASCII; whether the mailbox exists is not asked.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::violation::{Violations, reason};

/// One mailbox, `someone@example.com`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address like someone@example.com")]
pub struct InvalidEmailAddress;

/// RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_LEN: usize = 64;
/// RFC 5321 §4.5.3.1.3, without the angle brackets.
const MAX_LEN: usize = 254;

// === impl EmailAddress ===

impl EmailAddress {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What comes after the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit('@').next().unwrap_or_default()
    }

    /// For comparing without regard to case, as people expect of a mailbox.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// For showing to somebody who need not know it in full: `s***@example.com`.
    #[must_use]
    pub fn masked(&self) -> String {
        let first = self.0.chars().next().unwrap_or('*');
        format!("{first}***@{}", self.domain())
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmailAddress)?;
        // A dot-atom of RFC 5322 §3.2.3.
        let is_atom = |atom: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
            !atom.is_empty() && atom.bytes().all(allowed)
        };
        if local.len() > MAX_LOCAL_LEN || !local.split('.').all(is_atom) {
            return Err(InvalidEmailAddress);
        }
        let domain = match url::Host::parse(domain) {
            Ok(url::Host::Domain(domain)) if is_domain(&domain) => domain,
            _ => return Err(InvalidEmailAddress),
        };
        let address = format!("{local}@{domain}");
        if address.len() > MAX_LEN {
            Err(InvalidEmailAddress)
        } else {
            Ok(Self(address))
        }
    }
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    domain.split('.').all(is_label)
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmailAddress;

    fn try_from(text: String) -> Result<Self, InvalidEmailAddress> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a list of at most `limit` addresses, each once.
pub fn list(texts: &[String], field: &str, limit: usize, violations: &mut Violations) -> Vec<EmailAddress> {
    if texts.len() > limit {
        violations.add(
            field,
            reason::TOO_LONG,
            format!("must have at most {limit} addresses"),
        );
    }
    let mut seen = HashSet::new();
    let mut addresses = Vec::new();
    for (index, text) in texts.iter().take(limit).enumerate() {
        let at = format!("{field}[{index}]");
        if text.trim().is_empty() {
            violations.required(at);
        } else if let Some(address) = violations.parse::<EmailAddress>(&at, reason::MALFORMED, text) {
            if seen.insert(address.key()) {
                addresses.push(address);
            } else {
                violations.add(at, reason::DUPLICATE, "is given twice");
            }
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_addresses_are_taken_and_their_domain_is_lowered() {
        for (text, kept) in [
            ("ann@example.com", "ann@example.com"),
            (" Ann.Lee+x@Example.COM ", "Ann.Lee+x@example.com"),
            ("o'hara@localhost", "o'hara@localhost"),
            ("jo@münchen.de", "jo@xn--mnchen-3ya.de"),
        ] {
            assert_eq!(text.parse::<EmailAddress>().unwrap().as_str(), kept);
        }
        assert_eq!(
            "ann@example.com".parse::<EmailAddress>().unwrap().masked(),
            "a***@example.com"
        );
    }

    #[test]
    fn what_could_break_a_header_or_a_mailbox_is_refused() {
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example.com\r\nBcc: eve@example.com",
            "ann@exa mple.com",
            "ann..lee@example.com",
            ".ann@example.com",
            "\"ann lee\"@example.com",
            "Ann <ann@example.com>",
            "ann@[127.0.0.1]",
            "ann@127.0.0.1",
            "ann@-x.com",
            "ann@x..com",
            "a@b@c.com",
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress), "{text}");
        }
    }
}
