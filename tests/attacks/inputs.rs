//! Inputs that cost more to judge than to send.

use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Value, json};

/// What a parser may take for an instruction.
pub(super) const MAGIC_KEY: &str = "$serde_json::private::RawValue";

/// JSON that is small and nests without an end once a parser takes a magic key for its own, each layer anew.
pub(super) fn magic_nesting() -> String {
    let mut text = "1".to_owned();
    for layer in 0..16 {
        let inner = if layer == 0 {
            text
        } else {
            json!({ MAGIC_KEY: text }).to_string()
        };
        text = format!("{}{inner}{}", "[".repeat(124), "]".repeat(124));
    }
    format!("{{\"a\":{text}}}")
}

/// A schema with so many alternatives for each item that telling all of them apart takes memory without bound.
pub(super) fn alternatives() -> Value {
    let branches: Vec<_> = (1..=900).map(|number| json!({"const": -number})).collect();
    json!({"type": "object", "properties": {"a": {"type": "array", "items": {"anyOf": branches}}}})
}

/// Data that fits none of them.
pub(super) fn zeros(count: usize) -> String {
    json!({"a": vec![0; count]}).to_string()
}

/// A schema whose pattern takes long over [`letters`].
pub(super) fn slow_pattern() -> Value {
    json!({"type": "object", "properties": {"s": {"type": "string", "pattern": "[ab]*a[ab]{9000}c"}}})
}

/// A struct that nests so deep.
pub(super) fn nested(depth: usize) -> Struct {
    let field = |value: Kind| Struct {
        fields: [("a".to_owned(), prost_types::Value { kind: Some(value) })].into(),
    };
    (0..depth).fold(field(Kind::BoolValue(true)), |inner, _| {
        field(Kind::StructValue(inner))
    })
}

/// Text of a and b.
pub(super) fn letters(count: usize) -> String {
    let letters: String = (0..count).map(|at| if at % 3 == 0 { 'b' } else { 'a' }).collect();
    json!({"s": letters}).to_string()
}

/// Expressions that take long: by their patterns, and by nesting over all of the event.
pub(super) fn slow_expressions() -> [String; 2] {
    let matches = "event.data.s.matches(\"[ab]*a[ab]{1900}c\")";
    let equal = vec!["event==event"; 120].join(" && ");
    [
        vec![matches; 40].join(" || "),
        format!("event.data.a.all(x, {equal})"),
    ]
}
