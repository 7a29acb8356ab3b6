//! A CEL expression, `---`, an event's data as JSON.

use watchbell_model::expression::{Expression, Facts, MAX_SOURCE_CHARS};

use super::event::event_with;
use crate::input::two_parts;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (source, data) = two_parts(text);
    let Ok(expression) = source.parse::<Expression>() else {
        return;
    };
    assert!(source.chars().count() <= MAX_SOURCE_CHARS);
    assert_eq!(expression.source(), source);
    let data = if data.is_empty() { "{}" } else { data };
    let Some(event) = event_with(data.as_bytes()) else {
        return;
    };
    let outcome = expression.matches(&Facts::of(&event));
    if let Err(error) = &outcome {
        assert!(error.to_string().chars().count() <= 300, "{error}");
    }
    // A decision is the same however often it is made, and on every replica. The interpreter's words may list fields in
    // another order.
    let again: Expression = source.parse().expect("it was one");
    assert_eq!(again.matches(&Facts::of(&event)).ok(), outcome.ok());
}
