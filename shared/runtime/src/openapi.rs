//! `docs/openapi.json`: the RPCs that callers may use, as JSON over HTTP has them, written from the contracts and the access
//! table. The test compares; with `UPDATE_DOCS=1` it writes.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_reflect::{
    EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value as Reflected,
};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};
use serde_json::{Map, Value, json};
use watchbell_contracts::FILE_DESCRIPTOR_SET;
use watchbell_contracts::json::rpc;

use crate::auth::table::{self, Access};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// The comments of the contracts, by the full name of what they are about.
#[derive(Default)]
struct Comments(BTreeMap<String, String>);

/// Numbers of fields in the descriptors of protobuf, of which the paths of comments are made.
mod tag {
    pub(super) const MESSAGE: i32 = 4;
    pub(super) const ENUM: i32 = 5;
    pub(super) const SERVICE: i32 = 6;
    pub(super) const FIELD: i32 = 2;
    pub(super) const NESTED: i32 = 3;
    pub(super) const METHOD: i32 = 2;
    pub(super) const VALUE: i32 = 2;
}

impl Comments {
    fn read() -> Self {
        let mut comments = Self::default();
        for file in FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file {
            comments.read_file(&file);
        }
        comments
    }

    fn read_file(&mut self, file: &FileDescriptorProto) {
        let mut names = BTreeMap::new();
        let package = file.package();
        for (index, message) in (0..).zip(&file.message_type) {
            name_message(
                &mut names,
                &[tag::MESSAGE, index],
                &format!("{package}.{}", message.name()),
                message,
            );
        }
        for (index, values) in (0..).zip(&file.enum_type) {
            let name = format!("{package}.{}", values.name());
            for (number, value) in (0..).zip(&values.value) {
                names.insert(
                    vec![tag::ENUM, index, tag::VALUE, number],
                    format!("{name}.{}", value.name()),
                );
            }
            names.insert(vec![tag::ENUM, index], name);
        }
        for (index, service) in (0..).zip(&file.service) {
            let name = format!("{package}.{}", service.name());
            for (number, method) in (0..).zip(&service.method) {
                names.insert(
                    vec![tag::SERVICE, index, tag::METHOD, number],
                    format!("{name}.{}", method.name()),
                );
            }
            names.insert(vec![tag::SERVICE, index], name);
        }
        for location in file.source_code_info.iter().flat_map(|info| &info.location) {
            if let (Some(name), Some(text)) = (names.get(&location.path), &location.leading_comments) {
                let lines: Vec<_> = text.lines().map(str::trim).collect();
                self.0.insert(name.clone(), lines.join("\n").trim().to_owned());
            }
        }
    }

