//! Groups: events that a rule sends in one message, since they have the same values of some fields. The rule says which and
//! for how long; the Router works out the group of an event, and the Dispatcher gathers.

pub mod gathering;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use watchbell_contracts::config::v1 as config_wire;
use watchbell_contracts::event::v1 as wire;

use crate::alert::{KeyPath, NoAlert};
use crate::catalog::EventTypeSpec;
use crate::convert::{duration, span};
use crate::event::Event;
use crate::ids::RuleId;
use crate::text::{cut, line, span_words};
use crate::violation::{Violations, reason};
use crate::vocabulary::Severity;

/// The most fields by which one rule gathers.
pub const MAX_PATHS: usize = 5;
/// The most events in one message.
pub const MAX_EVENTS: u32 = 1_000;
/// The fewest that make a message go at once: one that gathers no second gathers nothing.
const MIN_EVENTS: u32 = 2;
const MIN_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(24 * 3_600);
/// The longest value that a message shows, in characters.
const MAX_VALUE_CHARS: usize = 100;

/// What a rule gathers, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSpec {
    /// What events of one message have in common; all that the rule sends to a place when empty.
    pub by: Vec<GroupPath>,
    /// How long after the first of them the message goes.
    pub wait: Duration,
    /// How many make it go at once.
    pub at_most: u32,
}

/// A field of an event: `type`, `subject`, or a field of `data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupPath {
    /// The event's type.
    Type,
    /// What it is about.
    Subject,
    /// `data.scan_id`
    Data(KeyPath),
}

/// A text that is no field of an event by which rules gather.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `type`, `subject`, or a field of the data such as data.scan_id, of at most {} characters",
    KeyPath::MAX_CHARS
)]
pub struct InvalidGroupPath;

/// The group of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteGroup {
    /// What comes together has the same.
    #[serde(rename = "k")]
    pub key: GroupKey,
    /// The rule's name.
    #[serde(rename = "n")]
    pub rule_name: String,
    /// What the events have in common, for people.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<GroupValue>,
    /// How long after the first of them the message goes.
    #[serde(rename = "w")]
    pub wait: Duration,
    /// How many make it go at once.
    #[serde(rename = "m")]
    pub at_most: u32,
}

/// Identity of a group: a digest of its rule and of the event's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupKey([u8; 32]);

/// What the events of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupValue {
    /// The field, `data.scan_id`.
    #[serde(rename = "p")]
    pub path: String,
    /// Its value, shortened; absent when the event has none.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What a type's events have in a field by which a rule gathers, by its schema and its example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TypeField {
    /// Neither names it.
    Missing,
    /// A list, an object, or a number that may be a fraction, which group nothing.
    NotScalar,
    /// A text, a whole number or a boolean; or anything.
    Scalar,
}

// === impl GroupSpec ===

impl GroupSpec {
    /// The group of an event that the rule of this id and name sends; nothing for what is CRITICAL, and for tests.
    #[must_use]
    pub fn of(&self, (rule, name): (RuleId, &str), event: &Event) -> Option<RouteGroup> {
        if event.severity == Severity::Critical || event.test {
            return None;
        }
        let mut digest = Sha256::new();
        digest.update(rule.as_uuid());
        let mut values = Vec::with_capacity(self.by.len());
        for path in &self.by {
            let value = path.find(event).ok();
            let path = path.to_string();
            part(&mut digest, Some(&path));
            part(&mut digest, value.as_deref());
            values.push(GroupValue {
                path,
                value: value.map(|value| cut(&line(&value), MAX_VALUE_CHARS).into_owned()),
            });
        }
        Some(RouteGroup {
            key: GroupKey(digest.finalize().into()),
            rule_name: name.to_owned(),
            values,
            wait: self.wait,
            at_most: self.at_most,
        })
    }
}

/// Adds a text to a digest so that no two lists of texts look alike.
fn part(digest: &mut Sha256, text: Option<&str>) {
    let length = text.map_or(u64::MAX, |text| text.len() as u64);
    digest.update(length.to_be_bytes());
    digest.update(text.unwrap_or_default());
}

