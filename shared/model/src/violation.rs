//! What is wrong with a request, field by field. Parsers collect every violation with the path of its field and
//! fail once, so that a caller mends a request in one go.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::cut;

/// The longest path of a field, and the longest description, in characters. Either may name what was sent: a property of
/// data, a reference of a schema.
pub const MAX_CHARS: usize = 500;

/// Reasons that many parsers share. A reason is stable; the description beside it is for people.
pub mod reason {
    /// The field must be given.
    pub const REQUIRED: &str = "REQUIRED";
    /// The text is longer, or the list larger, than its bound.
    pub const TOO_LONG: &str = "TOO_LONG";
    /// The value does not have the form of its field.
    pub const MALFORMED: &str = "MALFORMED";
    /// The number, duration or instant lies outside its bounds.
    pub const OUT_OF_RANGE: &str = "OUT_OF_RANGE";
    /// The word is not one of those the field knows.
    pub const UNKNOWN_VALUE: &str = "UNKNOWN_VALUE";
    /// The message has no such field.
    pub const UNKNOWN_FIELD: &str = "UNKNOWN_FIELD";
    /// The same thing is said twice.
    pub const DUPLICATE: &str = "DUPLICATE";
    /// The field does not go with what another field says.
    pub const NOT_ALLOWED: &str = "NOT_ALLOWED";
    /// The value breaks the JSON Schema of its event type.
    pub const SCHEMA: &str = "SCHEMA";
    /// The text is not an expression that compiles.
    pub const EXPRESSION: &str = "EXPRESSION";
}

/// One field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldViolation {
    /// The path of the field, `event.data.finding_id`.
    pub field: String,
    /// A stable code, `TOO_LONG`; most are in [`reason`].
    pub reason: Cow<'static, str>,
    /// A sentence for a person. Never holds a secret.
    pub description: String,
}

/// All that is wrong with a request. Empty while parsing goes well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violations(Vec<FieldViolation>);

// === impl FieldViolation ===

/// What is wrong with the whole has no field.
impl fmt::Display for FieldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.description),
            field => write!(f, "{field}: {}", self.description),
        }
    }
}

// === impl Violations ===

impl Violations {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One violation alone.
    #[must_use]
    pub fn one(field: impl Into<String>, reason: &'static str, description: impl Into<String>) -> Self {
        let mut violations = Self::new();
        violations.add(field, reason, description);
        violations
    }

    /// Notes one more; texts longer than [`MAX_CHARS`] are cut.
    pub fn add(&mut self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        let bounded = |text: String| match cut(&text, MAX_CHARS) {
            Cow::Borrowed(_) => text,
            Cow::Owned(short) => short,
        };
        self.0.push(FieldViolation {
            field: bounded(field.into()),
            reason: Cow::Borrowed(reason),
            description: bounded(description.into()),
        });
    }

    /// Notes that a field is missing.
    pub fn required(&mut self, field: impl Into<String>) {
        self.add(field, reason::REQUIRED, "must be given");
    }

    /// Takes over all violations of a part.
    pub fn extend(&mut self, part: Violations) {
        self.0.extend(part.0);
    }

    /// Takes over the violations of fields that nothing is said of yet: one word about a field is enough to mend it.
    pub fn extend_unsaid(&mut self, part: Violations) {
        for violation in part.0 {
            if !self.0.iter().any(|said| said.field == violation.field) {
                self.0.push(violation);
            }
        }
    }

    /// Takes over all violations of a part whose paths start at `prefix`: `name` under `rules[2]` becomes
    /// `rules[2].name`.
    pub fn nest(&mut self, prefix: &str, part: Violations) {
        self.extend(part.under(prefix));
    }

