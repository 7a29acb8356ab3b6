//! The catalog of event types: what each is called, how bad it is by default, whom it alerts unasked, which email
//! topic it belongs to, and what its `data` must look like. Built-in types come with Watchbell; a team can add its own.
//!
//! Schemas of built-in types lie in `catalog/*.json` beside `src`; each carries its title, its description and an
//! example that is also the body of a test event.

mod built_in;
mod cost;
mod message;
pub mod notices;
mod schema;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alert::AlertSpec;
use crate::data::Data;
use crate::pattern::EventType;
use crate::severities::SeveritySet;
use crate::text::MAX_TITLE_CHARS;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Category, Severity, Topic};

/// The type of a compliance receipt, the only one that the order of deciding treats apart.
pub const RECEIPT: &str = "compliance.receipt.issued";

/// How many event types of its own a team can have.
pub const MAX_CUSTOM_TYPES: usize = 200;
/// The most ranges of characters of the patterns of all types of a team, of some hundred bytes each once they are compiled.
const MAX_PATTERN_WEIGHT: u64 = 200_000;

/// Whether an event goes to the default channel and the inbox although nobody asked for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertPolicy {
    /// Silent until someone asks.
    #[default]
    Never,
    /// At every severity.
    Always,
    /// At these.
    Severities(SeveritySet),
}

/// An event type as it is written down, by us or by a team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventTypeDefinition {
    /// `finding.created`.
    pub name: EventType,
    /// The title of an event that brings none.
    pub title: String,
    /// What it says, in one line.
    pub description: String,
    /// The category of an event that names none.
    pub category: Category,
    /// The severity of an event that names none.
    pub severity: Severity,
    /// Whom it alerts unasked.
    pub alert_policy: AlertPolicy,
    /// The email topic; without one nobody gets it by email unless a rule says so.
    pub topic: Option<Topic>,
    /// JSON Schema of `data`; any object when absent.
    pub data_schema: Option<Value>,
    /// An example of `data`.
    pub example: Map<String, Value>,
    /// Which alert its events belong to, and what they do to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertSpec>,
}

/// An entry of the catalog, its schema compiled.
#[derive(Debug)]
pub struct EventTypeSpec {
    /// Its name.
    pub event_type: EventType,
    /// The title of an event that brings none.
    pub title: String,
    /// What it says, in one line.
    pub description: String,
    /// The category of an event that names none.
    pub category: Category,
    /// The severity of an event that names none.
    pub severity: Severity,
    /// Whom it alerts unasked.
    pub alert_policy: AlertPolicy,
    /// The email topic.
    pub topic: Option<Topic>,
    /// The JSON Schema of `data`, as written.
    pub data_schema: Option<Value>,
    /// An example of `data`, valid against the schema.
    pub example: Data,
    /// Whether it comes with Watchbell.
    pub built_in: bool,
    /// Whether it is about Watchbell's own work: emitted by Watchbell alone, and sent only where a filter names it.
    pub operational: bool,
    /// Which alert its events belong to, and what they do to it.
    pub alert: Option<AlertSpec>,
    schema: Option<schema::Schema>,
}

/// The event types that one team can emit.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    custom: BTreeMap<EventType, Arc<EventTypeSpec>>,
    /// Types that the team has and this version does not take, and why.
    unusable: BTreeMap<EventType, Violations>,
}

static BUILT_IN: LazyLock<BTreeMap<EventType, Arc<EventTypeSpec>>> = LazyLock::new(built_in::all);
static WITHOUT_CUSTOM: Catalog = Catalog {
    custom: BTreeMap::new(),
    unusable: BTreeMap::new(),
};

// === impl AlertPolicy ===

impl AlertPolicy {
    /// Whether an event of that severity alerts by default.
    #[must_use]
    pub const fn applies(self, severity: Severity) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::Severities(severities) => severities.contains(severity),
        }
    }
}

// === impl EventTypeSpec ===

