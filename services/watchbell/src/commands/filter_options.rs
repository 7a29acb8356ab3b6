//! The flags that say which events: the same for rules and for webhook subscriptions.

use clap::Args;
use watchbell_contracts::config::v1::EventFilter;
use watchbell_model::convert::FromWire as _;
use watchbell_model::{Category, Severity};

use crate::input;
use crate::text;

/// Which events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which events")]
pub(crate) struct FilterOptions {
    /// Types: exact, a group such as 'finding.*', or '*'
    #[arg(
        long = "type",
        visible_alias = "events",
        value_name = "PATTERN",
        value_delimiter = ','
    )]
    pub(crate) types: Vec<String>,
    /// Severities: critical, high, medium, low, info
    #[arg(long = "severity", value_parser = input::word::<Severity>, value_name = "SEVERITY", value_delimiter = ',')]
    pub(crate) severities: Vec<Severity>,
    /// Categories: security-alert, system-notification, system-error
    #[arg(long = "category", value_parser = input::word::<Category>, value_name = "CATEGORY", value_delimiter = ',')]
    pub(crate) categories: Vec<Category>,
    /// Sources, such as cspm or kubernetes
    #[arg(long = "source", value_name = "SOURCE", value_delimiter = ',')]
    pub(crate) sources: Vec<String>,
    /// A CEL expression over `event`, such as 'event.data.score > 7.0'
    #[arg(long = "expr", value_name = "CEL")]
    pub(crate) expression: Option<String>,
}

impl FilterOptions {
    /// As the wire carries it.
    pub(crate) fn filter(&self) -> EventFilter {
        EventFilter {
            types: self.types.clone(),
            categories: self
                .categories
                .iter()
                .map(|category| category.to_wire())
                .collect(),
            severities: self
                .severities
                .iter()
                .map(|severity| severity.to_wire())
                .collect(),
            sources: self.sources.clone(),
            expression: self.expression.clone().unwrap_or_default(),
        }
    }

    /// The parts that were given, as paths of an update mask under `prefix`.
    pub(crate) fn paths(&self, prefix: &str) -> Vec<String> {
        let given = [
            (!self.types.is_empty(), "types"),
            (!self.categories.is_empty(), "categories"),
            (!self.severities.is_empty(), "severities"),
            (!self.sources.is_empty(), "sources"),
            (self.expression.is_some(), "expression"),
        ];
        given
            .iter()
            .filter(|(given, _)| *given)
            .map(|(_, field)| format!("{prefix}.{field}"))
            .collect()
    }
}

/// A filter in a few words; `everything` when it is empty.
pub(crate) fn words(filter: &EventFilter) -> String {
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
    fn only_what_was_given_is_changed_and_said() {
        let options = FilterOptions {
            types: vec!["finding.*".to_owned()],
            severities: vec![Severity::Critical, Severity::High],
            expression: Some("event.test".to_owned()),
            ..FilterOptions::default()
        };
        assert_eq!(
            options.paths("match"),
            ["match.types", "match.severities", "match.expression"]
        );
        assert_eq!(
            words(&options.filter()),
            "finding.* · CRITICAL, HIGH · where event.test"
        );
        assert_eq!(words(&EventFilter::default()), "everything");
    }
}
