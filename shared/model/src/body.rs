//! Bodies of webhooks that a team lays out itself: a JSON document whose texts may hold expressions.
//!
//! In a text, `${…}` is a CEL expression over `event`, `headers` and `alert` (see [`crate::expression`]). A text that is nothing but one
//! expression stands for its value, whatever its type; a value of `null` is left out of the object or list that it would be
//! in. Among other words, an expression stands for its value as text. `$${` is `${`. Names of members are as they are
//! written. What a body costs is bounded when it is saved, and what it comes to when it is made.

mod preset;

use std::fmt;

use serde_json::{Map, Value};

use crate::event::Event;
use crate::expression::{BodyFacts, Cost, EvaluationError, Expression, Facts};
use crate::json;

pub use preset::{PRESETS, Preset};

/// The longest document, in characters.
pub const MAX_CHARS: usize = 16_384;
/// Expressions of one document.
const MAX_EXPRESSIONS: usize = 64;
/// How deep a document may nest.
const MAX_LEVELS: usize = 16;
/// The longest body that is sent, in bytes: twice the largest payload.
const MAX_BYTES: usize = 512 * 1024;

/// A document that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyTemplate {
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// As it is.
    Fixed(Value),
    /// The value of an expression.
    Value(Expression),
    Text(Vec<Part>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Words(String),
    Value(Expression),
}

/// Why a text is not a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}{why}")]
pub struct InvalidBody {
    /// Where in the document; empty for the whole.
    place: Place,
    why: String,
}

/// Why a body could not be made of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// An expression has no value.
    #[error("the body's expression at `{0}` failed: {1}")]
    Failed(String, EvaluationError),
    /// It would be longer than receivers take.
    #[error("the body would be larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge,
}

/// A path in a document: `payload.links[0].href`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place(String);

/// Reads a document, counting its expressions.
#[derive(Default)]
struct Reader {
    expressions: usize,
    cost: Cost,
}

/// Makes a body, counting its bytes.
struct Writer<'w> {
    facts: Facts<'w>,
    of_body: &'w BodyFacts,
    left: usize,
}

// === impl BodyTemplate ===

impl BodyTemplate {
    /// Reads and compiles a document.
    ///
    /// # Errors
    /// What is wrong with it first, and where.
    pub fn parse(document: &str) -> Result<Self, InvalidBody> {
        let whole = |why: String| {
            Err(InvalidBody {
                place: Place::default(),
                why,
            })
        };
        if document.len() > MAX_CHARS && document.chars().count() > MAX_CHARS {
            return whole(format!("must have at most {MAX_CHARS} characters"));
        }
        let value = match json::parse(document, MAX_LEVELS) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            Ok(_) => return whole("must be a JSON object or list".to_owned()),
            Err(error) => return whole(format!("must be a JSON document: {error}")),
        };
        let mut reader = Reader::default();
        let root = reader.read(value, &Place::default())?;
        if !reader.cost.is_affordable() {
            return whole("its expressions together would take too long".to_owned());
        }
        Ok(Self { root })
    }

    /// The body for an event.
    ///
    /// # Errors
    /// An expression has no value on this event, or the body is too large. Neither changes when it is tried again.
    pub fn render(&self, event: &Event, of_body: &BodyFacts) -> Result<String, BodyError> {
        let mut writer = Writer {
            facts: Facts::of(event),
            of_body,
            left: MAX_BYTES,
        };
        let body = writer
            .write(&self.root, &Place::default())?
            .unwrap_or(Value::Null);
        let body = body.to_string();
        if body.len() > MAX_BYTES {
            return Err(BodyError::TooLarge);
        }
        Ok(body)
    }
}

// === impl Reader ===

impl Reader {
    fn read(&mut self, value: Value, place: &Place) -> Result<Node, InvalidBody> {
        Ok(match value {
            Value::String(text) => self.text(&text, place)?,
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                let nodes = items.map(|(index, item)| self.read(item, &place.item(index)));
                Node::List(nodes.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let nodes = members.into_iter().map(|(name, member)| {
                    let node = self.read(member, &place.member(&name))?;
                    Ok((name, node))
                });
                Node::Object(nodes.collect::<Result<_, _>>()?)
            }
            other => Node::Fixed(other),
        })
    }

