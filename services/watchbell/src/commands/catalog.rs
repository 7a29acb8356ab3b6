//! `catalog`: event types. The built-in ones are there to look at; a team's own can be made and changed.

use prost::Message as _;
use prost_reflect::DynamicMessage;
use watchbell_contracts::config::v1::{AlertPolicy, AlertSpec, AlertWhen};
use watchbell_contracts::event::v1::AlertAction;

use super::resource::{Column, Described, Flag, Form, Group, On, Resource, Verb, View, Which, Words, typed};
use crate::input;
use crate::text;

/// Event types.
#[derive(Debug, Clone)]
pub(crate) enum Catalog {}

#[rustfmt::skip]
impl Described for Catalog {
    const RESOURCE: &'static Resource = &Resource {
        service: "watchbell.config.v1.CatalogService",
        message: "watchbell.config.v1.EventType",
        which: Which { argument: "name", help: "Such as billing.invoice.paid", field: "name", ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All event types"),
            Words::new("show", Verb::Show, "One event type with its schema and an example"),
            Words::new("create", Verb::Create, "Make an event type of the team's own"),
            Words::new("update", Verb::Update, "Change an event type of the team's own"),
            Words::new("delete", Verb::Delete, "Delete an event type of the team's own"),
        ],
        groups: &[Group::new(&[
            Flag::new("name", "name", "Dotted and lower-case, such as billing.invoice.paid").on(On::Name),
            Flag::new("description", "description", "What it says, in one line"),
            Flag::new("title", "title", "The title when an event brings none"),
            Flag::new("category", "category", "security-alert, system-notification or system-error"),
            Flag::new("severity", "default_severity", "The severity when an event brings none"),
            Flag::new("alert", "alert_policy", "What alerts by default: never, always, or severities")
                .value("WHEN").form(Form::Message(|text| policy(text).map(|policy| policy.encode_to_vec()))),
            Flag::new("topic", "topic", "The email topic; empty for none"),
            Flag::new("alert-key", "alert.key", "The field that names the alert of an event, such as data.invoice_id"),
            Flag::new("alert-action", "alert.action", "What an event does to its alert: trigger, update or resolve"),
            Flag::new("alert-repeat", "alert.repeat", "What becomes of an event that says of an open alert what was told before: count or notify"),
            Flag::new("schema", "data_schema", "JSON Schema of the data, or @FILE").value("JSON"),
            Flag::new("example", "example", "An example of the data, or @FILE").value("JSON"),
        ])],
        columns: &[
            Column::Id("TYPE", "name"),
            Column::Field("SEVERITY", "default_severity"),
            Column::With("ALERTS", alerts),
            Column::Field("TOPIC", "topic"),
            Column::With("WHOSE", whose),
            Column::Field("SAYS", "description"),
        ],
        empty: "no event types",
        lines: &[
            Column::Id("type", "name"),
            Column::Field("says", "description"),
            Column::Field("title", "title"),
            Column::Field("category", "category"),
            Column::Field("severity", "default_severity"),
            Column::With("alerts", alerts),
            Column::Field("topic", "topic"),
            Column::With("alert", alert),
            Column::With("whose", whose),
            Column::Field("schema", "data_schema"),
            Column::Field("example", "example"),
        ],
        ..Resource::BARE
    };
}

fn policy(text: &str) -> Result<AlertPolicy, String> {
    let mut severities = Vec::new();
    let when = match text.to_ascii_lowercase().as_str() {
        "never" => AlertWhen::Never,
        "always" => AlertWhen::Always,
        words => {
            severities = input::severities(words, "never, always")?;
            AlertWhen::Severities
        }
    };
    Ok(AlertPolicy {
        when: when as i32,
        severities,
    })
}

fn alerts(event_type: &DynamicMessage, _: &View) -> String {
    policy_words(&typed(event_type, "alert_policy").unwrap_or_default())
}

fn policy_words(policy: &AlertPolicy) -> String {
    match AlertWhen::try_from(policy.when) {
        Ok(AlertWhen::Always) => "always".to_owned(),
        Ok(AlertWhen::Severities) => format!("at {}", text::severities(&policy.severities)),
        _ => "never".to_owned(),
    }
}

fn alert(event_type: &DynamicMessage, _: &View) -> String {
    let Some(alert) = typed::<AlertSpec>(event_type, "alert") else {
        return String::new();
    };
    let does = match alert.action() {
        AlertAction::Trigger => "triggers",
        AlertAction::Update => "updates",
        AlertAction::Resolve => "resolves",
        AlertAction::Unspecified => "belongs to",
    };
    format!("{does} {}", alert.key)
}

fn whose(event_type: &DynamicMessage, _: &View) -> String {
    let is_built_in = event_type
        .get_field_by_name("built_in")
        .is_some_and(|value| value.as_bool() == Some(true));
    if is_built_in { "built in" } else { "the team's" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_never_always_or_severities() {
        assert_eq!(policy("always").unwrap().when, AlertWhen::Always as i32);
        let at = policy("critical,HIGH").unwrap();
        assert_eq!(at.severities, [5, 4]);
        assert_eq!(policy_words(&at), "at CRITICAL, HIGH");
        assert!(policy("sometimes").is_err());
    }
}
