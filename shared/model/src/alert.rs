//! Alerts: things with a life, such as a finding, which several events tell of. An event type says which field of `data`
//! names the alert and whether its events begin, change or end it; an event can name the alert itself.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchbell_contracts::config::v1 as config_wire;
use watchbell_contracts::event::v1 as wire;

use crate::convert::{FromWire as _, optional, required};
use crate::data::Data;
use crate::ids::{EventId, is_visible};
use crate::violation::{Violations, reason};
pub use crate::vocabulary::{AlertAction, AlertState, News, Repeat};

/// The longest key that an event can bring, in characters.
pub const MAX_DEDUP_KEY_CHARS: usize = 128;
/// The longest key, in characters: what an index of PostgreSQL holds at four bytes each.
const MAX_KEY_CHARS: usize = 512;
/// The longest path, in characters.
const MAX_PATH_CHARS: usize = KeyPath::MAX_CHARS;

/// Which alert the events of a type belong to, and what they do to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSpec {
    /// The field that names the alert.
    pub key: KeyPath,
    /// What the events do.
    pub action: AlertAction,
    /// What becomes of repeats.
    #[serde(default)]
    pub repeat: Repeat,
}

/// A field of `data`, `data.finding_id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPath(Arc<str>);

/// Identity of an alert in its team: a text of 1 to 512 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AlertKey(Arc<str>);

/// The alert that an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventAlert {
    /// Which.
    pub key: AlertKey,
    /// What the event does to it.
    pub action: AlertAction,
}

/// An alert as it was when an event was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertStatus {
    /// Which.
    #[serde(rename = "k")]
    pub key: AlertKey,
    /// Where it stood.
    #[serde(rename = "s")]
    pub state: AlertState,
    /// How it began; absent when that is unknown.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
    /// How many events had told of it since then.
    #[serde(rename = "n")]
    pub count: i64,
    /// What the event was to those who knew of it; absent of events that older releases accepted, and where it is not kept.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub news: Option<News>,
    /// What it is told for, when that is only that it is still open.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub still_open: Option<StillOpen>,
}

/// Why an alert is told of that is still open and that nobody has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StillOpen {
    /// A reminder: which, and of how many at most.
    #[serde(rename = "r")]
    Reminder(u32, u32),
    /// The escalation.
    #[serde(rename = "e")]
    Escalation,
}

/// How an alert began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// With which event.
    #[serde(rename = "e")]
    pub event_id: EventId,
    /// When.
    #[serde(rename = "t")]
    pub at: DateTime<Utc>,
}

/// Why an event belongs to no alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAlert {
    /// Its type names none, and neither does the event.
    NotNamed,
    /// It is a receipt.
    Receipt,
    /// It was made by `SendTest`.
    Test,
    /// `data` does not have the field.
    Missing,
    /// The field is no text, whole number or boolean.
    NotScalar,
    /// The field's text is empty or too long.
    Length,
}

/// A text that is no path of a field of `data`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a field of the data such as data.finding_id, of at most {MAX_PATH_CHARS} characters")]
pub struct InvalidKeyPath;

/// A text that is no key of an alert.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_KEY_CHARS} characters, none of them a control character")]
pub struct InvalidAlertKey;

// === impl AlertSpec ===

impl AlertSpec {
    /// The alert of an event with that data. The key has the name of the field in it, so that finding 7 and scan 7 are
    /// not one alert.
    ///
    /// # Errors
    /// The event belongs to none.
    pub fn of(&self, data: &Data) -> Result<EventAlert, NoAlert> {
        let text = self.key.text(data)?;
        if text.is_empty() {
            return Err(NoAlert::Length);
        }
        let key = format!("{}={text}", self.key.field());
        Ok(EventAlert {
            key: key.parse().map_err(|InvalidAlertKey| NoAlert::Length)?,
            action: self.action,
        })
    }
}

impl TryFrom<&config_wire::AlertSpec> for AlertSpec {
    type Error = Violations;

    fn try_from(message: &config_wire::AlertSpec) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let key = match message.key.as_str() {
            "" => {
                violations.required("key");
                None
            }
            text => violations.parse("key", reason::MALFORMED, text),
        };
        let action = required(message.action, "action", &mut violations);
        let repeat = optional(message.repeat, "repeat", &mut violations);
        match key.zip(action) {
            Some((key, action)) if violations.is_empty() => Ok(Self {
                key,
                action,
                repeat: repeat.unwrap_or_default(),
            }),
            _ => Err(violations),
        }
    }
}

