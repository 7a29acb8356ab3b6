//! The document as a JSON Schema, for editors: it completes and explains keys. What is wrong with a document is for the
//! server to say, which reads more forms than these.

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind};
use serde_json::{Map, Value, json};
use watchbell_contracts::json::descriptor;
use watchbell_model::{ChannelKind, Topic};

use super::shape::{DIGEST, EVENT_TYPE, Form, Key, MENTION_RULE, RULE, SILENCE, Shape};
use super::values::spelled;

const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../console/web/src/domain/document.schema.json"
);

fn document() -> Value {
    let list = |shape: &Shape| json!({"type": "array", "items": mapping(shape)});
    let mut channel = Map::new();
    for kind in ChannelKind::ALL {
        let keys = mapping(Shape::channel(*kind));
        channel.extend(keys["properties"].as_object().cloned().unwrap_or_default());
    }
    let topics: Map<String, Value> = Topic::ALL
        .iter()
        .map(|topic| (topic.to_string(), json!({"enum": ["on", "off", "failures"]})))
        .collect();
    let preferences = json!({"type": "object", "properties": topics});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of a team in Watchbell",
        "type": "object",
        "properties": {
            "version": {"const": 1},
            "channels": {"type": "array", "items": {"type": "object", "properties": channel}},
            "rules": list(&RULE),
            "mentions": list(&MENTION_RULE),
            "silences": list(&SILENCE),
            "preferences": {"type": "object", "additionalProperties": preferences},
            "compliance_recipients": {"type": "array", "items": {"type": "string"}},
            "digest": mapping(&DIGEST),
            "event_types": list(&EVENT_TYPE),
        },
    })
}

fn mapping(shape: &Shape) -> Value {
    let properties: Map<String, Value> = shape
        .keys()
        .map(|key| (key.name.to_owned(), property(shape, key)))
        .collect();
    if properties.is_empty() {
        return json!({"type": "string"});
    }
    json!({"type": "object", "properties": properties})
}

fn property(shape: &Shape, key: &Key) -> Value {
    let field = field(shape, key.field);
    let one = match (&key.form, field.kind()) {
        (Form::Below(shape), _) => mapping(shape),
        (_, Kind::Bool) => json!({"type": "boolean"}),
        (_, Kind::Enum(words)) => json!({"enum": spellings(&words)}),
        (_, Kind::String | Kind::Message(_)) => json!({}),
        _ => json!({"type": "number"}),
    };
    let mut schema = match field.is_list() {
        true => json!({"type": "array", "items": one}),
        false => one,
    };
    if let Some(text) = comment(&field) {
        schema["description"] = text.into();
    }
    schema
}

/// The field of a path.
fn field(shape: &Shape, path: &str) -> FieldDescriptor {
    let mut message = descriptor(shape.message).unwrap();
    let mut names = path.split('.').peekable();
    loop {
        let field = message.get_field_by_name(names.next().unwrap()).unwrap();
        match field.kind() {
            Kind::Message(below) if names.peek().is_some() => message = below,
            _ => return field,
        }
    }
}

fn spellings(words: &EnumDescriptor) -> Vec<String> {
    let given = words.values().filter(|value| value.number() != 0);
    given.map(|value| spelled(value.name(), words)).collect()
}

/// The comment of a field, without what only concerns messages.
fn comment(field: &FieldDescriptor) -> Option<String> {
    let file = field.parent_file();
    let locations = &file.file_descriptor_proto().source_code_info.as_ref()?.location;
    let location = locations.iter().find(|location| location.path == field.path())?;
    let text = location.leading_comments.as_deref()?;
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let text = lines
        .join(" ")
        .replace(" Output only.", "")
        .replace(" Required.", "");
    Some(text.trim().to_owned()).filter(|text| !text.is_empty() && text != "Output only.")
}

#[test]
fn what_editors_complete_is_what_is_read() {
    let mut written = serde_json::to_string_pretty(&document()).unwrap();
    written.push('\n');
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &written).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == written,
        "document.schema.json is not what is read: UPDATE_DOCS=1 cargo test -p watchbell-config document::schema"
    );
}