    fn text(&mut self, text: &str, place: &Place) -> Result<Node, InvalidBody> {
        let mut parts = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                words.push_str(&rest[..at - 1]);
                words.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            words.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let Some(end) = closing(inside) else {
                let why = "`${` has no `}`; `$${` stands for `${` itself".to_owned();
                return Err(InvalidBody {
                    place: place.clone(),
                    why,
                });
            };
            if !words.is_empty() {
                parts.push(Part::Words(std::mem::take(&mut words)));
            }
            parts.push(Part::Value(self.expression(&inside[..end], place)?));
            rest = &inside[end + 1..];
        }
        words.push_str(rest);
        if !words.is_empty() {
            parts.push(Part::Words(words));
        }
        Ok(match <[Part; 1]>::try_from(parts) {
            Ok([Part::Value(expression)]) => Node::Value(expression),
            Ok([Part::Words(words)]) => Node::Fixed(Value::String(words)),
            Err(parts) if parts.is_empty() => Node::Fixed(Value::String(String::new())),
            Err(parts) => Node::Text(parts),
        })
    }

    fn expression(&mut self, source: &str, place: &Place) -> Result<Expression, InvalidBody> {
        let wrong = |why: String| InvalidBody {
            place: place.clone(),
            why,
        };
        self.expressions += 1;
        if self.expressions > MAX_EXPRESSIONS {
            return Err(wrong(format!("must have at most {MAX_EXPRESSIONS} expressions")));
        }
        let expression = Expression::of_value(source).map_err(|error| wrong(error.to_string()))?;
        expression.check().map_err(|error| wrong(error.to_string()))?;
        self.cost = self.cost.plus(expression.cost());
        Ok(expression)
    }
}

/// Where the `}` is that ends an expression: not within its texts or its own braces.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

// === impl Writer ===

impl Writer<'_> {
    /// None for what is left out.
    fn write(&mut self, node: &Node, place: &Place) -> Result<Option<Value>, BodyError> {
        Ok(Some(match node {
            Node::Fixed(value) => value.clone(),
            Node::Value(expression) => match self.value(expression, place)? {
                Value::Null => return Ok(None),
                value => value,
            },
            Node::Text(parts) => Value::String(self.text(parts, place)?),
            Node::List(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for (index, node) in nodes.iter().enumerate() {
                    items.extend(self.write(node, &place.item(index))?);
                }
                Value::Array(items)
            }
            Node::Object(nodes) => {
                let mut members = Map::new();
                for (name, node) in nodes {
                    if let Some(member) = self.write(node, &place.member(name))? {
                        members.insert(name.clone(), member);
                    }
                }
                Value::Object(members)
            }
        }))
    }

    fn text(&mut self, parts: &[Part], place: &Place) -> Result<String, BodyError> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Words(words) => text.push_str(words),
                Part::Value(expression) => match self.value(expression, place)? {
                    Value::Null => {}
                    Value::String(value) => text.push_str(&value),
                    value => text.push_str(&value.to_string()),
                },
            }
        }
        Ok(text)
    }

    fn value(&mut self, expression: &Expression, place: &Place) -> Result<Value, BodyError> {
        let failed = |error| BodyError::Failed(place.0.clone(), error);
        let value = expression.value(&self.facts, self.of_body).map_err(failed)?;
        self.left = self.left.checked_sub(size(&value)).ok_or(BodyError::TooLarge)?;
        Ok(value)
    }
}

/// A lower bound of the bytes that a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum::<usize>() + 1,
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| name.len() + size(member) + 4);
            members.sum::<usize>() + 1
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

// === impl Place ===

impl Place {
    fn member(&self, name: &str) -> Self {
        // A foreign name may be long.
        let name: String = name.chars().take(40).collect();
        match self.0.as_str() {
            "" => Self(name),
            path => Self(format!("{path}.{name}")),
        }
    }

    fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => Ok(()),
            path => write!(f, "at `{path}`: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::tests::sample;

    fn event() -> Event {
        Event {
            title: "Public \"bucket\"".to_owned(),
            url: None,
            data: r#"{"score": 9.5, "tags": ["a", "b"], "nothing": null, "big": 12345678901}"#
                .parse()
                .unwrap(),
            ..sample("finding.created")
        }
    }

    fn headers() -> BodyFacts {
        BodyFacts::new([("X-Routing-Key", "R0UT1NG")], None).unwrap()
    }

    fn render(document: &Value) -> Value {
        let template = BodyTemplate::parse(&document.to_string()).unwrap();
        serde_json::from_str(&template.render(&event(), &headers()).unwrap()).unwrap()
    }

    #[test]
    fn expressions_stand_for_their_values() {
        let document = json!({
            "fixed": [1, true, null, "words", "$${not}", ""],
            "title": "${event.title}",
            "score": "${event.data.score}",
            "list": ["${event.data.tags}", "${event.data.nothing}", "${event.url == '' ? null : event.url}"],
            "left out": "${event.data.nothing}",
            "object": "${ {'k': event.data.big, 'q': '}'} }",
            "text": "${event.severity}: ${event.title}, ${event.data.score}, ${event.data.nothing}${event.data.tags}!",
            "key": "${headers['x-routing-key']}",
        });
        assert_eq!(
            render(&document),
            json!({
                "fixed": [1, true, null, "words", "${not}", ""],
                "title": "Public \"bucket\"",
                "score": 9.5,
                "list": [["a", "b"]],
                "object": {"k": 12_345_678_901_i64, "q": "}"},
                "text": "HIGH: Public \"bucket\", 9.5, [\"a\",\"b\"]!",
                "key": "R0UT1NG",
            })
        );
    }

    #[test]
    fn time_is_a_text_and_a_number() {
        let event = event();
        let body = render(&json!({"at": "${event.occurred_at}", "ms": "${event.occurred_ms}"}));
        assert_eq!(body["at"], crate::payload::timestamp(event.occurred_at));
        assert_eq!(body["ms"], event.occurred_at.timestamp_millis());
    }

    #[test]
    fn what_is_no_body_is_refused_and_says_where() {
        for (document, expected) in [
            ("", "must be a JSON document"),
            ("[1,", "must be a JSON document"),
            ("\"text\"", "must be a JSON object or list"),
            (
                r#"{"a": {"b": ["${event.titel}"]}}"#,
                "at `a.b[0]`: knows no `event.titel`",
            ),
            (r#"{"a": "${event."}"#, "at `a`: `${` has no `}`"),
            (r#"{"a": "${}"}"#, "at `a`: is not a CEL expression"),
            (r#"{"a": "${secrets.key}"}"#, "at `a`: knows only the variable"),
            (
                r#"{"a": "${event.data.all(x, event.data.all(y, true))}"}"#,
                "at `a`: may not use another loop",
            ),
        ] {
            let said = BodyTemplate::parse(document).unwrap_err().to_string();
            assert!(said.contains(expected), "{document}: {said}");
        }
        for expression in [
            "headers.a.startsWith('k') ? 1 : event.data.none",
            "headers['a'] + 'b'",
            "headers['a'][0]",
            "headers[event.subject]",
            "has(headers.a)",
            "headers.map(name, headers[name])",
            "event.data.exists(k, headers.a == k)",
            ".headers['a'] == 'k'",
            "{'a': headers.a}",
            "headers",
        ] {
            let document =
                json!({"key": "${headers.a} ${headers['x-b']}", "a": format!("${{{expression}}}")});
            let said = BodyTemplate::parse(&document.to_string())
                .unwrap_err()
                .to_string();
            assert!(
                said.contains("at `a`: may use `headers` only to insert"),
                "{expression}: {said}"
            );
        }
        let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_CHARS));
        assert!(
            BodyTemplate::parse(&long)
                .unwrap_err()
                .to_string()
                .contains("16384 characters")
        );
        let many = json!(vec!["${event.id}"; MAX_EXPRESSIONS + 1]).to_string();
        assert!(
            BodyTemplate::parse(&many)
                .unwrap_err()
                .to_string()
                .contains("at most 64 expressions")
        );
        let deep = "[".repeat(MAX_LEVELS + 1) + &"]".repeat(MAX_LEVELS + 1);
        assert!(BodyTemplate::parse(&deep).is_err());
        let condition: Result<Expression, _> = "headers['a'] == 'b'".parse();
        assert!(condition.is_err(), "conditions know no headers");
    }

    #[test]
    fn expressions_that_cost_too_much_together_are_refused() {
        let costly =
            vec!["${event.data.filter(k, event.title.matches('[a-z]{200}x')).size()}"; MAX_EXPRESSIONS];
        let said = BodyTemplate::parse(&json!(costly).to_string())
            .unwrap_err()
            .to_string();
        assert!(said.contains("too long"), "{said}");
    }

    #[test]
    fn what_fails_on_an_event_says_where() {
        let template = BodyTemplate::parse(r#"{"a": {"b": "${event.data.missing.deeper}"}}"#).unwrap();
        let error = template.render(&event(), &headers()).unwrap_err();
        assert!(
            matches!(&error, BodyError::Failed(place, _) if place == "a.b"),
            "{error}"
        );
    }

    #[test]
    fn a_body_that_grows_too_large_is_not_made() {
        let large = Event {
            data: json!({"text": "x".repeat(200 * 1024)})
                .to_string()
                .parse()
                .unwrap(),
            ..event()
        };
        let document = |count: usize| json!(vec!["${event.data}"; count]).to_string();
        let made = BodyTemplate::parse(&document(2))
            .unwrap()
            .render(&large, &headers());
        assert!(made.unwrap().len() > 400 * 1024);
        let too_large = BodyTemplate::parse(&document(3))
            .unwrap()
            .render(&large, &headers());
        assert_eq!(too_large, Err(BodyError::TooLarge));
    }
}
