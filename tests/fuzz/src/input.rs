//! Inputs of several parts: texts with a line `---` between them, so that a corpus can be read and written by hand.

use std::fmt::Debug;
use std::str::FromStr;

/// The two parts of an input. What has no such line has an empty second one.
pub(crate) fn two_parts(text: &str) -> (&str, &str) {
    text.split_once("\n---\n").unwrap_or((text, ""))
}

/// The three parts of an input.
pub(crate) fn three_parts(text: &str) -> (&str, &str, &str) {
    let (first, rest) = two_parts(text);
    let (second, third) = two_parts(rest);
    (first, second, third)
}

/// Parses a text; what it gives is written in one way, which reads back as the same.
pub(crate) fn reads_back<T>(text: &str) -> Option<T>
where
    T: FromStr + ToString + PartialEq + Debug,
{
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    assert_eq!(
        written.parse::<T>().ok().as_ref(),
        Some(&value),
        "{text:?} is written as {written:?}"
    );
    Some(value)
}