    /// The same violations with every path moved under `prefix`.
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        for violation in &mut self.0 {
            violation.field = match violation.field.as_str() {
                "" => prefix.to_owned(),
                field if field.starts_with('[') => format!("{prefix}{field}"),
                field => format!("{prefix}.{field}"),
            };
        }
        self
    }

    /// The value of a result, or nothing after its violations were noted here.
    pub fn take<T>(&mut self, result: Result<T, Violations>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(violations) => {
                self.extend(violations);
                None
            }
        }
    }

    /// Like [`Violations::take`], for a part whose paths start at `prefix`.
    pub fn take_under<T>(&mut self, prefix: &str, result: Result<T, Violations>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(violations) => {
                self.nest(prefix, violations);
                None
            }
        }
    }

    /// Parses a text that has a `FromStr`, noting a failure as `reason` at `field`.
    pub fn parse<T>(&mut self, field: &str, reason: &'static str, text: &str) -> Option<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        text.parse()
            .map_err(|error: T::Err| self.add(field, reason, error.to_string()))
            .ok()
    }

    /// Parses a list of texts, noting each failure as [`reason::MALFORMED`] at `field[index]`.
    pub fn parse_each<T>(&mut self, field: &str, texts: &[String]) -> Vec<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| self.parse(&format!("{field}[{index}]"), reason::MALFORMED, text))
            .collect()
    }

    /// The same of a list of at most `limit` texts; those beyond it are not looked at.
    pub fn parse_list<T>(&mut self, field: &str, texts: &[String], limit: usize) -> Vec<T>
    where
        T: std::str::FromStr,
        T::Err: fmt::Display,
    {
        self.limit_entries(field, texts.len(), limit);
        self.parse_each(field, &texts[..texts.len().min(limit)])
    }

    /// Reads a list of messages, noting the violations of each under `field[index]`.
    pub fn take_each<'m, M, T>(
        &mut self,
        field: &str,
        messages: &'m [M],
        read: impl Fn(&'m M) -> Result<T, Violations>,
    ) -> Vec<T> {
        messages
            .iter()
            .enumerate()
            .filter_map(|(index, message)| self.take_under(&format!("{field}[{index}]"), read(message)))
            .collect()
    }

    /// Reads a name for people: given, at most `limit` characters, without control characters; trimmed.
    pub fn name(&mut self, field: &str, text: &str, limit: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.required(field);
        }
        self.limit_chars(field, text, limit);
        if text.contains(|character: char| character.is_control() && character != '\0') {
            self.add(field, reason::MALFORMED, "must not hold control characters");
        }
        text.to_owned()
    }

    /// Notes a text with control characters, but for those that end lines and indent.
    pub fn plain_text(&mut self, field: &str, text: &str) {
        let is_plain =
            |character: char| !character.is_control() || matches!(character, '\n' | '\r' | '\t' | '\0');
        if !text.chars().all(is_plain) {
            self.add(
                field,
                reason::MALFORMED,
                "must not hold control characters but ends of lines and tabs",
            );
        }
    }

    /// Notes a list of more than `limit` entries.
    pub fn limit_entries(&mut self, field: &str, len: usize, limit: usize) {
        if len > limit {
            self.add(
                field,
                reason::TOO_LONG,
                format!("must have at most {limit} entries"),
            );
        }
    }

    /// Notes a text of more than `limit` characters, or with U+0000, which databases do not take.
    pub fn limit_chars(&mut self, field: &str, text: &str, limit: usize) {
        if text.contains('\0') {
            self.add(field, reason::MALFORMED, "must not hold the character U+0000");
        }
        // A text of no more bytes than the limit has no more characters either.
        if text.len() > limit && text.chars().count() > limit {
            self.add(
                field,
                reason::TOO_LONG,
                format!("must have at most {limit} characters"),
            );
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many were noted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each violation, in the order in which it was noted.
    pub fn iter(&self) -> std::slice::Iter<'_, FieldViolation> {
        self.0.iter()
    }

    /// `Ok` of the value when nothing is wrong.
    pub fn into_result<T>(self, value: T) -> Result<T, Violations> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing is wrong");
        }
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

impl IntoIterator for Violations {
    type Item = FieldViolation;
    type IntoIter = std::vec::IntoIter<FieldViolation>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Violations {
    type Item = &'a FieldViolation;
    type IntoIter = std::slice::Iter<'a, FieldViolation>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<FieldViolation> for Violations {
    fn from_iter<I: IntoIterator<Item = FieldViolation>>(violations: I) -> Self {
        Self(violations.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_paths_join_with_a_dot_and_indexes_without() {
        let mut part = Violations::new();
        part.required("name");
        part.required("[0]");
        part.required("");
        let mut whole = Violations::new();
        whole.nest("rules", part);
        let fields: Vec<_> = whole.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["rules.name", "rules[0]", "rules"]);
    }

    #[test]
    fn what_is_wrong_with_the_whole_names_no_field() {
        let mut violations = Violations::one("", reason::MALFORMED, "the body is empty");
        violations.required("name");
        assert_eq!(violations.to_string(), "the body is empty; name: must be given");
    }

    #[test]
    fn what_repeats_a_long_text_is_cut() {
        let long = "é".repeat(100_000);
        let violations = Violations::one(&long, reason::SCHEMA, format!("points nowhere: {long}"));
        let violation = violations.iter().next().unwrap();
        for text in [&violation.field, &violation.description] {
            assert_eq!(text.chars().count(), MAX_CHARS);
            assert!(text.ends_with('…'));
        }
    }

    #[test]
    fn every_violation_is_kept_and_the_result_fails_once() {
        let mut violations = Violations::new();
        assert_eq!(violations.parse::<u8>("a", reason::MALFORMED, "7"), Some(7));
        assert_eq!(violations.parse::<u8>("b", reason::MALFORMED, "x"), None);
        violations.limit_chars("c", "ééé", 3);
        violations.limit_chars("d", "éééé", 3);
        let failed = violations.into_result(()).unwrap_err();
        assert_eq!(failed.len(), 2);
        assert!(failed.to_string().contains("d: must have at most 3 characters"));
    }
}
