//! Event types of the catalog.

use crate::{
    catalog::{AlertPolicy, EventTypeDefinition, EventTypeSpec},
    severities::SeveritySet,
    violation::{Violations, reason},
    vocabulary::{Category, Severity, Topic},
};
use serde_json::{Map, Value};

use super::{FromWire as _, optional, structs::finite_object, structure, words};
use watchbell_contracts::config::v1::{self as wire, AlertWhen};

/// A definition whose schema compiles and whose example fits it.
///
/// # Errors
/// Every field that is wrong, the schema and the example included.
pub fn event_type(message: &wire::EventType) -> Result<EventTypeSpec, Violations> {
    event_type_definition(message).and_then(EventTypeSpec::parse)
}

/// A definition; whether its schema compiles and its example fits is still to be asked.
///
/// # Errors
/// Unknown words and malformed names.
pub(super) fn event_type_definition(message: &wire::EventType) -> Result<EventTypeDefinition, Violations> {
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
    let Some(name) = name else {
        return Err(violations);
    };
    violations.into_result(EventTypeDefinition {
        title: message.title.clone(),
        description: message.description.clone(),
        category: category.unwrap_or(Category::SystemNotification),
        severity: severity.unwrap_or(Severity::Info),
        alert_policy: alert_policy.unwrap_or_default(),
        topic,
        data_schema,
        example,
        name,
    })
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

/// An entry of the catalog as a message; its etag is its keeper's to set.
#[must_use]
pub fn event_type_message(spec: &EventTypeSpec) -> wire::EventType {
    let (when, severities) = match spec.alert_policy {
        AlertPolicy::Never => (AlertWhen::Never, SeveritySet::EMPTY),
        AlertPolicy::Always => (AlertWhen::Always, SeveritySet::EMPTY),
        AlertPolicy::Severities(severities) => (AlertWhen::Severities, severities),
    };
    let filled = |object: &Map<String, Value>| (!object.is_empty()).then(|| structure(object));
    wire::EventType {
        name: spec.event_type.to_string(),
        description: spec.description.clone(),
        category: spec.category.to_wire(),
        default_severity: spec.severity.to_wire(),
        alert_policy: Some(wire::AlertPolicy {
            when: when.into(),
            severities: severities.iter().map(super::FromWire::to_wire).collect(),
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
    }
}
