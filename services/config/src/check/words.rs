//! The small things that many checks share.

use watchbell_contracts::config::v1::Scope as WireScope;
use watchbell_domain::rule::MAX_NAME_CHARS;
use watchbell_domain::violation::{Violations, reason};
use watchbell_runtime::auth::Scope;

/// A name for people: given, of a sane length, without control characters; trimmed.
pub(super) fn name(text: &str, field: &str, violations: &mut Violations) -> String {
    let text = text.trim();
    if text.is_empty() {
        violations.required(field);
    }
    violations.limit_chars(field, text, MAX_NAME_CHARS);
    if text.chars().any(char::is_control) {
        violations.add(field, reason::MALFORMED, "must not hold control characters");
    }
    text.to_owned()
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
