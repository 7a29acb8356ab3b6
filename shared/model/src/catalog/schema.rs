//! JSON Schemas of `data`. Those of teams are bounded before they are compiled: references stay inside the schema and
//! do not recurse, and the schema with all references written out stays small. What a check of data costs is known
//! before it is made (see [`Cost`]), and what would cost too much is refused instead. Regular expressions run in time
//! linear in the text.

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::cost::{Cost, LIGHT, MOST, NAMED, pointer};
use crate::data::{Data, MAX_LEVELS};
use crate::json;
use crate::violation::{Violations, reason};

/// The largest schema of a team, in bytes of JSON.
const MAX_BYTES: usize = 64 * 1024;
/// The most objects and lists in a schema whose references are written out.
const MAX_NODES: usize = 1_000;
/// The most violations that one answer names.
const MAX_ANSWERED: usize = 50;

/// A schema that compiled.
#[derive(Debug)]
pub(super) struct Schema {
    written: Value,
    validator: Validator,
    cost: Cost,
}

// === impl Schema ===

impl Schema {
    /// Compiles a schema by a team.
    pub(super) fn parse(written: &Value) -> Result<Self, Violations> {
        let refused = |why: String| Violations::one("", reason::SCHEMA, why);
        if !written.is_object() {
            return Err(refused("must be an object".to_owned()));
        }
        // It travels as a struct, as data does.
        if json::levels(written) > MAX_LEVELS {
            return Err(refused(format!("must nest at most {MAX_LEVELS} levels deep")));
        }
        if written.to_string().len() > MAX_BYTES {
            let why = format!("must have at most {MAX_BYTES} bytes");
            return Err(Violations::one("", reason::TOO_LONG, why));
        }
        Self::compile(written).map_err(refused)
    }

    /// What a schema costs, without compiling it.
    fn cost(written: &Value) -> Result<Cost, String> {
        let mut walk = Walk {
            root: written,
            nodes: 0,
            open: Vec::new(),
            cost: Cost::default(),
        };
        walk.visit(written, 0, 1)?;
        Ok(walk.cost)
    }

    /// The memory of a schema's patterns once they are compiled, in ranges of characters. What does not compile has none.
    pub(super) fn pattern_weight(written: &Value) -> u64 {
        Self::cost(written).map_or(0, |cost| cost.pattern_weight())
    }

    /// Compiles a schema that is within its bounds.
    pub(super) fn compile(written: &Value) -> Result<Self, String> {
        let cost = Self::cost(written)?;
        let validator = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(1 << 20)
                    .dfa_size_limit(1 << 18),
            )
            // The validator's own check parses a text within the data without bounds.
            .with_content_media_type("application/json", |text| json::parse(text, MAX_LEVELS).is_ok())
            .build(written)
            .map_err(|error| format!("is not a JSON Schema that can be used: {}", error.masked()))?;
        Ok(Self {
            written: written.clone(),
            validator,
            cost,
        })
    }

    /// Whether a check of the data may take long enough to delay others.
    pub(super) fn is_heavy(&self, data: &Data) -> bool {
        !self.cost.is_within(LIGHT, &self.written, data)
    }

    /// Every way in which the data breaks the schema, with paths inside of `data`.
    pub(super) fn validate(&self, data: &Data) -> Result<(), Violations> {
        let refused = |why| Err(Violations::one("", reason::SCHEMA, why));
        if !self.cost.is_within(MOST, &self.written, data) {
            return refused("is too large for its schema: checking it would take too long");
        }
        if self.validator.is_valid(data.value()) {
            return Ok(());
        }
        if !self.cost.is_within(NAMED, &self.written, data) {
            return refused("breaks its schema, and is too large for every violation to be named");
        }
        let mut violations = Violations::new();
        for error in self.validator.iter_errors(data.value()).take(MAX_ANSWERED) {
            // The message is masked: an answer, and the log of it, must not repeat what the data holds.
            violations.add(path_of(&error), reason::SCHEMA, error.masked().to_string());
        }
        Err(violations)
    }
}

fn path_of(error: &ValidationError<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for segment in error.instance_path().segments() {
        match segment {
            LocationSegment::Property(name) => names.push(name.into_owned()),
            LocationSegment::Index(index) => match names.last_mut() {
                Some(name) => name.push_str(&format!("[{index}]")),
                None => names.push(format!("[{index}]")),
            },
        }
    }
    if let ValidationErrorKind::Required {
        property: Value::String(name),
    } = error.kind()
    {
        names.push(name.clone());
    }
    names.join(".")
}

struct Walk<'a> {
    root: &'a Value,
    nodes: usize,
    /// References that are being written out.
    open: Vec<String>,
    cost: Cost,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    /// `times` is how often the validator goes over the same part.
    fn visit(&mut self, value: &'a Value, depth: usize, times: u64) -> Result<(), String> {
        self.cost.weight = self.cost.weight.saturating_add(times);
        match value {
            Value::Object(map) => {
                for banned in ["$dynamicRef", "$recursiveRef"] {
                    if map.get(banned).is_some_and(Value::is_string) {
                        return Err(format!("must not use {banned}"));
                    }
                }
                if depth > 0 && map.get("$id").is_some_and(Value::is_string) {
                    return Err("must not use $id below the root".to_owned());
                }
                self.node(depth)?;
                let times = self.cost.count(map, times)?;
                if let Some(Value::String(reference)) = map.get("$ref") {
                    self.follow(reference, depth, times)?;
                }
                map.values()
                    .try_for_each(|child| self.visit(child, depth + 1, times))
            }
            Value::Array(items) => {
                self.node(depth)?;
                items
                    .iter()
                    .try_for_each(|child| self.visit(child, depth + 1, times))
            }
            Value::String(text) => {
                let more = times.saturating_mul(text.len() as u64 / 16);
                self.cost.weight = self.cost.weight.saturating_add(more);
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn node(&mut self, depth: usize) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > 100 {
            return Err(format!(
                "is too large: at most {MAX_NODES} objects with all references written out"
            ));
        }
        Ok(())
    }

    fn follow(&mut self, reference: &str, depth: usize, times: u64) -> Result<(), String> {
        let Some(pointer) = pointer(reference) else {
            return Err("may only refer to places inside the schema, like `#/$defs/name`".to_owned());
        };
        if self.open.contains(&pointer) {
            return Err("must not refer to itself".to_owned());
        }
        let Some(target) = self.root.pointer(&pointer) else {
            return Err(format!("has a reference that points nowhere: {reference}"));
        };
        self.open.push(pointer);
        let visited = self.visit(target, depth + 1, times);
        self.open.pop();
        visited
    }
}
