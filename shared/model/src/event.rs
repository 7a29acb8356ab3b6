//! An event: a fact that a backend emitted. [`Event::parse`] is the one way from a caller's words to an event; past it,
//! the type is known to the team's catalog, the data is valid against the type's schema and every bound holds.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use prost::bytes::Bytes;
use url::Url;
use watchbell_contracts::event::v1 as wire;
use watchbell_contracts::event::v1::event::Payload;

use crate::alert::{AlertAction, AlertKey, EventAlert, NoAlert};
use crate::catalog::{Catalog, EventTypeSpec};
use crate::convert::{data, instant, optional};
use crate::data::{Data, InvalidData, MAX_BYTES};
use crate::ids::{EventId, TeamId};
use crate::pattern::EventType;
pub use crate::text::MAX_TITLE_CHARS;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Category, Severity};

/// The longest source, in characters.
pub const MAX_SOURCE_CHARS: usize = 64;
/// The longest subject, in characters.
pub const MAX_SUBJECT_CHARS: usize = 256;
/// The longest URL, in characters.
pub const MAX_URL_CHARS: usize = 2_048;
/// How far ahead of our clock an event may lie.
pub const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// A fact of one team.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Whose it is.
    pub team_id: TeamId,
    /// Unique in the team; the receiver's idempotency key.
    pub id: EventId,
    /// An entry of the catalog.
    pub event_type: EventType,
    /// As given, else the catalog's default.
    pub severity: Severity,
    /// As given, else the catalog's.
    pub category: Category,
    /// The part of the platform it came from; may be empty.
    pub source: String,
    /// When it happened, to the microsecond, which is what every store keeps.
    pub occurred_at: DateTime<Utc>,
    /// One line for people, never empty.
    pub title: String,
    /// Where to look closer, http or https.
    pub url: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The facts, valid against the type's schema.
    pub data: Data,
    /// Whether it was made by `SendTest`.
    pub test: bool,
    /// The alert that it belongs to.
    pub alert: Result<EventAlert, NoAlert>,
}

/// An event as a caller words it. Empty texts mean "not given".
#[derive(Debug, Clone, Default)]
pub struct EventDraft {
    /// Made when empty.
    pub id: String,
    /// Required.
    pub event_type: String,
    /// The catalog's default when absent.
    pub severity: Option<Severity>,
    /// The catalog's when absent.
    pub category: Option<Category>,
    /// Free text.
    pub source: String,
    /// `now` when absent.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The catalog's title when empty.
    pub title: String,
    /// An http or https URL.
    pub url: String,
    /// Free text.
    pub subject: String,
    /// The facts.
    pub data: Data,
    /// Refused: only [`Catalog::synthetic`] makes test events.
    pub test: bool,
    /// The alert that it belongs to, instead of the one that its type names.
    pub dedup_key: String,
}

// === impl Event ===

impl Event {
    /// Checks a draft against a team's catalog. Paths are those of the event's own fields: nest them under `event` or
    /// `events[3]`.
    pub fn parse(
        draft: EventDraft,
        team_id: TeamId,
        catalog: &Catalog,
        now: DateTime<Utc>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = match draft.id.as_str() {
            "" => Some(EventId::generate(now)),
            text => violations.parse("id", reason::MALFORMED, text),
        };
        let spec = match draft.event_type.as_str() {
            "" => {
                violations.required("type");
                None
            }
            text => {
                let spec = catalog.get(text);
                if spec.is_none() {
                    let shown: String = text.chars().take(EventType::MAX_LEN).collect();
                    let (reason, why) = match catalog.unusable(text) {
                        Some(why) => (
                            reason::NOT_ALLOWED,
                            format!("`{shown}` must be mended first: {why}"),
                        ),
                        None => (
                            reason::UNKNOWN_VALUE,
                            format!("`{shown}` is neither a built-in event type nor one of the team's own"),
                        ),
                    };
                    violations.add("type", reason, why);
                }
                spec
            }
        };
        let source = plain_text(&mut violations, "source", &draft.source, MAX_SOURCE_CHARS);
        let subject = plain_text(&mut violations, "subject", &draft.subject, MAX_SUBJECT_CHARS);
        // A title comes from prose; a line break in it is no reason to lose an alert.
        let title: String = draft
            .title
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let title = title.trim();
        violations.limit_chars("title", title, MAX_TITLE_CHARS);
        check_url(&mut violations, &draft.url);
        let occurred_at = draft.occurred_at.unwrap_or(now);
        if occurred_at > now + MAX_AHEAD {
            violations.add(
                "occurred_at",
                reason::OUT_OF_RANGE,
                "must not be more than 24 hours ahead",
            );
        }
        if draft.test {
            violations.add("test", reason::NOT_ALLOWED, "test events are made by SendTest");
        }
        let dedup_key = AlertKey::given(&draft.dedup_key, &mut violations);
        if let Some(spec) = spec {
            violations.take_under("data", spec.validate(&draft.data));
            if spec.is_receipt() && dedup_key.is_some() {
                violations.add("dedup_key", reason::NOT_ALLOWED, "receipts belong to no alert");
            }
        }
        let (Some(id), Some(spec), true) = (id, spec, violations.is_empty()) else {
            return Err(violations);
        };
        Ok(Self {
            team_id,
            id,
            event_type: spec.event_type.clone(),
            severity: draft.severity.unwrap_or(spec.severity),
            category: draft.category.unwrap_or(spec.category),
            source,
            occurred_at: occurred_at.trunc_subsecs(6),
            title: if title.is_empty() {
                spec.title.clone()
            } else {
                title.to_owned()
            },
            url: Some(draft.url).filter(|url| !url.is_empty()),
            subject: Some(subject).filter(|subject| !subject.is_empty()),
            alert: alert(spec, dedup_key, &draft.data),
            data: draft.data,
            test: false,
        })
    }
}

