//! The small things that many checks share.

use watchbell_contracts::config::v1::{EventFilter, Scope as WireScope};
use watchbell_model::convert;
use watchbell_model::expression::Expression;
use watchbell_model::filter::Filter;
use watchbell_model::rule::MAX_NAME_CHARS;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Scope;

use super::Checked;

/// A name for people: given, of a sane length, without control characters; trimmed.
pub(super) fn name(text: &str, field: &str, violations: &mut Violations) -> String {
    let text = text.trim();
    if text.is_empty() {
        violations.required(field);
    }
    violations.limit_chars(field, text, MAX_NAME_CHARS);
    if text
        .chars()
        .any(|character| character.is_control() && character != '\0')
    {
        violations.add(field, reason::MALFORMED, "must not hold control characters");
    }
    text.to_owned()
}

/// A filter that parses, and whose expression can be true.
pub(super) fn filter(message: &EventFilter) -> Checked<Filter> {
    let filter = convert::filter(message)?;
    match filter.expression.as_ref().map(Expression::check) {
        Some(Err(error)) => Err(Violations::one(
            "expression",
            reason::EXPRESSION,
            error.to_string(),
        )),
        _ => Ok(filter),
    }
}

pub(super) fn scope(number: i32) -> Option<Scope> {
    match WireScope::try_from(number).ok()? {
        WireScope::Unspecified => None,
        WireScope::Emit => Some(Scope::Emit),
        WireScope::ConfigRead => Some(Scope::ConfigRead),
        WireScope::ConfigWrite => Some(Scope::ConfigWrite),
        WireScope::DeliveriesRead => Some(Scope::DeliveriesRead),
        WireScope::DeliveriesWrite => Some(Scope::DeliveriesWrite),
        WireScope::Inbox => Some(Scope::Inbox),
        WireScope::Platform => Some(Scope::Platform),
    }
}
