//! Values of a document and their paths, so that whatever is wrong is told by its place, all of it at once.

use std::cell::RefCell;
use std::str::FromStr;

use serde_json::{Map, Value};
use watchbell_model::violation::{FieldViolation, Violations, reason};

/// The stable reason of a key that the document does not know.
pub(super) const UNKNOWN_KEY: &str = "UNKNOWN_KEY";
/// The most violations of one answer; further ones are told once these are mended.
const MAX_VIOLATIONS: usize = 100;

/// Collects what is wrong; at one place only the first thing.
#[derive(Default)]
pub(super) struct Notes(RefCell<Violations>);

/// A value of the document, and its path.
pub(super) struct Item<'a> {
    notes: &'a Notes,
    pub(super) path: String,
    pub(super) value: &'a Value,
}

// === impl Notes ===

impl Notes {
    pub(super) fn add(&self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        self.extend(Violations::one(field, reason, description));
    }

    pub(super) fn extend(&self, part: Violations) {
        let mut all = self.0.borrow_mut();
        for violation in part {
            let known = |other: &FieldViolation| other.field == violation.field;
            if all.len() < MAX_VIOLATIONS && !all.iter().any(known) {
                all.extend(Violations::from_iter([violation]));
            }
        }
    }

    pub(super) fn take<T>(&self, result: Result<T, Violations>) -> Option<T> {
        result.map_err(|violations| self.extend(violations)).ok()
    }

    pub(super) fn into_violations(self) -> Violations {
        self.0.into_inner()
    }
}

// === impl Item ===

impl<'a> Item<'a> {
    pub(super) fn new(notes: &'a Notes, path: impl Into<String>, value: &'a Value) -> Self {
        let path = path.into();
        Self { notes, path, value }
    }

    /// A mapping with these keys; nothing after a note when it is something else. Every other key is noted.
    pub(super) fn mapping(&self, known: &[&str]) -> Option<&'a Map<String, Value>> {
        let fields = self.any_mapping()?;
        for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let shown: String = key.chars().take(64).collect();
            let why = format!("is not a key here; known are {}", known.join(", "));
            self.notes.add(self.path_of(&shown), UNKNOWN_KEY, why);
        }
        Some(fields)
    }

    /// A mapping whose keys are the writer's.
    pub(super) fn any_mapping(&self) -> Option<&'a Map<String, Value>> {
        self.or_note(self.value.as_object(), "must be a mapping")
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            // The whole document, whose own name goes before no path.
            "document" if key.is_empty() => "document[]".to_owned(),
            "document" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// The value of a key; what is `null` is left out.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self::new(self.notes, self.path_of(key), value))
    }

    /// Notes that a key must be given.
    pub(super) fn required(&self, key: &str, why: &str) {
        self.notes.add(self.path_of(key), reason::REQUIRED, why);
    }

    /// The value as it was read; nothing after a note.
    pub(super) fn or_note<T>(&self, read: Option<T>, why: &str) -> Option<T> {
        if read.is_none() {
            self.note(reason::MALFORMED, why);
        }
        read
    }

    /// A text. What is none is noted, and stands in its place so that those after it keep theirs.
    pub(super) fn text(&self) -> String {
        match self.value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => {
                let why = match other {
                    Value::Array(_) | Value::Object(_) => "must be a text",
                    _ => "must be a text; put it in quotes",
                };
                self.note(reason::MALFORMED, why);
                String::new()
            }
        }
    }

    pub(super) fn word<T: FromStr<Err: std::fmt::Display>>(&self) -> Option<T> {
        let word = self
            .or_note(self.value.as_str(), "must be a word")?
            .trim()
            .parse();
        word.map_err(|unknown: T::Err| self.note(reason::UNKNOWN_VALUE, unknown.to_string()))
            .ok()
    }

    /// The values of a list; one alone need not stand in brackets.
    pub(super) fn items(&self) -> Vec<Self> {
        let item = |(index, value)| Self::new(self.notes, format!("{}[{index}]", self.path), value);
        match self.value {
            Value::Array(list) => list.iter().enumerate().map(item).collect(),
            Value::Null => Vec::new(),
            one => vec![item((0, one))],
        }
    }

    pub(super) fn notes(&self) -> &'a Notes {
        self.notes
    }

    pub(super) fn note(&self, reason: &'static str, description: impl Into<String>) {
        self.notes.add(self.path.clone(), reason, description);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use watchbell_model::Severity;

    use super::*;

    #[test]
    fn everything_wrong_is_told_by_its_place() {
        let value = json!({
            "name": 5,
            "severity": ["critical", "urgent", "moderate"],
            "types": "finding.*",
            "nested": ["red"],
            "extra": true,
            "later": null,
        });
        let notes = Notes::default();
        let item = Item::new(&notes, "rules[2]", &value);
        item.mapping(&["name", "severity", "types", "nested", "later"])
            .unwrap();
        let get = |key| item.get(key).unwrap();
        assert_eq!(get("name").text(), "");
        let words: Vec<Severity> = get("severity").items().iter().filter_map(Item::word).collect();
        assert_eq!(words, [Severity::Critical, Severity::Medium]);
        assert_eq!(
            get("types").items().iter().map(Item::text).collect::<Vec<_>>(),
            ["finding.*"]
        );
        assert!(item.get("later").is_none());
        assert!(get("nested").any_mapping().is_none());
        let fields: Vec<_> = notes
            .into_violations()
            .into_iter()
            .map(|violation| violation.field)
            .collect();
        let expected = [
            "rules[2].extra",
            "rules[2].name",
            "rules[2].severity[1]",
            "rules[2].nested",
        ];
        assert_eq!(fields, expected);
    }
}
