//! Which events: types, categories, severities, sources and an expression, each of which must hold when it is set.
//! Used by rules, by webhook channels and by the triggers of a default channel. A filter that does not match says
//! which condition failed, so that `Explain` can.

use watchbell_contracts::config::v1 as wire;

use crate::convert::{FromWire, words};
use crate::event::Event;
use crate::expression::{Expression, Facts};
use crate::pattern::EventPattern;
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Category, Severity};

/// A condition on events. The empty one matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Any of these; all when empty.
    pub types: Vec<EventPattern>,
    /// Any of these; all when empty.
    pub categories: Vec<Category>,
    /// Any of these; all when empty.
    pub severities: SeveritySet,
    /// Any of these, compared without regard to case; all when empty.
    pub sources: Vec<String>,
    /// Must be true.
    pub expression: Option<Expression>,
}

/// Reads a filter: [`Filter::kept`] what is kept, [`Filter::written`] what is being saved.
pub(crate) type ReadFilter = fn(&wire::EventFilter) -> Result<Filter, Violations>;

/// What a filter says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Every condition holds.
    Yes,
    /// This one does not; those after it were not asked.
    No(Mismatch),
}

/// The condition that failed. [`Filter::sentence`] says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// No pattern chooses the type.
    Type,
    /// No pattern but `*` chooses the type, which is an operational one.
    Unnamed,
    /// Another category.
    Category,
    /// Another severity.
    Severity,
    /// Another source.
    Source,
    /// The expression is false.
    Expression,
    /// The expression gave neither true nor false; why, in words.
    ExpressionFailed(String),
}

/// The most patterns of types.
pub const MAX_TYPES: usize = 100;
/// The most sources.
pub const MAX_SOURCES: usize = 50;

// === impl Filter ===

impl Filter {
    /// The filter that has only these patterns.
    #[must_use]
    pub fn of_types(types: Vec<EventPattern>) -> Self {
        Self {
            types,
            ..Self::default()
        }
    }

