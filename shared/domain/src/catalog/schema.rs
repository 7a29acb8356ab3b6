//! JSON Schemas of `data`. Those of teams are bounded before they are compiled: references stay inside the schema and
//! do not recurse, and the schema with all references written out stays small, so that no schema can make one event
//! cost seconds. Regular expressions run in linear time.

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::violation::{Violations, reason};

/// The largest schema of a team, in bytes of JSON.
const MAX_BYTES: usize = 64 * 1024;
/// The most objects and lists in a schema whose references are written out.
const MAX_NODES: usize = 1_000;
/// The most violations that one answer names.
const MAX_ANSWERED: usize = 50;

/// Compiles a schema that is known to be harmless.
pub(super) fn compile(schema: &Value) -> Result<Validator, Violations> {
    jsonschema::options()
        .offline()
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        .build(schema)
        .map_err(|error| {
            let why = format!("is not a JSON Schema that can be used: {}", error.masked());
            Violations::one("", reason::SCHEMA, why)
        })
}

/// Compiles a schema by a team.
pub(super) fn compile_checked(schema: &Value) -> Result<Validator, Violations> {
    if !schema.is_object() {
        return Err(Violations::one("", reason::SCHEMA, "must be an object"));
    }
    if schema.to_string().len() > MAX_BYTES {
        return Err(Violations::one(
            "",
            reason::TOO_LONG,
            format!("must have at most {MAX_BYTES} bytes"),
        ));
    }
    let mut walk = Walk {
        root: schema,
        nodes: 0,
        open: Vec::new(),
    };
    walk.visit(schema, 0)
        .map_err(|why| Violations::one("", reason::SCHEMA, why))?;
    compile(schema)
}

/// Every way in which the data breaks the schema, with paths inside of `data`.
pub(super) fn validate(validator: &Validator, data: &Value) -> Result<(), Violations> {
    if validator.is_valid(data) {
        return Ok(());
    }
    let mut violations = Violations::new();
    for error in validator.iter_errors(data).take(MAX_ANSWERED) {
        // The message is masked: an answer, and the log of it, must not repeat what the data holds.
        violations.add(path_of(&error), reason::SCHEMA, error.masked().to_string());
    }
    Err(violations)
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
    open: Vec<&'a str>,
}

// === impl Walk ===

impl<'a> Walk<'a> {
    fn visit(&mut self, value: &'a Value, depth: usize) -> Result<(), String> {
        let children: &mut dyn Iterator<Item = &'a Value> = match value {
            Value::Object(map) => {
                for banned in ["$dynamicRef", "$recursiveRef"] {
                    if map.get(banned).is_some_and(Value::is_string) {
                        return Err(format!("must not use {banned}"));
                    }
                }
                if depth > 0 && map.get("$id").is_some_and(Value::is_string) {
                    return Err("must not use $id below the root".to_owned());
                }
                if let Some(Value::String(reference)) = map.get("$ref") {
                    self.follow(reference, depth)?;
                }
                &mut map.values()
            }
            Value::Array(items) => &mut items.iter(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
        };
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > 100 {
            return Err(format!(
                "is too large: at most {MAX_NODES} objects with all references written out"
            ));
        }
        for child in children {
            self.visit(child, depth + 1)?;
        }
        Ok(())
    }

    fn follow(&mut self, reference: &'a str, depth: usize) -> Result<(), String> {
        let pointer = reference
            .strip_prefix('#')
            .filter(|pointer| pointer.starts_with('/'));
        let Some(pointer) = pointer else {
            return Err("may only refer to places inside the schema, like `#/$defs/name`".to_owned());
        };
        if self.open.contains(&pointer) {
            return Err("must not refer to itself".to_owned());
        }
        let Some(target) = self.root.pointer(pointer) else {
            return Err(format!("has a reference that points nowhere: {reference}"));
        };
        self.open.push(pointer);
        let visited = self.visit(target, depth + 1);
        self.open.pop();
        visited
    }
}
