//! The flags that say which events: the same for rules, webhook subscriptions and what alerts.

use watchbell_contracts::config::v1::EventFilter;
use watchbell_model::Category;

use super::resource::Flag;
use crate::text;

/// Flags for the fields of a filter.
#[rustfmt::skip]
pub(super) const FILTER: &[Flag] = &[
    Flag { alias: Some("events"), ..Flag::new("type", "types", "Types: exact, a group such as 'finding.*', or '*'").value("PATTERN") },
    Flag::new("severity", "severities", "Severities: critical, high, medium, low, info"),
    Flag::new("category", "categories", "Categories: security-alert, system-notification, system-error"),
    Flag::new("source", "sources", "Sources, such as cspm or kubernetes"),
    Flag::new("expr", "expression", "A CEL expression over `event`, such as 'event.data.score > 7.0'").value("CEL"),
];

/// The same for what alerts on a default channel.
#[rustfmt::skip]
pub(super) const TRIGGERS: &[Flag] = &[
    Flag::new("trigger-type", "types", "On a default channel: these types alert instead of the catalog's policy").value("PATTERN"),
    Flag::new("trigger-severity", "severities", "On a default channel: only these severities alert").value("SEVERITY"),
    Flag::new("trigger-category", "categories", "On a default channel: only these categories alert").value("CATEGORY"),
    Flag::new("trigger-source", "sources", "On a default channel: only these sources alert").value("SOURCE"),
    Flag::new("trigger-expr", "expression", "On a default channel: a CEL expression that must be true").value("CEL"),
];

/// A filter in a few words; `everything` when it is empty.
pub(super) fn words(filter: &EventFilter) -> String {
    let mut parts = Vec::new();
    if !filter.types.is_empty() {
        parts.push(filter.types.join(", "));
    }
    if !filter.severities.is_empty() {
        parts.push(text::severities(&filter.severities));
    }
    if !filter.categories.is_empty() {
        parts.push(text::words::<Category>(&filter.categories));
    }
    if !filter.sources.is_empty() {
        parts.push(format!("from {}", filter.sources.join(", ")));
    }
    if !filter.expression.is_empty() {
        parts.push(format!("where {}", filter.expression));
    }
    if parts.is_empty() {
        "everything".to_owned()
    } else {
        parts.join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_said() {
        let filter = EventFilter {
            types: vec!["finding.*".to_owned()],
            severities: vec![5, 4],
            expression: "event.test".to_owned(),
            ..EventFilter::default()
        };
        assert_eq!(words(&filter), "finding.* · CRITICAL, HIGH · where event.test");
        assert_eq!(words(&EventFilter::default()), "everything");
    }
}