impl From<&AlertSpec> for config_wire::AlertSpec {
    fn from(spec: &AlertSpec) -> Self {
        Self {
            key: spec.key.to_string(),
            action: spec.action.to_wire(),
            repeat: spec.repeat.to_spec(),
        }
    }
}

// === impl Repeat ===

impl Repeat {
    /// The number as it is written down: nothing for what nothing means.
    pub(crate) fn to_spec(self) -> i32 {
        match self {
            Self::Count => 0,
            Self::Notify => self.to_wire(),
        }
    }
}

// === impl KeyPath ===

impl KeyPath {
    /// The longest one, in characters.
    pub(crate) const MAX_CHARS: usize = 128;

    /// The field's value as a text.
    ///
    /// # Errors
    /// It is missing, or no text, whole number or boolean.
    pub(crate) fn text(&self, data: &Data) -> Result<String, NoAlert> {
        match self.find(data).ok_or(NoAlert::Missing)? {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
            // Beyond 64 bits it is a double, which different numbers share.
            Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
            _ => Err(NoAlert::NotScalar),
        }
    }

    /// The path below `data`.
    fn field(&self) -> &str {
        &self.0["data.".len()..]
    }

    /// The names on the way.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.field().split('.')
    }

    fn find<'d>(&self, data: &'d Data) -> Option<&'d Value> {
        let mut names = self.names();
        let first = data.object().get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    }
}

impl FromStr for KeyPath {
    type Err = InvalidKeyPath;