impl EventTypeSpec {
    /// Checks a definition by a team and compiles its schema. Paths are those of the definition's own fields.
    pub fn parse(mut definition: EventTypeDefinition) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if notices::ALL.contains(&definition.name.as_str()) {
            let why = "is a type of Watchbell's own notices";
            violations.add("name", reason::NOT_ALLOWED, why);
        } else if BUILT_IN.contains_key(&definition.name) {
            violations.add("name", reason::DUPLICATE, "is the name of a built-in event type");
        }
        if definition.title.trim().is_empty() {
            violations.required("title");
        }
        violations.limit_chars("title", &definition.title, MAX_TITLE_CHARS);
        violations.limit_chars("description", &definition.description, 1_000);
        if definition
            .topic
            .is_some_and(|topic| matches!(topic, Topic::WeeklyDigest | Topic::Marketing))
        {
            violations.add("topic", reason::NOT_ALLOWED, "cannot be the digest or marketing");
        }
        let schema = definition
            .data_schema
            .as_ref()
            .and_then(|written| violations.take_under("data_schema", schema::Schema::parse(written)));
        let example = Data::of(std::mem::take(&mut definition.example))
            .map_err(|error| violations.add("example", error.reason(), error.to_string()))
            .unwrap_or_default();
        let spec = Self::compiled(definition, example, schema, false);
        if let Err(invalid) = spec.validate(&spec.example) {
            if spec.example.is_empty() {
                violations.add(
                    "example",
                    reason::REQUIRED,
                    "must be given, since the schema wants data",
                );
            } else {
                violations.nest("example", invalid);
            }
        }
        violations.into_result(spec)
    }

    /// Whether `data` is what the type promises. Paths are those inside of `data`: nest them under `event.data`.
    pub fn validate(&self, data: &Data) -> Result<(), Violations> {
        self.schema
            .as_ref()
            .map_or(Ok(()), |schema| schema.validate(data))
    }

    /// Whether [`EventTypeSpec::validate`] may take long enough to delay others: tens of milliseconds instead of
    /// microseconds. Only a schema by a team can.
    #[must_use]
    pub fn is_heavy(&self, data: &Data) -> bool {
        !self.built_in && self.schema.as_ref().is_some_and(|schema| schema.is_heavy(data))
    }

    /// Whether it tells of something that failed, which is what the default of the topic `scans` asks for.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.category == Category::SystemError
    }

    /// Whether it is a compliance receipt, which goes by email and nowhere else.
    #[must_use]
    pub fn is_receipt(&self) -> bool {
        self.event_type.as_str() == RECEIPT
    }

    fn compiled(
        definition: EventTypeDefinition,
        example: Data,
        schema: Option<schema::Schema>,
        built_in: bool,
    ) -> Self {
        let event_type = definition.name;
        Self {
            title: definition.title.trim().to_owned(),
            description: definition.description,
            category: definition.category,
            severity: definition.severity,
            alert_policy: definition.alert_policy,
            topic: definition.topic,
            data_schema: definition.data_schema,
            example,
            built_in,
            operational: built_in && notices::is_operational(event_type.as_str()),
            event_type,
            alert: definition.alert,
            schema,
        }
    }
}

/// Counts the patterns of a team's types.
#[derive(Debug, Default)]
pub struct PatternMeter(u64);

// === impl PatternMeter ===

impl PatternMeter {
    /// Takes in the schema of one more type.
    ///
    /// # Errors
    /// When the patterns of all are too large together; the path is `data_schema`.
    pub fn take(&mut self, schema: Option<&Value>) -> Result<(), Violations> {
        let weight = schema.map_or(0, schema::Schema::pattern_weight);
        let sum = self.0.saturating_add(weight);
        if sum > MAX_PATTERN_WEIGHT {
            let why = "has patterns that are too large together with those of the team's other event types";
            return Err(Violations::one("data_schema", reason::TOO_LONG, why));
        }
        self.0 = sum;
        Ok(())
    }
}

// === impl Catalog ===

impl Catalog {
    /// The catalog of a team that has no event types of its own.
    #[must_use]
    pub fn built_in() -> &'static Self {
        &WITHOUT_CUSTOM
    }

    /// The built-in types and these. One that was stored under older bounds and does not keep the present ones is set
    /// apart: nobody can emit it, and everything else goes on. Paths are `[index].field`.
    pub fn with_custom(definitions: Vec<EventTypeDefinition>) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if definitions.len() > MAX_CUSTOM_TYPES {
            violations.add(
                "",
                reason::TOO_LONG,
                format!("must have at most {MAX_CUSTOM_TYPES} entries"),
            );
            return Err(violations);
        }
        let (mut custom, mut unusable) = (BTreeMap::new(), BTreeMap::new());
        let mut patterns = PatternMeter::default();
        for (index, definition) in definitions.into_iter().enumerate() {
            let name = definition.name.clone();
            let fits = patterns.take(definition.data_schema.as_ref());
            match fits.and_then(|()| EventTypeSpec::parse(definition)) {
                Ok(spec) => {
                    if custom.insert(name, Arc::new(spec)).is_some() {
                        violations.add(format!("[{index}].name"), reason::DUPLICATE, "is given twice");
                    }
                }
                Err(why) => {
                    unusable.insert(name, why);
                }
            }
        }
        violations.into_result(Self { custom, unusable })
    }

    /// The entry of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&EventTypeSpec> {
        BUILT_IN
            .get(name)
            .or_else(|| self.custom.get(name))
            .map(|spec| &**spec)
    }

    /// Why a type that the team has cannot be used.
    #[must_use]
    pub fn unusable(&self, name: &str) -> Option<&Violations> {
        self.unusable.get(name)
    }

    /// The entry of that type.
    #[must_use]
    pub fn lookup(&self, event_type: &EventType) -> Option<&EventTypeSpec> {
        self.get(event_type.as_str())
    }

    /// All entries by name, built-in ones first.
    pub fn iter(&self) -> impl Iterator<Item = &EventTypeSpec> {
        BUILT_IN.values().chain(self.custom.values()).map(|spec| &**spec)
    }
}

#[cfg(test)]
mod docs;
#[cfg(test)]
mod tests;