    /// Reads a filter that is being saved: its expression must be one that can be true. What was saved before this was asked
    /// stays readable, and matches nothing.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn written(message: &wire::EventFilter) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let filter = Self::read(message, &mut violations);
        if let Some(Err(error)) = filter.expression.as_ref().map(Expression::check) {
            violations.add("expression", reason::EXPRESSION, error.to_string());
        }
        violations.into_result(filter)
    }

    /// Reads a filter that is kept.
    pub(crate) fn kept(message: &wire::EventFilter) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let filter = Self::read(message, &mut violations);
        violations.into_result(filter)
    }

    fn read(message: &wire::EventFilter, violations: &mut Violations) -> Self {
        let categories = words(&message.categories, "categories", violations);
        let severities: Vec<Severity> = words(&message.severities, "severities", violations);
        violations.limit_entries("types", message.types.len(), MAX_TYPES);
        violations.limit_entries("sources", message.sources.len(), MAX_SOURCES);
        let mut types = Vec::with_capacity(message.types.len().min(MAX_TYPES));
        for (index, text) in message.types.iter().take(MAX_TYPES).enumerate() {
            types.extend(violations.parse::<EventPattern>(
                &format!("types[{index}]"),
                reason::MALFORMED,
                text.trim(),
            ));
        }
        for (index, source) in message.sources.iter().take(MAX_SOURCES).enumerate() {
            let field = format!("sources[{index}]");
            if source.trim().is_empty() {
                violations.required(&field);
            }
            violations.limit_chars(&field, source, crate::event::MAX_SOURCE_CHARS);
        }
        let expression = match message.expression.trim() {
            "" => None,
            source => violations.parse("expression", reason::EXPRESSION, source),
        };
        Self {
            types,
            categories,
            severities: severities.into(),
            sources: message
                .sources
                .iter()
                .map(|source| source.trim().to_owned())
                .collect(),
            expression,
        }
    }

    /// Whether every condition holds. For one question; who asks many filters about one event shares the
    /// [`Facts`].
    #[must_use]
    pub fn matches(&self, event: &Event) -> Match {
        self.matches_facts(&Facts::of(event))
    }

    /// Like [`Filter::matches`]. Conditions are asked from the cheapest to the dearest.
    #[must_use]
    pub fn matches_facts(&self, facts: &Facts<'_>) -> Match {
        let event = facts.event();
        if !self.types.is_empty() && self.matching_pattern(event).is_none() {
            return Match::No(Mismatch::Type);
        }
        if !self.categories.is_empty() && !self.categories.contains(&event.category) {
            return Match::No(Mismatch::Category);
        }
        if !self.severities.is_empty() && !self.severities.contains(event.severity) {
            return Match::No(Mismatch::Severity);
        }
        if !self.sources.is_empty()
            && !self
                .sources
                .iter()
                .any(|source| is_same_word(source, &event.source))
        {
            return Match::No(Mismatch::Source);
        }
        match self
            .expression
            .as_ref()
            .map(|expression| expression.matches(facts))
        {
            None | Some(Ok(true)) => Match::Yes,
            Some(Ok(false)) => Match::No(Mismatch::Expression),
            Some(Err(error)) => Match::No(Mismatch::ExpressionFailed(error.to_string())),
        }
    }

    /// The first pattern that chooses the event's type.
    #[must_use]
    pub fn matching_pattern(&self, event: &Event) -> Option<&EventPattern> {
        self.types
            .iter()
            .find(|pattern| pattern.matches(&event.event_type))
    }

    /// The first pattern that names the event's type, or its group.
    #[must_use]
    pub fn naming_pattern(&self, event: &Event) -> Option<&EventPattern> {
        self.types.iter().find(|pattern| pattern.names(&event.event_type))
    }

    /// Why the event did not match, as one sentence.
    #[must_use]
    pub fn sentence(&self, mismatch: &Mismatch, event: &Event) -> String {
        match mismatch {
            Mismatch::Type => {
                format!(
                    "The type {} is not among {}.",
                    event.event_type,
                    list(&self.types)
                )
            }
            Mismatch::Unnamed => format!(
                "{} is about Watchbell's own work and goes only where its type, or its group, is named.",
                event.event_type
            ),
            Mismatch::Category => {
                format!(
                    "The category {} is not among {}.",
                    event.category,
                    list(&self.categories)
                )
            }
            Mismatch::Severity => {
                format!(
                    "The severity {} is not among {}.",
                    event.severity, self.severities
                )
            }
            Mismatch::Source if event.source.is_empty() => {
                format!(
                    "The event names no source, and {} is asked for.",
                    list(&self.sources)
                )
            }
            Mismatch::Source => format!(
                "The source {} is not among {}.",
                event.source,
                list(&self.sources)
            ),
            Mismatch::Expression => "The expression is false.".to_owned(),
            Mismatch::ExpressionFailed(why) => {
                format!("The expression could not be evaluated, which counts as no match: {why}.")
            }
        }
    }
}

impl TryFrom<&wire::EventFilter> for Filter {
    type Error = Violations;

    /// Reads a filter that is kept.
    fn try_from(message: &wire::EventFilter) -> Result<Self, Violations> {
        Self::kept(message)
    }
}

impl From<&Filter> for wire::EventFilter {
    fn from(filter: &Filter) -> Self {
        Self {
            types: filter.types.iter().map(ToString::to_string).collect(),
            categories: filter
                .categories
                .iter()
                .map(|category| category.to_wire())
                .collect(),
            severities: filter.severities.iter().rev().map(FromWire::to_wire).collect(),
            sources: filter.sources.clone(),
            expression: filter
                .expression
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }
}

impl Match {
    /// Whether every condition holds.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes)
    }
}

/// Compares without regard to case, in any script.
fn is_same_word(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}

fn list<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests;
