//! A team's own event types, and the way between the message and the domain's definition.

use serde_json::{Map, Value};
use watchbell_contracts::config::v1::{AlertPolicy as WirePolicy, AlertWhen, EventType};
use watchbell_contracts::convert::{FromWire, object, optional, structure, words};
use watchbell_domain::catalog::{AlertPolicy, EventTypeDefinition, EventTypeSpec};
use watchbell_domain::violation::{Violations, reason};
use watchbell_domain::{Category, Severity, SeveritySet, Topic};

use super::Checked;

/// A definition whose schema compiles and whose example fits it.
pub(crate) fn definition(message: &EventType) -> Checked<EventTypeSpec> {
    let mut violations = Violations::new();
    let name = violations.parse("name", reason::MALFORMED, &message.name);
    let category = optional::<Category>(message.category, "category", &mut violations);
    let severity = optional::<Severity>(message.default_severity, "default_severity", &mut violations);
    let alert_policy = violations
        .take_under("alert_policy", policy(message.alert_policy.as_ref()))
        .unwrap_or(AlertPolicy::Never);
    let topic: Option<Topic> = match message.topic.as_str() {
        "" => None,
        word => violations.parse("topic", reason::UNKNOWN_VALUE, word),
    };
    let Some(name) = name else {
        return Err(violations);
    };
    let spec = EventTypeSpec::parse(EventTypeDefinition {
        title: message.title.clone(),
        description: message.description.clone(),
        category: category.unwrap_or(Category::SystemNotification),
        severity: severity.unwrap_or(Severity::Info),
        alert_policy,
        topic,
        data_schema: message
            .data_schema
            .clone()
            .map(|schema| Value::Object(object(schema))),
        example: message.example.clone().map(object).unwrap_or_default(),
        name,
    });
    match violations.take(spec) {
        Some(spec) if violations.is_empty() => Ok(spec),
        _ => Err(violations),
    }
}

fn policy(policy: Option<&WirePolicy>) -> Checked<AlertPolicy> {
    let Some(policy) = policy else {
        return Ok(AlertPolicy::Never);
    };
    let mut violations = Violations::new();
    let severities: SeveritySet = words(&policy.severities, "severities", &mut violations)
        .into_iter()
        .collect();
    let checked = match AlertWhen::try_from(policy.when) {
        Ok(AlertWhen::Unspecified | AlertWhen::Never) => AlertPolicy::Never,
        Ok(AlertWhen::Always) => AlertPolicy::Always,
        Ok(AlertWhen::Severities) => AlertPolicy::Severities(severities),
        Err(_) => {
            violations.add("when", reason::UNKNOWN_VALUE, "is not a policy");
            AlertPolicy::Never
        }
    };
    match (
        matches!(checked, AlertPolicy::Severities(_)),
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
    violations.into_result(checked)
}

/// An entry of the catalog as a message.
pub(crate) fn event_type(spec: &EventTypeSpec) -> EventType {
    let (when, severities) = match spec.alert_policy {
        AlertPolicy::Never => (AlertWhen::Never, SeveritySet::EMPTY),
        AlertPolicy::Always => (AlertWhen::Always, SeveritySet::EMPTY),
        AlertPolicy::Severities(severities) => (AlertWhen::Severities, severities),
    };
    EventType {
        name: spec.event_type.to_string(),
        description: spec.description.clone(),
        category: spec.category.to_wire(),
        default_severity: spec.severity.to_wire(),
        alert_policy: Some(WirePolicy {
            when: when.into(),
            severities: severities.iter().map(FromWire::to_wire).collect(),
        }),
        topic: spec.topic.map(|topic| topic.to_string()).unwrap_or_default(),
        data_schema: spec
            .data_schema
            .as_ref()
            .and_then(Value::as_object)
            .map(structure),
        example: some(&spec.example).map(structure),
        built_in: spec.built_in,
        title: spec.title.clone(),
        etag: String::new(),
    }
}

fn some(object: &Map<String, Value>) -> Option<&Map<String, Value>> {
    (!object.is_empty()).then_some(object)
}
