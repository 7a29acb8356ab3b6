//! Content of a chat message or email: the event's texts, cleaned, and the relevant facts of its data. Webhooks do
//! not use it; they carry the event as it is.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use url::Url;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::{Severity, json};

use super::alert;
use super::text::{humanise, line, time_text};

/// Facts shown at most; further ones are counted.
pub(crate) const MAX_FACTS: usize = 10;
/// Longer facts are cut.
const MAX_VALUE_CHARS: usize = 2_000;

/// An event, prepared for people.
#[derive(Debug, Clone)]
pub(crate) struct Notice {
    /// For example `finding.created`.
    pub(crate) event_type: String,
    /// For example `Finding created`.
    pub(crate) type_words: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// One clean line, never empty.
    pub(crate) title: String,
    /// One clean line; may be empty.
    pub(crate) subject: String,
    /// May be empty.
    pub(crate) source: String,
    /// When it happened.
    pub(crate) occurred_at: DateTime<Utc>,
    /// http or https, and nothing else.
    pub(crate) url: Option<Url>,
    /// The telling facts, most telling first.
    pub(crate) facts: Vec<Fact>,
    /// How many facts there were besides.
    pub(crate) more_facts: usize,
    /// Created by `SendTest`.
    pub(crate) test: bool,
}

/// One fact of the data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    /// For example `Finding ID`.
    pub(crate) name: String,
    /// The value.
    pub(crate) value: FactValue,
}

/// Value of a fact.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FactValue {
    /// A clean line, never empty.
    Text(String),
    /// An instant, to be shown in the reader's zone where that is possible.
    Instant(DateTime<Utc>),
}

// === impl Notice ===

impl Notice {
    /// The notice of an event. Data that is no object has no facts.
    pub(crate) fn from_event(event: &AcceptedEvent) -> Self {
        let type_words = humanise(&event.event_type);
        let mut title = line(&event.title);
        let (mut facts, more_facts) = facts(event);
        if let Some(standing) = alert::standing(event) {
            facts.insert(
                0,
                Fact {
                    name: "Alert".to_owned(),
                    value: FactValue::Text(standing),
                },
            );
        }
        if title.is_empty() {
            title.clone_from(&type_words);
        }
        if let Some(why) = event.alert_status.get().and_then(|status| status.still_open) {
            title = alert::titled(&title, why);
        }
        Self {
            event_type: event.event_type.to_string(),
            severity: event.severity,
            title,
            type_words,
            subject: line(&event.subject),
            source: line(&event.source),
            occurred_at: event.occurred_at,
            url: web_url(&event.url),
            facts,
            more_facts,
            test: event.test,
        }
    }
}

// === impl FactValue ===

impl FactValue {
    /// In words, instants in UTC.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Instant(at) => time_text(*at),
        }
    }
}

/// A link that a click may open: http or https only.
pub(crate) fn web_url(text: &str) -> Option<Url> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The scalars of the data by their own names, clean and in words, for sentences: instants in UTC, `Yes` and `No`.
pub(crate) fn plain_data(event: &AcceptedEvent) -> BTreeMap<String, Value> {
    let clean = |value| match value {
        FieldValue::Text(text) => Some(match instant(&text) {
            Some(at) => time_text(at).into(),
            None => line(&text).chars().take(300).collect::<String>().into(),
        }),
        FieldValue::Bool(yes) => Some(if yes { "Yes" } else { "No" }.into()),
        FieldValue::Number(digits) => json::parse(digits, 0).ok(),
        FieldValue::Object(_) => None,
    };
    members(&event.data)
        .into_iter()
        .filter_map(|(name, text)| Some((name, FieldValue::parse(text).and_then(clean)?)))
        .collect()
}

/// Names of the most relevant facts, in display order.
const TELLING: &[&str] = &[
    "name",
    "headline",
    "summary",
    "resource",
    "target",
    "rule",
    "framework",
    "control",
    "wallet",
    "user",
    "error",
    "reason",
    "message",
    "comment",
    "resolution",
    "findings",
    "score",
    "previous_score",
    "from",
    "to",
    "tier",
    "previous_tier",
    "sla",
    "deadline",
    "hours_remaining",
    "hours_overdue",
    "owner",
    "account",
    "region",
];

fn rank(name: &str) -> usize {
    let known = TELLING.iter().position(|telling| {
        name.strip_prefix(telling)
            .is_some_and(|rest| rest.is_empty() || rest == "_name" || rest == "_title")
    });
    // Ids come last.
    known.unwrap_or(if name.ends_with("_id") || name == "id" {
        1_000
    } else {
        100
    })
}