impl TryFrom<&config_wire::Group> for GroupSpec {
    type Error = Violations;

    fn try_from(message: &config_wire::Group) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let by: Vec<GroupPath> = violations.parse_list("by", &message.by, MAX_PATHS);
        for (index, path) in message.by.iter().take(MAX_PATHS).enumerate() {
            if message.by[..index].contains(path) {
                violations.add(format!("by[{index}]"), reason::DUPLICATE, "is given twice");
            }
        }
        let wait = match &message.wait {
            None => {
                violations.required("wait");
                None
            }
            wait => span(wait.as_ref(), "wait", &mut violations),
        };
        if wait.is_some_and(|wait| !(MIN_WAIT..=MAX_WAIT).contains(&wait)) {
            violations.add("wait", reason::OUT_OF_RANGE, "must be 1 second to 24 hours");
        }
        let at_most = match u32::try_from(message.at_most) {
            Ok(0) => MAX_EVENTS,
            Ok(count) if (MIN_EVENTS..=MAX_EVENTS).contains(&count) => count,
            _ => {
                let why = format!("must be {MIN_EVENTS} to {MAX_EVENTS}, or 0 for {MAX_EVENTS}");
                violations.add("at_most", reason::OUT_OF_RANGE, why);
                MAX_EVENTS
            }
        };
        violations.into_result(Self {
            by,
            wait: wait.unwrap_or_default(),
            at_most,
        })
    }
}

impl From<&GroupSpec> for config_wire::Group {
    fn from(spec: &GroupSpec) -> Self {
        Self {
            by: spec.by.iter().map(ToString::to_string).collect(),
            wait: Some(duration(spec.wait)),
            at_most: match spec.at_most {
                MAX_EVENTS => 0,
                count => i32::try_from(count).unwrap_or_default(),
            },
        }
    }
}

// === impl GroupPath ===

impl GroupPath {
    /// The event's value.
    ///
    /// # Errors
    /// It has none, or one that is no text, whole number or boolean.
    pub fn find(&self, event: &Event) -> Result<String, NoAlert> {
        match self {
            Self::Type => Ok(event.event_type.to_string()),
            Self::Subject => event.subject.clone().ok_or(NoAlert::Missing),
            Self::Data(path) => path.text(&event.data),
        }
    }

    /// What events of a type have there. A type without a schema, and what a schema does not say, may be anything.
    #[must_use]
    pub fn in_type(&self, spec: &EventTypeSpec) -> TypeField {
        let (Self::Data(path), Some(schema)) = (self, &spec.data_schema) else {
            return TypeField::Scalar;
        };
        let by_example = match path.text(&spec.example) {
            Ok(_) => TypeField::Scalar,
            Err(NoAlert::NotScalar) => TypeField::NotScalar,
            Err(_) => TypeField::Missing,
        };
        by_example.max(by_schema(schema, path))
    }
}

/// What a schema says of a field. Of what it puts together or refers to it says nothing.
fn by_schema(schema: &Value, path: &KeyPath) -> TypeField {
    let mut at = schema;
    for name in path.names() {
        match at.get("properties").map(|properties| properties.get(name)) {
            Some(Some(property)) => at = property,
            _ if says_more(at) => return TypeField::Scalar,
            _ => return TypeField::Missing,
        }
    }
    let is_scalar = |word: &Value| matches!(word.as_str(), Some("string" | "integer" | "boolean"));
    let is = match at.get("type") {
        None => true,
        Some(Value::Array(words)) => words.iter().any(is_scalar),
        Some(word) => is_scalar(word),
    };
    if is {
        TypeField::Scalar
    } else {
        TypeField::NotScalar
    }
}

/// Whether a schema has what may name more fields.
fn says_more(schema: &Value) -> bool {
    let words = ["$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties"];
    schema.as_object().is_none() || words.iter().any(|word| schema.get(word).is_some())
}

impl FromStr for GroupPath {
    type Err = InvalidGroupPath;