    fn of(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

fn name_message(names: &mut BTreeMap<Vec<i32>, String>, path: &[i32], name: &str, message: &DescriptorProto) {
    let at = |kind, index| [path, &[kind, index]].concat();
    for (index, field) in (0..).zip(&message.field) {
        names.insert(at(tag::FIELD, index), format!("{name}.{}", field.name()));
    }
    for (index, nested) in (0..).zip(&message.nested_type) {
        name_message(
            names,
            &at(tag::NESTED, index),
            &format!("{name}.{}", nested.name()),
            nested,
        );
    }
    names.insert(path.to_vec(), name.to_owned());
}

const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;
const IDENTIFIER: i32 = 8;

/// The document as it is written.
struct Document {
    comments: Comments,
    schemas: Map<String, Value>,
    waiting: Vec<MessageDescriptor>,
    seen: BTreeSet<String>,
    /// Messages of answers: later versions may have more fields, which clients are to ignore.
    answered: BTreeSet<String>,
}

impl Document {
    fn write() -> Value {
        let mut document = Self {
            comments: Comments::read(),
            schemas: Map::new(),
            waiting: Vec::new(),
            seen: BTreeSet::new(),
            answered: BTreeSet::new(),
        };
        let mut paths = Map::new();
        for (path, access) in table::rows() {
            let rpc = rpc(&path).unwrap();
            let streams = rpc.is_client_streaming() || rpc.is_server_streaming();
            if access == Access::Internal || streams {
                continue;
            }
            document.answers(&rpc.output());
            let operation = document.operation(&rpc, access);
            paths.insert(path, json!({"post": operation}));
        }
        while let Some(message) = document.waiting.pop() {
            let schema = document.message(&message);
            document.schemas.insert(message.full_name().to_owned(), schema);
        }
        document.schemas.insert("connect.Error".to_owned(), error());
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Watchbell",
                "version": "v1",
                "description": "Every unary RPC by `POST` with JSON (the Connect protocol). See docs/http.md.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "http://127.0.0.1:7700"}],
            "security": [{"bearer": []}, {"api_key": []}],
            "paths": paths,
            "components": {
                "schemas": document.schemas,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key (`wbk_…`) or a member's token."},
                    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        })
    }

    fn answers(&mut self, message: &MessageDescriptor) {
        if self.answered.insert(message.full_name().to_owned()) {
            for field in message.fields() {
                if let Kind::Message(below) = field.kind() {
                    self.answers(&below);
                }
            }
        }
    }

    fn operation(&mut self, rpc: &MethodDescriptor, access: Access) -> Value {
        let service = rpc.parent_service();
        let text = self.comments.of(rpc.full_name()).unwrap_or_default().to_owned();
        let summary = text.split(". ").next().unwrap_or_default().replace('\n', " ");
        let body = |schema: Value| json!({"application/json": {"schema": schema}});
        let (input, output) = (self.reference(&rpc.input()), self.reference(&rpc.output()));
        let mut operation = json!({
            "operationId": format!("{}_{}", service.name(), rpc.name()),
            "tags": [service.name()],
            "summary": summary.trim_end_matches('.'),
            "description": text,
            "requestBody": {"required": true, "content": body(input)},
            "responses": {
                "200": {"description": "Done.", "content": body(output)},
                "default": {
                    "description": "An error; its status follows its code.",
                    "content": body(json!({"$ref": "#/components/schemas/connect.Error"})),
                },
            },
        });
        match access {
            Access::Public => operation["security"] = json!([]),
            Access::Scope(scope) | Access::Own(scope) | Access::OwnChange(scope) | Access::Key(scope) => {
                operation["x-scope"] = scope.as_str().into();
            }
            Access::Administer | Access::ManageKeys => operation["x-scope"] = "config.write".into(),
            Access::Internal | Access::Authenticated => {}
        }
        operation
    }

    fn reference(&mut self, message: &MessageDescriptor) -> Value {
        let name = message.full_name();
        match name {
            "google.protobuf.Timestamp" => return json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Duration" => return json!({"type": "string", "examples": ["1.5s"]}),
            "google.protobuf.FieldMask" => {
                return json!({"type": "string", "examples": ["display_name,enabled"]});
            }
            "google.protobuf.Struct" => return json!({"type": "object"}),
            "google.protobuf.Value" => return json!({}),
            "google.protobuf.ListValue" => return json!({"type": "array"}),
            "google.protobuf.Any" => {
                return json!({"type": "object", "properties": {"@type": {"type": "string"}}, "required": ["@type"]});
            }
            _ => {}
        }
        if self.seen.insert(name.to_owned()) {
            self.waiting.push(message.clone());
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn enumeration(&mut self, values: &EnumDescriptor) -> Value {
        let name = values.full_name();
        if self.seen.insert(name.to_owned()) {
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            let mut schema = json!({"type": "string", "enum": names});
            describe(&mut schema, self.comments.of(name));
            self.schemas.insert(name.to_owned(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    fn message(&mut self, message: &MessageDescriptor) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for field in message.fields() {
            let mut schema = self.field(&field);
            let mut text = self.comments.of(field.full_name()).unwrap_or_default().to_owned();
            if let Some(oneof) = field.containing_oneof().filter(|oneof| oneof.fields().len() > 1) {
                let names: Vec<_> = oneof
                    .fields()
                    .map(|field| format!("`{}`", field.name()))
                    .collect();
                text = format!("{text}\n\nAt most one of {} is given.", names.join(", "))
                    .trim()
                    .to_owned();
            }
            describe(&mut schema, Some(&text));
            let behaviors = behaviors(&field);
            for (behavior, keyword) in [(OUTPUT_ONLY, "readOnly"), (INPUT_ONLY, "writeOnly")] {
                if behaviors.contains(&behavior) {
                    schema[keyword] = true.into();
                }
            }
            if behaviors.contains(&REQUIRED) {
                required.push(field.name().to_owned());
            }
            properties.insert(field.name().to_owned(), schema);
        }
        let mut schema = json!({"type": "object", "properties": properties});
        // A resource with an etag may be given in part, to change what the mask names.
        if !required.is_empty() && message.get_field_by_name("etag").is_none() {
            schema["required"] = required.into();
        }
        if !self.answered.contains(message.full_name()) {
            schema["additionalProperties"] = false.into();
        }
        describe(&mut schema, self.comments.of(message.full_name()));
        schema
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                unreachable!()
            };
            let values = self.kind(&entry.map_entry_value_field());
            return json!({"type": "object", "additionalProperties": values});
        }
        let one = self.kind(field);
        if field.is_list() {
            json!({"type": "array", "items": one})
        } else {
            one
        }
    }

    fn kind(&mut self, field: &FieldDescriptor) -> Value {
        match field.kind() {
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Int32 => json!({"type": "integer", "format": "int32"}),
            Kind::Uint32 => json!({"type": "integer", "format": "int64", "minimum": 0}),
            // Answers have strings, and requests may have either.
            Kind::Int64 => json!({"type": ["string", "integer"], "format": "int64"}),
            Kind::Uint64 => json!({"type": ["string", "integer"], "format": "uint64"}),
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(values) => self.enumeration(&values),
            Kind::Message(message) => self.reference(&message),
            kind => panic!("{} is of kind {kind:?}", field.full_name()),
        }
    }
}

/// What `google.api.field_behavior` says of a field, by its numbers.
fn behaviors(field: &FieldDescriptor) -> Vec<i32> {
    let extension = field
        .parent_pool()
        .get_extension_by_name("google.api.field_behavior");
    let options = field.options();
    let behaviors = options.get_extension(&extension.unwrap()).into_owned();
    let numbers = behaviors.as_list().unwrap_or_default().iter();
    numbers.filter_map(Reflected::as_enum_number).collect()
}

fn describe(schema: &mut Value, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        schema["description"] = text.into();
    }
}

fn error() -> Value {
    let detail = json!({
        "type": "object",
        "properties": {
            "type": {"type": "string", "examples": ["google.rpc.BadRequest"]},
            "value": {"type": "string", "contentEncoding": "base64", "description": "The detail in protobuf."},
            "debug": {"description": "The same in JSON."},
        },
    });
    json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "examples": ["invalid_argument"]},
            "message": {"type": "string"},
            "details": {"type": "array", "items": detail},
        },
    })
}

