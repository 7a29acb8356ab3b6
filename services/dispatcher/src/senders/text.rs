//! Small words on text that all messages share: cutting, cleaning and naming. Event text is hostile until proven
//! otherwise, so everything that is shown passes through [`line`] first.

use watchbell_model::Severity;
use watchbell_model::text::reorders;
pub(crate) use watchbell_model::text::{cut, line, time_text};

/// `finding_id` as people write it: `Finding ID`; `scan.failed`: `Scan failed`.
pub(crate) fn humanise(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut previous = ' ';
    for c in name.chars().filter(|c| !c.is_control() && !reorders(*c)).take(80) {
        let starts_word = previous == ' ' || (c.is_uppercase() && previous.is_lowercase());
        if matches!(c, '_' | '-' | '.' | ' ') {
            previous = ' ';
            continue;
        }
        match words.last_mut() {
            Some(word) if !starts_word => word.push(c),
            _ => words.push(c.to_string()),
        }
        previous = c;
    }
    let mut text = String::new();
    for word in words {
        let lower = word.to_lowercase();
        let mut letters = lower.chars();
        if !text.is_empty() {
            text.push(' ');
        }
        if ABBREVIATIONS.contains(&lower.as_str()) {
            text.push_str(&lower.to_uppercase());
        } else if let (true, Some(first)) = (text.is_empty(), letters.next()) {
            text.extend(first.to_uppercase());
            text.push_str(letters.as_str());
        } else {
            text.push_str(&lower);
        }
    }
    text
}

const ABBREVIATIONS: &[&str] = &[
    "api", "arn", "aws", "cidr", "cpu", "cve", "cvss", "cwe", "dns", "gcp", "http", "https", "iam", "id",
    "ip", "kms", "mfa", "os", "pr", "s3", "sha256", "sla", "sql", "ssh", "sso", "tls", "uri", "url", "utc",
    "vm", "vpc",
];

/// The severity's colour, legible on white and on black.
pub(crate) fn severity_color(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "#d1242f",
        Severity::High => "#d9480f",
        Severity::Medium => "#b08800",
        Severity::Low => "#1f6feb",
        Severity::Info => "#6e7781",
    }
}

/// The ground of a severity's word in white, which is read at a contrast of 4.5 or more (WCAG 2.2, 1.4.3).
pub(crate) fn severity_ground(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "#c2410c",
        Severity::Medium => "#8a6a00",
        Severity::Critical | Severity::Low | Severity::Info => severity_color(severity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, words) in [
            ("finding_id", "Finding ID"),
            ("scan.failed", "Scan failed"),
            ("cvssScore", "CVSS score"),
            ("cvss_score", "CVSS score"),
            ("credits-remaining", "Credits remaining"),
            ("owner\u{202e}_id\u{2066}", "Owner ID"),
            ("", ""),
            ("__", ""),
        ] {
            assert_eq!(humanise(name), words, "{name}");
        }
    }
}
