//! Filters: rules, webhook channels and triggers have one.

use crate::{
    filter::{Filter, FilterDraft},
    violation::Violations,
};

use super::{FromWire as _, words};
use watchbell_contracts::config::v1::EventFilter;

/// A filter that parses. Paths are those of the filter's own fields.
///
/// # Errors
/// Unknown words, malformed patterns, an expression that does not compile.
pub fn filter(message: &EventFilter) -> Result<Filter, Violations> {
    let mut violations = Violations::new();
    let draft = FilterDraft {
        types: message.types.clone(),
        categories: words(&message.categories, "categories", &mut violations),
        severities: words(&message.severities, "severities", &mut violations),
        sources: message.sources.clone(),
        expression: message.expression.clone(),
    };
    match violations.take(Filter::parse(draft)) {
        Some(filter) if violations.is_empty() => Ok(filter),
        _ => Err(violations),
    }
}

/// A filter as a message, normalised.
#[must_use]
pub fn filter_message(filter: &Filter) -> EventFilter {
    EventFilter {
        types: filter.types.iter().map(ToString::to_string).collect(),
        categories: filter
            .categories
            .iter()
            .map(|category| category.to_wire())
            .collect(),
        severities: filter.severities.iter().map(super::FromWire::to_wire).collect(),
        sources: filter.sources.clone(),
        expression: filter
            .expression
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}
