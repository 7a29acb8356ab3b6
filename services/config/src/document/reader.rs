//! Reads a document's values and keeps their paths, so that whatever is wrong is told by its place, all of it at once.
//! A table that is done with says which of its keys nobody asked for.

use std::cell::RefCell;
use std::str::FromStr;

use prost_types::Duration;
use serde_json::{Map, Value};
use watchbell_model::convert::duration;
use watchbell_model::violation::{FieldViolation, Violations, reason};

use super::words::parse_span;

/// The stable reason of a key that the document does not know.
pub(super) const UNKNOWN_KEY: &str = "UNKNOWN_KEY";
/// Who has so many to mend is shown the rest the next time.
const MAX_VIOLATIONS: usize = 100;

/// Collects what is wrong; at one place only the first thing.
#[derive(Default)]
pub(super) struct Notes(RefCell<Violations>);

/// A mapping of the document, and its path.
pub(super) struct Table<'a> {
    notes: &'a Notes,
    path: String,
    fields: &'a Map<String, Value>,
    known: RefCell<Vec<&'static str>>,
}

/// A value in a list of the document, and its path.
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

// === impl Table ===

impl<'a> Table<'a> {
    /// A mapping; nothing after a note when it is something else.
    pub(super) fn new(notes: &'a Notes, path: impl Into<String>, value: &'a Value) -> Option<Self> {
        let path = path.into();
        match value {
            Value::Object(fields) => Some(Self {
                notes,
                path,
                fields,
                known: RefCell::default(),
            }),
            _ => {
                notes.add(path, reason::MALFORMED, "must be a mapping");
                None
            }
        }
    }

    pub(super) fn notes(&self) -> &'a Notes {
        self.notes
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a key.
    pub(super) fn at(&self, key: &str) -> String {
        match self.path.as_str() {
            // The whole document, whose own name goes before no path.
            "document" if key.is_empty() => "document[]".to_owned(),
            "document" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    /// A value; what is `null` is left out. From now on the key is known.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.given(key).filter(|value| !value.is_null())
    }

    /// A value that may be `null`.
    pub(super) fn given(&self, key: &'static str) -> Option<&'a Value> {
        self.known.borrow_mut().push(key);
        self.fields.get(key)
    }

    /// All entries, of a mapping whose keys are the writer's.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, Item<'a>)> {
        let path = self.path.clone();
        let notes = self.notes;
        self.fields.iter().map(move |(key, value)| {
            let path = format!("{path}[{key}]");
            (key, Item { notes, path, value })
        })
    }

    pub(super) fn item(&self, key: &'static str) -> Option<Item<'a>> {
        self.get(key).map(|value| Item {
            notes: self.notes,
            path: self.at(key),
            value,
        })
    }

    pub(super) fn text(&self, key: &'static str) -> String {
        self.item(key).map(|item| item.text()).unwrap_or_default()
    }

    pub(super) fn flag(&self, key: &'static str) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.notes
                    .add(self.at(key), reason::MALFORMED, "must be true or false");
                false
            }
        }
    }

    /// A whole number that is not negative; 0 when it is left out.
    pub(super) fn whole(&self, key: &'static str) -> u32 {
        let Some(value) = self.get(key) else { return 0 };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number.unwrap_or_else(|| {
            self.notes
                .add(self.at(key), reason::MALFORMED, "must be a whole number");
            0
        })
    }

    pub(super) fn number(&self, key: &'static str) -> f64 {
        let Some(value) = self.get(key) else { return 0.0 };
        value.as_f64().unwrap_or_else(|| {
            self.notes
                .add(self.at(key), reason::MALFORMED, "must be a number");
            0.0
        })
    }

    pub(super) fn word<T: FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Option<T> {
        self.item(key)?.word()
    }

    pub(super) fn span(&self, key: &'static str) -> Option<Duration> {
        self.item(key)?.span()
    }

    /// A mapping below.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        self.item(key)?.table()
    }

    /// The values of a list; one alone need not stand in brackets.
    pub(super) fn items(&self, key: &'static str) -> Vec<Item<'a>> {
        self.item(key).map(|item| item.items()).unwrap_or_default()
    }

    pub(super) fn texts(&self, key: &'static str) -> Vec<String> {
        self.items(key).iter().map(Item::text).collect()
    }

    pub(super) fn words<T: FromStr<Err: std::fmt::Display>>(&self, key: &'static str) -> Vec<T> {
        self.items(key).iter().filter_map(Item::word).collect()
    }

    /// Notes every key that nobody asked for.
    pub(super) fn close(self) {
        let known = self.known.borrow();
        for key in self.fields.keys().filter(|key| !known.contains(&key.as_str())) {
            let shown: String = key.chars().take(64).collect();
            let why = format!("is not a key here; known are {}", known.join(", "));
            self.notes.add(self.at(&shown), UNKNOWN_KEY, why);
        }
    }
}

// === impl Item ===

impl<'a> Item<'a> {
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
        match self.value {
            Value::String(text) => match text.trim().parse() {
                Ok(word) => Some(word),
                Err(unknown) => {
                    self.note(reason::UNKNOWN_VALUE, unknown.to_string());
                    None
                }
            },
            _ => {
                self.note(reason::MALFORMED, "must be a word");
                None
            }
        }
    }

    pub(super) fn span(&self) -> Option<Duration> {
        let span = self.value.as_str().and_then(parse_span);
        if span.is_none() {
            self.note(reason::MALFORMED, "must be a duration like 5m or 1h30m");
        }
        span.map(duration)
    }

    pub(super) fn table(&self) -> Option<Table<'a>> {
        Table::new(self.notes, self.path.clone(), self.value)
    }

    pub(super) fn items(&self) -> Vec<Item<'a>> {
        let item = |index: usize, value: &'a Value| Item {
            notes: self.notes,
            path: format!("{}[{index}]", self.path),
            value,
        };
        match self.value {
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| item(index, value))
                .collect(),
            Value::Null => Vec::new(),
            one => vec![item(0, one)],
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
            "wait": "5",
            "nested": {"colour": "red"},
            "extra": true,
            "later": null,
        });
        let notes = Notes::default();
        let table = Table::new(&notes, "rules[2]", &value).unwrap();
        assert_eq!(table.text("name"), "");
        assert_eq!(
            table.words::<Severity>("severity"),
            [Severity::Critical, Severity::Medium]
        );
        assert_eq!(table.texts("types"), ["finding.*"]);
        assert_eq!(table.span("wait"), None);
        assert_eq!(table.text("later"), "");
        let nested = table.table("nested").unwrap();
        assert!(!nested.flag("bright"));
        nested.close();
        table.close();
        let violations = notes.into_violations();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "rules[2].name",
                "rules[2].severity[1]",
                "rules[2].wait",
                "rules[2].nested.colour",
                "rules[2].extra",
            ]
        );
    }
}
