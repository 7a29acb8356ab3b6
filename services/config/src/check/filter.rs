//! Filters: rules, webhook channels and triggers have one.

use watchbell_contracts::config::v1::EventFilter;
use watchbell_contracts::convert::{FromWire, words};
use watchbell_domain::filter::{Filter, FilterDraft};
use watchbell_domain::violation::Violations;

use super::Checked;

/// The same filter, normalised.
pub(super) fn filter(filter: &EventFilter) -> Checked<EventFilter> {
    let mut violations = Violations::new();
    let draft = FilterDraft {
        types: filter.types.clone(),
        categories: words(&filter.categories, "categories", &mut violations),
        severities: words(&filter.severities, "severities", &mut violations),
        sources: filter.sources.clone(),
        expression: filter.expression.clone(),
    };
    match violations.take(Filter::parse(draft)) {
        Some(filter) if violations.is_empty() => Ok(message(&filter)),
        _ => Err(violations),
    }
}

fn message(filter: &Filter) -> EventFilter {
    EventFilter {
        types: filter.types.iter().map(ToString::to_string).collect(),
        categories: filter
            .categories
            .iter()
            .map(|category| category.to_wire())
            .collect(),
        severities: filter.severities.iter().map(FromWire::to_wire).collect(),
        sources: filter.sources.clone(),
        expression: filter
            .expression
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}
