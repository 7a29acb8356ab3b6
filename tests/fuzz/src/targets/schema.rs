//! A JSON Schema, `---`, data.

use serde_json::{Map, Value};
use watchbell_model::catalog::{AlertPolicy, EventTypeDefinition, EventTypeSpec};
use watchbell_model::violation::MAX_CHARS;
use watchbell_model::vocabulary::Category;
use watchbell_model::{Data, Severity, Violations};

use crate::input::two_parts;

/// The most violations that one answer names.
const MAX_VIOLATIONS: usize = 50;
/// The longest path of the part that a violation is in, in characters: `data_schema.`.
const MAX_PREFIX: usize = 20;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let (schema, data) = two_parts(text);
    let (Ok(schema), Ok(data)) = (serde_json::from_str::<Value>(schema), data.parse::<Data>()) else {
        return;
    };
    // A schema that does not take the data may still be one, and then says what is wrong with the data.
    let spec = match parse(&schema, data.object().clone()) {
        Ok(spec) => Ok(spec),
        Err(violations) => {
            check(&violations);
            parse(&schema, Map::new())
        }
    };
    match spec {
        Ok(spec) => {
            let verdict = spec.validate(&data);
            assert_eq!(spec.validate(&data), verdict, "the same each time");
            if let Err(violations) = verdict {
                check(&violations);
            }
        }
        Err(violations) => check(&violations),
    }
}

fn parse(schema: &Value, example: Map<String, Value>) -> Result<EventTypeSpec, Violations> {
    EventTypeSpec::parse(EventTypeDefinition {
        name: "fuzz.found".parse().unwrap(),
        title: "Found".to_owned(),
        description: String::new(),
        category: Category::SecurityAlert,
        severity: Severity::Low,
        alert_policy: AlertPolicy::Never,
        topic: None,
        data_schema: Some(schema.clone()),
        example,
        alert: None,
    })
}

fn check(violations: &Violations) {
    assert!(
        (1..=MAX_VIOLATIONS + 1).contains(&violations.len()),
        "{} violations",
        violations.len()
    );
    for violation in violations.iter() {
        let (field, description) = (&violation.field, &violation.description);
        assert!(description.chars().count() <= MAX_CHARS, "{description}");
        assert!(field.chars().count() <= MAX_CHARS + MAX_PREFIX, "{field}");
    }
}