#[test]
fn what_comments_say_of_fields_is_annotated() {
    let comments = Comments::read();
    let pool = rpc("/watchbell.router.v1.RouterService/Emit")
        .unwrap()
        .parent_pool()
        .clone();
    let messages = pool
        .all_messages()
        .filter(|message| message.full_name().starts_with("watchbell."));
    for field in messages.flat_map(|message| message.fields().collect::<Vec<_>>()) {
        let comment = comments.of(field.full_name()).unwrap_or_default();
        let behaviors = behaviors(&field);
        for (words, any_of) in [
            ("Output only", [OUTPUT_ONLY, IDENTIFIER].as_slice()),
            ("Input only", &[INPUT_ONLY]),
        ] {
            let annotated = any_of.iter().any(|behavior| behaviors.contains(behavior));
            assert_eq!(
                comment.contains(words),
                annotated,
                "{}: {words}",
                field.full_name()
            );
        }
    }
}

#[test]
fn the_description_for_openapi_is_that_of_the_contracts() {
    let mut written = serde_json::to_string_pretty(&Document::write()).unwrap();
    written.push('\n');
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, &written).unwrap();
    }
    let committed = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(
        committed == written,
        "docs/openapi.json is not what the contracts say: UPDATE_DOCS=1 cargo test -p watchbell-runtime openapi"
    );
}