/// The alert of an event: the one that it names, else the one that its type names.
fn alert(spec: &EventTypeSpec, given: Option<AlertKey>, data: &Data) -> Result<EventAlert, NoAlert> {
    if spec.is_receipt() {
        return Err(NoAlert::Receipt);
    }
    match (given, &spec.alert) {
        (Some(key), by_type) => Ok(EventAlert {
            key,
            action: by_type
                .as_ref()
                .map_or(AlertAction::Trigger, |by_type| by_type.action),
        }),
        (None, Some(by_type)) => by_type.of(data),
        (None, None) => Err(NoAlert::NotNamed),
    }
}

// === messages ===

impl TryFrom<wire::Event> for EventDraft {
    type Error = Violations;

    /// Reads what a caller worded, before the catalog is asked. Paths are those of the event's own fields.
    fn try_from(message: wire::Event) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let severity = optional(message.severity, "severity", &mut violations);
        let category = optional(message.category, "category", &mut violations);
        let occurred_at = instant(message.occurred_at.as_ref(), "occurred_at", &mut violations);
        let (field, data) = match message.payload {
            None => ("data", Ok(Data::default())),
            Some(Payload::Data(fields)) => ("data", data(fields)),
            Some(Payload::DataJson(text)) => ("data_json", json_text(text)),
        };
        let data = data
            .map_err(|error| violations.add(field, error.reason(), error.to_string()))
            .unwrap_or_default();
        violations.into_result(Self {
            id: message.id,
            event_type: message.r#type,
            severity,
            category,
            source: message.source,
            occurred_at,
            title: message.title,
            url: message.url,
            subject: message.subject,
            data,
            test: message.test,
            dedup_key: message.dedup_key,
        })
    }
}

fn json_text(text: Bytes) -> Result<Data, InvalidData> {
    if text.len() > MAX_BYTES {
        return Err(InvalidData::TooLong(text.len()));
    }
    String::from_utf8(text.into())
        .map_err(|_| InvalidData::NotUtf8)?
        .try_into()
}

/// A short text without control characters, which headers and databases do not take.
fn plain_text(violations: &mut Violations, field: &str, text: &str, limit: usize) -> String {
    let text = text.trim();
    violations.limit_chars(field, text, limit);
    if text.contains(char::is_control) {
        violations.add(field, reason::MALFORMED, "must not have control characters");
    }
    text.to_owned()
}

fn check_url(violations: &mut Violations, url: &str) {
    if url.is_empty() {
        return;
    }
    violations.limit_chars("url", url, MAX_URL_CHARS);
    let is_web = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !is_web || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        violations.add("url", reason::MALFORMED, "must be an http or https URL");
    }
}

// === impl Catalog ===

impl Catalog {
    /// A test event of that type, made of the entry's example: what `SendTest` sends.
    #[must_use]
    pub fn synthetic(&self, event_type: &str, team_id: TeamId, now: DateTime<Utc>) -> Option<Event> {
        let spec = self.get(event_type)?;
        Some(Event {
            team_id,
            id: EventId::generate(now),
            event_type: spec.event_type.clone(),
            severity: spec.severity,
            category: spec.category,
            source: "test".to_owned(),
            occurred_at: now.trunc_subsecs(6),
            title: format!("Test: {}", spec.title),
            url: None,
            subject: None,
            data: spec.example.clone(),
            test: true,
            alert: Err(NoAlert::Test),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