fn facts(event: &AcceptedEvent) -> (Vec<Fact>, usize) {
    let already = [event.title.as_str(), event.url.as_str(), event.subject.as_str()];
    let mut found: Vec<(usize, Fact)> = members(&event.data)
        .into_iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("severity"))
        .filter_map(|(name, text)| {
            let text = match FieldValue::parse(text)? {
                FieldValue::Text(text) if already.contains(&text.as_str()) => return None,
                FieldValue::Text(text) => {
                    if let Some(at) = instant(&text) {
                        let fact = Fact {
                            name: humanise(&name),
                            value: FactValue::Instant(at),
                        };
                        return Some((rank(&name), fact));
                    }
                    line(&text).chars().take(MAX_VALUE_CHARS).collect()
                }
                FieldValue::Bool(yes) => if yes { "Yes" } else { "No" }.to_owned(),
                FieldValue::Number(digits) => digits.chars().take(MAX_VALUE_CHARS).collect(),
                FieldValue::Object(counts) => tally(&counts)?,
            };
            let fact = Fact {
                name: humanise(&name),
                value: FactValue::Text(text.clone()),
            };
            (!text.is_empty() && !fact.name.is_empty()).then_some((rank(&name), fact))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    let more = found.len().saturating_sub(MAX_FACTS);
    (
        found.into_iter().take(MAX_FACTS).map(|(_, fact)| fact).collect(),
        more,
    )
}

/// A small object of counts, such as findings by severity, as `2 high, 11 medium`. Other objects are no facts.
fn tally(counts: &Map<String, Value>) -> Option<String> {
    let mut counted = Vec::new();
    for (name, count) in counts {
        counted.push((name, count.as_u64()?));
    }
    if counted.len() > 8 {
        return None;
    }
    counted.sort_by_key(|(name, _)| std::cmp::Reverse(name.parse::<Severity>().ok()));
    let shown: Vec<_> = counted
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{count} {}", line(name).chars().take(40).collect::<String>()))
        .collect();
    Some(if shown.is_empty() {
        "none".to_owned()
    } else {
        shown.join(", ")
    })
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    if !(20..=40).contains(&text.len()) || text.as_bytes().get(10) != Some(&b'T') {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

/// The members of a JSON object, in its own order, as raw texts, so that a number keeps its digits.
fn members(json: &str) -> Vec<(String, &RawValue)> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                if members.len() < 1_000 {
                    members.push(member);
                }
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(json)
        .deserialize_map(Members)
        .unwrap_or_default()
}

/// Value of a member, read from its text.
enum FieldValue<'t> {
    Text(String),
    Bool(bool),
    /// Its digits.
    Number(&'t str),
    Object(Map<String, Value>),
}

impl<'t> FieldValue<'t> {
    /// `None` for arrays and nulls.
    fn parse(text: &'t RawValue) -> Option<Self> {
        let text = text.get();
        match text.as_bytes().first()? {
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            b't' | b'f' => Some(Self::Bool(text == "true")),
            b'-' | b'0'..=b'9' => Some(Self::Number(text)),
            // A tally has one level.
            b'{' => match json::parse(text, 1) {
                Ok(Value::Object(object)) => Some(Self::Object(object)),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::fixtures;

    fn facts_of(data: &str) -> Vec<(String, String)> {
        let event = AcceptedEvent {
            data: data.to_owned(),
            ..fixtures::event("finding.created")
        };
        Notice::from_event(&event)
            .facts
            .into_iter()
            .map(|fact| (fact.name, fact.value.text()))
            .collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn scalars_are_told_in_order_of_what_they_tell() {
        assert_eq!(
            facts_of(
                r#"{"finding_id":"f-1","zone":"b","resource":"s3://x","open":true,"tags":["a"],"owner":{"a":"b"},
                    "findings":{"critical":0,"info":1,"high":2},
                    "score":9.80,"seen_at":"2026-11-21T07:43:00+01:00","none":null,"empty":" "}"#
            ),
            [
                pair("Resource", "s3://x"),
                pair("Findings", "2 high, 1 info"),
                pair("Score", "9.80"),
                pair("Zone", "b"),
                pair("Open", "Yes"),
                pair("Seen at", "21 Nov 2026, 06:43 UTC"),
                pair("Finding ID", "f-1"),
            ]
        );
    }

    #[test]
    fn a_number_keeps_its_digits_and_no_key_is_magic() {
        assert_eq!(
            facts_of(
                r#"{"big":123456789012345678901234567890,"$serde_json::private::RawValue":"{\"a\":1}","c":{"$serde_json::private::RawValue":"[[1"}}"#
            )[0],
            pair("Big", "123456789012345678901234567890")
        );
        assert!(facts_of(&format!(r#"{{"a":{}"#, r#"{"a":"#.repeat(100_000))).is_empty());
    }

    #[test]
    fn what_the_message_says_already_is_not_said_again() {
        let event = AcceptedEvent {
            data: r#"{"severity":"HIGH","name":"The title","place":"here"}"#.to_owned(),
            title: "The title".to_owned(),
            ..fixtures::event("finding.created")
        };
        assert_eq!(Notice::from_event(&event).facts.len(), 1);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let data: serde_json::Map<_, _> = (0..14).map(|n| (format!("fact_{n}"), Value::from(n))).collect();
        let data = serde_json::to_string(&data).unwrap();
        let notice = Notice::from_event(&AcceptedEvent {
            data,
            ..fixtures::event("finding.created")
        });
        assert_eq!((notice.facts.len(), notice.more_facts), (10, 4));
    }

    #[test]
    fn data_that_cannot_be_read_has_no_facts_and_bad_links_are_dropped() {
        assert!(facts_of("[1]").is_empty());
        assert!(facts_of("{").is_empty());
        for url in [
            "javascript:alert(1)",
            "data:text/html,x",
            "",
            "https://",
            "file:///etc/passwd",
        ] {
            assert_eq!(web_url(url), None, "{url}");
        }
        assert!(web_url("https://example.com/a?b=c").is_some());
    }
}