    fn from_str(text: &str) -> Result<Self, InvalidGroupPath> {
        match text {
            "type" => Ok(Self::Type),
            "subject" => Ok(Self::Subject),
            field => field.parse().map(Self::Data).map_err(|_| InvalidGroupPath),
        }
    }
}

impl fmt::Display for GroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type => f.write_str("type"),
            Self::Subject => f.write_str("subject"),
            Self::Data(path) => path.fmt(f),
        }
    }
}

// === impl RouteGroup ===

impl RouteGroup {
    /// The same for all that comes together at a place.
    #[must_use]
    pub fn at(&self, place: &str) -> Uuid {
        let digest = Sha256::new()
            .chain_update(self.key.0)
            .chain_update(place)
            .finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Uuid::from_bytes(id)
    }

    /// What would become of an event of the group, as some English sentences.
    #[must_use]
    pub fn sentence(&self, event: &Event) -> String {
        let paths: Vec<&str> = self.values.iter().map(|value| value.path.as_str()).collect();
        let with = match paths.as_slice() {
            [] => format!("whatever else the rule “{}” sends here", self.rule_name),
            paths => format!("others of the same {}", and(paths)),
        };
        let without = self.values.iter().filter(|value| value.value.is_none());
        let is_unfit = |path: &str| {
            let found = path.parse::<GroupPath>().map(|path| path.find(event));
            matches!(found, Ok(Err(NoAlert::NotScalar)))
        };
        let (unfit, missing): (Vec<&str>, Vec<&str>) = without
            .map(|value| value.path.as_str())
            .partition(|path| is_unfit(path));
        let missing = match missing.as_slice() {
            [] => String::new(),
            missing => format!(" It has no {}, which counts as a value of its own.", and(missing)),
        };
        let unfit = match unfit.as_slice() {
            [] => String::new(),
            unfit => format!(
                " Its {} {} neither a text, a whole number of 64 bits nor a boolean, and counts as if it had none.",
                and(unfit),
                if unfit.len() == 1 { "is" } else { "are" }
            ),
        };
        format!(
            "It would be gathered with {with} for {}.{missing}{unfit}",
            span_words(self.wait)
        )
    }
}

/// `a, b and c`
fn and(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl TryFrom<wire::RouteGroup> for RouteGroup {
    type Error = Violations;

    /// Reads a group that another service has settled: only what must be parsed is looked at.
    fn try_from(message: wire::RouteGroup) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let key = <[u8; 32]>::try_from(&*message.key);
        let key = key.map_err(|_| violations.add("key", reason::MALFORMED, "must have 32 bytes"));
        let wait = span(message.wait.as_ref(), "wait", &mut violations);
        match key {
            Ok(key) if violations.is_empty() => Ok(Self {
                key: GroupKey(key),
                rule_name: message.rule_name,
                values: message.values.into_iter().map(Into::into).collect(),
                wait: wait.unwrap_or_default(),
                at_most: u32::try_from(message.at_most).unwrap_or_default(),
            }),
            _ => Err(violations),
        }
    }
}

impl From<&RouteGroup> for wire::RouteGroup {
    fn from(group: &RouteGroup) -> Self {
        Self {
            key: group.key.0.to_vec().into(),
            rule_name: group.rule_name.clone(),
            values: group.values.iter().map(Into::into).collect(),
            wait: Some(duration(group.wait)),
            at_most: i32::try_from(group.at_most).unwrap_or(i32::MAX),
        }
    }
}

// === impl GroupKey ===

impl GroupKey {
    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<String> for GroupKey {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut key = [0; 32];
        hex::decode_to_slice(text, &mut key)?;
        Ok(Self(key))
    }
}

impl From<GroupKey> for String {
    fn from(key: GroupKey) -> Self {
        hex::encode(key.0)
    }
}

// === impl GroupValue ===

impl From<wire::GroupValue> for GroupValue {
    fn from(message: wire::GroupValue) -> Self {
        Self {
            path: message.path,
            value: message.value,
        }
    }
}

impl From<&GroupValue> for wire::GroupValue {
    fn from(value: &GroupValue) -> Self {
        Self {
            path: value.path.clone(),
            value: value.value.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
