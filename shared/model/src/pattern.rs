//! Names of event types and the patterns that choose among them. A name is dotted and lower-case
//! (`finding.created`); a pattern is a name, a group (`finding.*`, whatever follows the dot), or `*`.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of an event type. That it has the right form says nothing on whether a catalog knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(Arc<str>);

/// Chooses event types.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(Pattern);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Pattern {
    All,
    /// With the dot at its end: `finding.`.
    Group(Arc<str>),
    Exact(EventType),
}

/// A text that is not the name of an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be two or more lower-case words with dots between, like `finding.created`, at most 128 characters"
)]
pub struct InvalidEventType;

/// A text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an event type like `finding.created`, a group like `finding.*`, or `*`")]
pub struct InvalidPattern;

// === impl EventType ===

impl EventType {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_lowercase())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(text: &str) -> Result<Self, InvalidEventType> {
        if text.len() > Self::MAX_LEN || !text.contains('.') || !text.split('.').all(is_word) {
            return Err(InvalidEventType);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(text: String) -> Result<Self, InvalidEventType> {
        text.parse()
    }
}

impl From<EventType> for Arc<str> {
    fn from(name: EventType) -> Self {
        name.0
    }
}

impl From<EventType> for String {
    fn from(name: EventType) -> Self {
        name.as_str().to_owned()
    }
}

/// So that a map by event type can be asked with a plain text.
impl Borrow<str> for EventType {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for EventType {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl EventPattern ===

impl EventPattern {
    /// `*`.
    #[must_use]
    pub const fn all() -> Self {
        Self(Pattern::All)
    }

    /// Whether it chooses this type.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match &self.0 {
            Pattern::All => true,
            Pattern::Group(group) => event_type.as_str().starts_with(&**group),
            Pattern::Exact(exact) => exact == event_type,
        }
    }

    /// Whether it chooses this type because it names it, or its group: `*` names nothing.
    #[must_use]
    pub fn names(&self, event_type: &EventType) -> bool {
        self.0 != Pattern::All && self.matches(event_type)
    }

    /// The one type it chooses, when it is a plain name.
    #[must_use]
    pub const fn exact(&self) -> Option<&EventType> {
        match &self.0 {
            Pattern::Exact(exact) => Some(exact),
            Pattern::All | Pattern::Group(_) => None,
        }
    }
}

impl FromStr for EventPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        if text == "*" {
            return Ok(Self::all());
        }
        match text.strip_suffix('*') {
            Some(group) => {
                let words = group.strip_suffix('.').ok_or(InvalidPattern)?;
                if group.len() > EventType::MAX_LEN || !words.split('.').all(is_word) {
                    return Err(InvalidPattern);
                }
                Ok(Self(Pattern::Group(group.into())))
            }
            None => text
                .parse()
                .map(|exact| Self(Pattern::Exact(exact)))
                .map_err(|_| InvalidPattern),
        }
    }
}

impl TryFrom<String> for EventPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.to_string()
    }
}

impl From<EventType> for EventPattern {
    fn from(exact: EventType) -> Self {
        Self(Pattern::Exact(exact))
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::All => f.write_str("*"),
            Pattern::Group(group) => write!(f, "{group}*"),
            Pattern::Exact(exact) => write!(f, "{exact}"),
        }
    }
}

impl fmt::Debug for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> EventPattern {
        text.parse().unwrap()
    }

    fn event_type(text: &str) -> EventType {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_chooses_its_group_and_nothing_beside() {
        for (text, chosen, not_chosen) in [
            ("*", vec!["finding.created", "a.b.c"], vec![]),
            (
                "finding.*",
                vec!["finding.created", "finding.deep.er"],
                vec!["findings.created", "scan.failed"],
            ),
            (
                "atlas.alert.*",
                vec!["atlas.alert.fired"],
                vec!["atlas.wallet.added", "atlas.alert_x.y"],
            ),
            (
                "scan.failed",
                vec!["scan.failed"],
                vec!["scan.failed.twice", "scan.fail"],
            ),
        ] {
            for name in chosen {
                assert!(pattern(text).matches(&event_type(name)), "{text} {name}");
            }
            for name in not_chosen {
                assert!(!pattern(text).matches(&event_type(name)), "{text} {name}");
            }
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("{}.*", "a".repeat(128));
        for text in [
            "",
            "finding",
            "finding*",
            "*.created",
            "finding.*.x",
            "Finding.*",
            ".*",
            "a..*",
            "**",
            "a.b*",
            &long,
        ] {
            assert_eq!(text.parse::<EventPattern>(), Err(InvalidPattern), "{text}");
        }
    }

    #[test]
    fn what_is_no_event_type_is_refused() {
        for text in [
            "",
            "finding",
            "finding.",
            ".created",
            "Finding.created",
            "a.1b",
            "a.b-c",
            "a b.c",
            "a.*",
        ] {
            assert_eq!(text.parse::<EventType>(), Err(InvalidEventType), "{text}");
        }
    }

    proptest! {
        #[test]
        fn patterns_read_back_and_a_group_is_a_prefix(
            words in proptest::collection::vec("[a-z][a-z0-9_]{0,6}", 2..5),
            cut in 1_usize..4,
            name in proptest::collection::vec("[ab]", 2..5),
        ) {
            let exact = words.join(".");
            prop_assert_eq!(pattern(&exact).to_string(), exact.clone());
            prop_assert!(pattern(&exact).matches(&event_type(&exact)));
            let group = format!("{}.*", words[..cut.min(words.len() - 1)].join("."));
            prop_assert_eq!(pattern(&group).to_string(), group.clone());
            prop_assert!(pattern(&group).matches(&event_type(&exact)));
            let other = event_type(&name.join("."));
            prop_assert_eq!(pattern("a.*").matches(&other), name[0] == "a");
        }
    }
}