    fn from_str(text: &str) -> Result<Self, InvalidKeyPath> {
        let is_name = |name: &str| {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
            !name.is_empty() && name.chars().all(plain)
        };
        let fields = text.strip_prefix("data.").ok_or(InvalidKeyPath)?;
        if !fields.split('.').all(is_name) || text.chars().count() > MAX_PATH_CHARS {
            return Err(InvalidKeyPath);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for KeyPath {
    type Error = InvalidKeyPath;

    fn try_from(text: String) -> Result<Self, InvalidKeyPath> {
        text.parse()
    }
}

impl From<KeyPath> for String {
    fn from(path: KeyPath) -> Self {
        path.0.to_string()
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl AlertKey ===

impl AlertKey {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key that an event brings; `None` when it brings none.
    pub(crate) fn given(text: &str, violations: &mut Violations) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if text.len() > MAX_DEDUP_KEY_CHARS || !is_visible(text) {
            let why = format!("must have 1 to {MAX_DEDUP_KEY_CHARS} visible ASCII characters");
            violations.add("dedup_key", reason::MALFORMED, why);
        }
        Some(Self(text.into()))
    }
}

impl FromStr for AlertKey {
    type Err = InvalidAlertKey;

    fn from_str(text: &str) -> Result<Self, InvalidAlertKey> {
        if text.is_empty() || text.chars().count() > MAX_KEY_CHARS || text.contains(char::is_control) {
            return Err(InvalidAlertKey);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for AlertKey {
    type Error = InvalidAlertKey;

    fn try_from(text: String) -> Result<Self, InvalidAlertKey> {
        text.parse()
    }
}

impl From<AlertKey> for String {
    fn from(key: AlertKey) -> Self {
        key.0.to_string()
    }
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

// === impl EventAlert ===

impl EventAlert {
    /// One English sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let does = match self.action {
            AlertAction::Trigger => "triggers",
            AlertAction::Update => "updates",
            AlertAction::Resolve => "resolves",
        };
        format!("It {does} the alert {}.", self.key)
    }
}

impl TryFrom<wire::EventAlert> for EventAlert {
    type Error = Violations;

    fn try_from(message: wire::EventAlert) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let key = violations.parse("key", reason::MALFORMED, &message.key);
        let action = required(message.action, "action", &mut violations);
        key.zip(action)
            .map(|(key, action)| Self { key, action })
            .ok_or(violations)
    }
}

impl From<&EventAlert> for wire::EventAlert {
    fn from(alert: &EventAlert) -> Self {
        Self {
            key: alert.key.to_string(),
            action: alert.action.to_wire(),
        }
    }
}

// === impl NoAlert ===

impl NoAlert {
    /// One English sentence about an event whose type has this `spec`.
    #[must_use]
    pub fn sentence(self, spec: Option<&AlertSpec>) -> String {
        let field = spec.map_or_else(|| "The field".to_owned(), |spec| format!("`{}`", spec.key));
        let why = match self {
            Self::NotNamed => "neither its type nor the event names one".to_owned(),
            Self::Receipt => "receipts have none".to_owned(),
            Self::Test => "tests have none".to_owned(),
            Self::Missing => format!("{field} is missing"),
            Self::NotScalar => format!("{field} is neither a text, a whole number of 64 bits nor a boolean"),
            Self::Length => format!("{field} is empty or too long"),
        };
        format!("It belongs to no alert: {why}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(key: &str) -> AlertSpec {
        AlertSpec {
            key: key.parse().unwrap(),
            action: AlertAction::Trigger,
            repeat: Repeat::Notify,
        }
    }

    #[test]
    fn a_key_is_the_field_and_its_value() {
        let data: Data =
            r#"{"id": "F 1/ä", "n": 18446744073709551615, "yes": true, "deep": {"er": {"id": -7}}}"#
                .parse()
                .unwrap();
        let key = |path: &str| spec(path).of(&data).map(|alert| alert.key.to_string());
        assert_eq!(key("data.id").unwrap(), "id=F 1/ä");
        assert_eq!(key("data.n").unwrap(), "n=18446744073709551615");
        assert_eq!(key("data.yes").unwrap(), "yes=true");
        assert_eq!(key("data.deep.er.id").unwrap(), "deep.er.id=-7");
    }

    #[test]
    fn an_event_without_a_usable_value_belongs_to_no_alert() {
        let longest = "x".repeat(MAX_KEY_CHARS - "id=".len());
        let of = |value: &str| {
            let data: Data = format!(r#"{{"id": {value}}}"#).parse().unwrap();
            spec("data.id").of(&data)
        };
        assert!(of(&format!("\"{longest}\"")).is_ok());
        for (value, why) in [
            (format!("\"{longest}x\""), NoAlert::Length),
            ("\"\"".to_owned(), NoAlert::Length),
            ("\"a\\nb\"".to_owned(), NoAlert::Length),
            ("null".to_owned(), NoAlert::NotScalar),
            ("1.5".to_owned(), NoAlert::NotScalar),
            ("123456789012345678901234567890".to_owned(), NoAlert::NotScalar),
            ("{}".to_owned(), NoAlert::NotScalar),
            ("[1]".to_owned(), NoAlert::NotScalar),
        ] {
            assert_eq!(of(&value), Err(why), "{value}");
            assert!(why.sentence(Some(&spec("data.id"))).contains("`data.id`"));
        }
        let data: Data = r#"{"id": "x"}"#.parse().unwrap();
        for path in ["data.other", "data.id.below"] {
            assert_eq!(spec(path).of(&data), Err(NoAlert::Missing), "{path}");
        }
    }

    #[test]
    fn a_path_leads_into_the_data() {
        for path in ["data.finding_id", "data.a.b-c", "data.größe"] {
            assert_eq!(path.parse::<KeyPath>().unwrap().to_string(), path);
        }
        for path in [
            "",
            "data",
            "data.",
            "data..a",
            "finding_id",
            "event.data.id",
            "data.a b",
            "data.a[0]",
        ] {
            assert_eq!(path.parse::<KeyPath>(), Err(InvalidKeyPath), "{path}");
        }
        assert!(
            format!("data.{}", "a".repeat(MAX_PATH_CHARS))
                .parse::<KeyPath>()
                .is_err()
        );
    }

    #[test]
    fn a_spec_and_an_alert_come_back_from_the_wire() {
        let spec = spec("data.id");
        assert_eq!(
            AlertSpec::try_from(&config_wire::AlertSpec::from(&spec)),
            Ok(spec)
        );
        let alert = EventAlert {
            key: "id=1".parse().unwrap(),
            action: AlertAction::Resolve,
        };
        assert_eq!(EventAlert::try_from(wire::EventAlert::from(&alert)), Ok(alert));
        let violations = AlertSpec::try_from(&config_wire::AlertSpec::default()).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields, ["key", "action"]);
    }
}
