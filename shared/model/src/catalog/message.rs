//! Event types as messages.

use serde_json::{Map, Value};
use watchbell_contracts::config::v1::{self as wire, AlertWhen};

use super::{AlertPolicy, EventTypeDefinition, EventTypeSpec};
use crate::convert::{FromWire, finite_object, optional, structure, words};
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Category, Severity, Topic};

impl TryFrom<&wire::EventType> for EventTypeSpec {
    type Error = Violations;

    /// Reads an event type whose schema compiles and whose example fits it.
    fn try_from(message: &wire::EventType) -> Result<Self, Violations> {
        EventTypeDefinition::try_from(message).and_then(Self::parse)
    }
}

impl TryFrom<&wire::EventType> for EventTypeDefinition {
    type Error = Violations;

    /// Reads an event type; whether its schema compiles and its example fits is still to be asked.
    fn try_from(message: &wire::EventType) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let name = violations.parse("name", reason::MALFORMED, &message.name);
        let category = optional::<Category>(message.category, "category", &mut violations);
        let severity = optional::<Severity>(message.default_severity, "default_severity", &mut violations);
        let alert_policy = violations.take_under("alert_policy", alert_policy(message.alert_policy.as_ref()));
        let topic: Option<Topic> = match message.topic.as_str() {
            "" => None,
            word => violations.parse("topic", reason::UNKNOWN_VALUE, word),
        };
        let mut object = |fields: &Option<prost_types::Struct>, field| {
            let fields = fields.clone()?;
            Some(finite_object(fields, field, &mut violations))
        };
        let data_schema = object(&message.data_schema, "data_schema").map(Value::Object);
        let example = object(&message.example, "example").unwrap_or_default();
        let alert = message
            .alert
            .as_ref()
            .and_then(|alert| violations.take_under("alert", alert.try_into()));
        let Some(name) = name else {
            return Err(violations);
        };
        violations.into_result(Self {
            title: message.title.clone(),
            description: message.description.clone(),
            category: category.unwrap_or(Category::SystemNotification),
            severity: severity.unwrap_or(Severity::Info),
            alert_policy: alert_policy.unwrap_or_default(),
            topic,
            data_schema,
            example,
            alert,
            name,
        })
    }
}

fn alert_policy(message: Option<&wire::AlertPolicy>) -> Result<AlertPolicy, Violations> {
    let Some(message) = message else {
        return Ok(AlertPolicy::Never);
    };
    let mut violations = Violations::new();
    let severities: SeveritySet = words(&message.severities, "severities", &mut violations)
        .into_iter()
        .collect();
    let policy = match AlertWhen::try_from(message.when) {
        Ok(AlertWhen::Unspecified | AlertWhen::Never) => AlertPolicy::Never,
        Ok(AlertWhen::Always) => AlertPolicy::Always,
        Ok(AlertWhen::Severities) => AlertPolicy::Severities(severities),
        Err(_) => {
            violations.add("when", reason::UNKNOWN_VALUE, "is not a policy");
            AlertPolicy::Never
        }
    };
    match (
        matches!(policy, AlertPolicy::Severities(_)),
        severities.is_empty(),
    ) {
        (true, true) => violations.required("severities"),
        (false, false) => {
            violations.add(
                "severities",
                reason::NOT_ALLOWED,
                "go with the policy SEVERITIES only",
            );
        }
        _ => {}
    }
    violations.into_result(policy)
}

impl From<&EventTypeSpec> for wire::EventType {
    /// An entry of the catalog as a message; its etag is its keeper's to set.
    fn from(spec: &EventTypeSpec) -> Self {
        let (when, severities) = match spec.alert_policy {
            AlertPolicy::Never => (AlertWhen::Never, SeveritySet::EMPTY),
            AlertPolicy::Always => (AlertWhen::Always, SeveritySet::EMPTY),
            AlertPolicy::Severities(severities) => (AlertWhen::Severities, severities),
        };
        let filled = |object: &Map<String, Value>| (!object.is_empty()).then(|| structure(object));
        Self {
            name: spec.event_type.to_string(),
            description: spec.description.clone(),
            category: spec.category.to_wire(),
            default_severity: spec.severity.to_wire(),
            alert_policy: Some(wire::AlertPolicy {
                when: when.into(),
                severities: severities.iter().map(FromWire::to_wire).collect(),
            }),
            topic: spec.topic.map(|topic| topic.to_string()).unwrap_or_default(),
            data_schema: spec
                .data_schema
                .as_ref()
                .and_then(Value::as_object)
                .map(structure),
            example: filled(spec.example.object()),
            built_in: spec.built_in,
            title: spec.title.clone(),
            etag: String::new(),
            alert: spec.alert.as_ref().map(Into::into),
        }
    }
}
