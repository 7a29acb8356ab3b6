//! Under which name Watchbell speaks: configuration of the whole installation, the same for every team.
//! The name also makes two identifiers that others see, the signature header and the Slack channel.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::violation::{Violations, reason};
use crate::vocabulary::Severity;

/// Name, colours and addresses of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brand {
    /// The name that people read, `Watchbell`.
    pub name: String,
    /// `#rrggbb`, used for buttons and headings.
    pub primary_color: String,
    /// A logo for emails, https.
    pub logo_url: Option<Url>,
    /// The sender of the platform's emails.
    pub from_address: String,
    /// Where browsers reach the Edge; links in emails start with it, and by itself it leads to the console, or to a page that
    /// explains. While it is the default, messages carry no link to acknowledge an alert.
    pub public_url: Url,
    /// What people read for the severity MEDIUM: `Medium`, or `Moderate` where the platform says that.
    pub medium_word: String,
}

// === impl Brand ===

impl Brand {
    /// The header that carries the plain signature: `X-Watchbell-Signature`. Characters that a header name cannot
    /// have are left out of the brand's name.
    #[must_use]
    pub fn signature_header(&self) -> String {
        format!("X-{}-Signature", self.letters())
    }

    /// The Slack channel proposed as a default: `#watchbell-alerts`.
    #[must_use]
    pub fn default_slack_channel(&self) -> String {
        format!("#{}-alerts", self.letters().to_ascii_lowercase())
    }

    /// A severity as people read it.
    #[must_use]
    pub fn severity_word(&self, severity: Severity) -> &str {
        match severity {
            Severity::Critical => "Critical",
            Severity::High => "High",
            Severity::Medium => &self.medium_word,
            Severity::Low => "Low",
            Severity::Info => "Info",
        }
    }

    /// The source of its own notices: `watchbell`.
    #[must_use]
    pub fn source(&self) -> String {
        self.letters().to_ascii_lowercase()
    }

    /// Where links of messages lead, without a slash at the end. `None` while no address is configured: the default is
    /// reached from this machine only.
    #[must_use]
    pub fn link_base(&self) -> Option<&str> {
        let is_configured = self.public_url != Self::default().public_url;
        is_configured.then(|| self.public_url.as_str().trim_end_matches('/'))
    }

    /// Whether everything can be used as configured; paths start at `brand`.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        violations.limit_chars("brand.name", &self.name, 64);
        if self.letters().is_empty() {
            violations.add(
                "brand.name",
                reason::MALFORMED,
                "must have at least one ASCII letter or digit",
            );
        }
        let color = self.primary_color.strip_prefix('#').unwrap_or_default();
        if color.len() != 6 || !color.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            violations.add("brand.primary_color", reason::MALFORMED, "must look like #1f6feb");
        }
        if self.logo_url.as_ref().is_some_and(|url| url.scheme() != "https") {
            violations.add("brand.logo_url", reason::MALFORMED, "must be an https URL");
        }
        if !matches!(self.public_url.scheme(), "http" | "https") {
            violations.add(
                "brand.public_url",
                reason::MALFORMED,
                "must be an http or https URL",
            );
        }
        if !self.from_address.contains('@') {
            violations.add(
                "brand.from_address",
                reason::MALFORMED,
                "must be an email address",
            );
        }
        let is_word = self.medium_word.chars().all(char::is_alphabetic);
        if self.medium_word.is_empty() || !is_word || self.medium_word.chars().count() > 20 {
            violations.add(
                "brand.medium_word",
                reason::MALFORMED,
                "must be a word like Moderate",
            );
        }
        violations.into_result(())
    }

    fn letters(&self) -> String {
        self.name.chars().filter(char::is_ascii_alphanumeric).collect()
    }
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            name: "Watchbell".to_owned(),
            primary_color: "#1f6feb".to_owned(),
            logo_url: None,
            from_address: "watchbell@localhost".to_owned(),
            #[allow(clippy::unwrap_used, reason = "a constant, parsed by a test")]
            public_url: Url::parse("http://localhost:7700").unwrap(),
            medium_word: "Medium".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_messages_need_an_address_that_was_configured() {
        assert_eq!(Brand::default().link_base(), None);
        let brand = Brand {
            public_url: "https://bell.example.com/w/".parse().unwrap(),
            ..Brand::default()
        };
        assert_eq!(brand.link_base(), Some("https://bell.example.com/w"));
    }

    #[test]
    fn the_name_makes_the_header_and_the_channel() {
        let brand = Brand::default();
        assert_eq!(brand.signature_header(), "X-Watchbell-Signature");
        assert_eq!(brand.default_slack_channel(), "#watchbell-alerts");
        let brand = Brand {
            name: "QorTrace".to_owned(),
            ..brand
        };
        assert_eq!(brand.signature_header(), "X-QorTrace-Signature");
        assert_eq!(brand.default_slack_channel(), "#qortrace-alerts");
        assert_eq!(brand.source(), "qortrace");
        let brand = Brand {
            name: "Ünder the Bell!".to_owned(),
            ..brand
        };
        assert_eq!(brand.signature_header(), "X-ndertheBell-Signature");
    }

    #[test]
    fn medium_is_said_as_the_platform_says_it() {
        let brand = Brand {
            medium_word: "Moderate".to_owned(),
            ..Brand::default()
        };
        assert_eq!(brand.check(), Ok(()));
        assert_eq!(brand.severity_word(Severity::Medium), "Moderate");
        assert_eq!(brand.severity_word(Severity::High), "High");
        assert_eq!(Brand::default().severity_word(Severity::Medium), "Medium");
    }

    #[test]
    fn the_default_brand_is_usable_and_a_wrong_one_says_all_that_is_wrong() {
        assert_eq!(Brand::default().check(), Ok(()));
        let brand = Brand {
            name: "✨".to_owned(),
            primary_color: "blue".to_owned(),
            logo_url: Some("http://example.com/logo.png".parse().unwrap()),
            medium_word: "*so so*".to_owned(),
            ..Brand::default()
        };
        assert_eq!(brand.check().unwrap_err().len(), 4);
    }
}
