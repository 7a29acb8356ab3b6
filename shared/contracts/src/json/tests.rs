use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use prost_reflect::prost::Message as _;
use prost_reflect::{
    DynamicMessage, Kind, MapKey, MessageDescriptor, MethodDescriptor, SerializeOptions, Value,
};
use serde_json::json;

use super::*;
use crate::config::v1::EventFilter;
use crate::event::v1::Severity;

#[test]
fn moderate_is_read_and_medium_is_written() {
    let name = "watchbell.config.v1.EventFilter";
    let json = json!({"severities": ["SEVERITY_MODERATE", "SEVERITY_MEDIUM", 3, "SEVERITY_HIGH"]});
    let filter: EventFilter = from_json(name, &json).unwrap();
    let (medium, high) = (Severity::Medium as i32, Severity::High as i32);
    assert_eq!(filter.severities, [medium, medium, medium, high]);
    let words = [
        "SEVERITY_MEDIUM",
        "SEVERITY_MEDIUM",
        "SEVERITY_MEDIUM",
        "SEVERITY_HIGH",
    ];
    assert_eq!(to_json(name, &filter).unwrap(), json!({"severities": words}));
}

#[test]
fn what_a_struct_takes_on_the_wire_is_bounded_while_it_is_read() {
    let descriptor = descriptor("watchbell.config.v1.EventType").unwrap();
    let zeros = |count: usize| {
        let zeros = vec!["0"; count].join(",");
        format!(r#"{{"data_schema": {{"a": [{zeros}]}}}}"#)
    };
    assert!(read(&descriptor, zeros(100_000).as_bytes()).is_ok());
    // 1.2 MB of text, and 6.6 MB on the wire.
    let refused = read(&descriptor, zeros(600_000).as_bytes()).unwrap_err();
    assert!(refused[0].description.contains("too large"), "{refused:?}");
}

fn rpcs() -> Vec<MethodDescriptor> {
    let pool = POOL.as_ref().unwrap();
    let ours = pool
        .services()
        .filter(|service| service.full_name().starts_with("watchbell."));
    ours.flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect()
}

/// A message with something in most of its fields, by choices of `rng`.
fn arbitrary(descriptor: &MessageDescriptor, rng: &mut TestRng, depth: usize) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            message.set_field_by_name(
                "seconds",
                Value::I64(rng.random_range(-62_135_596_800..253_402_300_799)),
            );
            message.set_field_by_name("nanos", Value::I32(rng.random_range(0..1_000_000_000)));
            return message;
        }
        "google.protobuf.Duration" => {
            message.set_field_by_name("seconds", Value::I64(rng.random_range(0..1_000_000)));
            message.set_field_by_name("nanos", Value::I32(rng.random_range(0..1_000_000_000)));
            return message;
        }
        "google.protobuf.FieldMask" => {
            let paths = ["display_name", "a.b_c"].map(|path| Value::String(path.to_owned()));
            message.set_field_by_name("paths", Value::List(paths.into()));
            return message;
        }
        "google.protobuf.Any" => {
            let pool = descriptor.parent_pool();
            let name = [
                "BadRequest",
                "ErrorInfo",
                "RetryInfo",
                "ResourceInfo",
                "PreconditionFailure",
            ][rng.random_range(0..5)];
            let detail = pool.get_message_by_name(&format!("google.rpc.{name}")).unwrap();
            let url = format!("type.googleapis.com/google.rpc.{name}");
            message.set_field_by_name("type_url", Value::String(url));
            let detail = arbitrary(&detail, rng, depth).encode_to_vec();
            message.set_field_by_name("value", Value::Bytes(detail.into()));
            return message;
        }
        _ => {}
    }
    let mut oneofs = std::collections::HashSet::new();
    for field in descriptor.fields() {
        if rng.random_range(0..4) == 0 || depth > 5 {
            continue;
        }
        if let Some(oneof) = field.containing_oneof()
            && !oneofs.insert(oneof.name().to_owned())
        {
            continue;
        }
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                unreachable!()
            };
            let value = one(&entry.map_entry_value_field().kind(), rng, depth);
            let map = [(MapKey::String("a key".to_owned()), value)].into();
            message.set_field(&field, Value::Map(map));
        } else if field.is_list() {
            let count = rng.random_range(0..4);
            let list = (0..count).map(|_| one(&field.kind(), rng, depth)).collect();
            message.set_field(&field, Value::List(list));
        } else {
            message.set_field(&field, one(&field.kind(), rng, depth));
        }
    }
    if descriptor.full_name() == "google.protobuf.Value" && message.fields().next().is_none() {
        message.set_field_by_name("bool_value", Value::Bool(true));
    }
    message
}

/// Integers and doubles are one thing in JSON.
fn as_doubles(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::Number(number) => json!(number.as_f64()),
        Json::Array(list) => list.into_iter().map(as_doubles).collect(),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, as_doubles(value)))
            .collect(),
        other => other,
    }
}

fn one(kind: &Kind, rng: &mut TestRng, depth: usize) -> Value {
    match kind {
        Kind::Bool => Value::Bool(rng.random()),
        Kind::Int32 => Value::I32(rng.random()),
        Kind::Uint32 => Value::U32(rng.random()),
        Kind::Int64 => Value::I64(rng.random()),
        Kind::Uint64 => Value::U64(rng.random()),
        Kind::Double => Value::F64(rng.random_range(-1_000_000..1_000_000) as f64 / 8.0),
        Kind::String => Value::String(["", "text", "\u{e9}\"\\\n\u{0}"][rng.random_range(0..3)].to_owned()),
        Kind::Bytes => Value::Bytes(vec![255, 0, rng.random()].into()),
        Kind::Enum(values) => {
            let all: Vec<_> = values.values().collect();
            Value::EnumNumber(all[rng.random_range(0..all.len())].number())
        }
        Kind::Message(inner) => Value::Message(arbitrary(inner, rng, depth + 1)),
        kind => panic!("no contract has fields of kind {kind:?}"),
    }
}

/// Against another implementation of the mapping.
#[test]
fn what_is_written_and_read_is_what_the_mapping_of_protobuf_says() {
    let mut runner = TestRunner::deterministic();
    let rng = runner.rng();
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    let plain = SerializeOptions::new();
    let mut compared = 0;
    for rpc in rpcs() {
        for (descriptor, is_read) in [(rpc.input(), true), (rpc.output(), false)] {
            for _ in 0..10 {
                let message = arbitrary(&descriptor, rng, 0);
                let wire = message.encode_to_vec();
                let written: serde_json::Value =
                    serde_json::from_slice(&write(&descriptor, &wire).unwrap()).unwrap();
                let expected = message
                    .serialize_with_options(serde_json::value::Serializer, &options)
                    .unwrap();
                if !expected.to_string().contains("displayName,") {
                    assert_eq!(
                        as_doubles(written),
                        as_doubles(expected.clone()),
                        "{}",
                        descriptor.full_name()
                    );
                }
                compared += 1;
                if !is_read || expected.to_string().contains("\"data\":") {
                    continue;
                }
                for options in [&options, &plain] {
                    let text = message
                        .serialize_with_options(serde_json::value::Serializer, options)
                        .unwrap()
                        .to_string();
                    let wire = read(&descriptor, text.as_bytes()).unwrap();
                    let again = DynamicMessage::decode(descriptor.clone(), wire.as_slice()).unwrap();
                    assert_eq!(
                        again
                            .serialize_with_options(serde_json::value::Serializer, options)
                            .unwrap(),
                        message
                            .serialize_with_options(serde_json::value::Serializer, options)
                            .unwrap(),
                        "{text}"
                    );
                }
            }
        }
    }
    assert!(compared > 1_000, "{compared}");
}

const EMIT: &str = "watchbell.router.v1.EmitRequest";

fn refused(name: &str, text: &str) -> Vec<(String, String)> {
    let found = read(&descriptor(name).unwrap(), text.as_bytes()).unwrap_err();
    found
        .into_iter()
        .map(|violation| (violation.field, violation.description))
        .collect()
}

#[test]
fn everything_that_is_wrong_is_named_by_its_path() {
    let text = r#"{"team": "x", "event": {"id": 7, "test": "yes", "occurred_at": "yesterday", "occurredAt": "2026-11-26T09:30:00Z",
        "severity": "HIGH", "data": [1], "more": {"a": []}}, "team_id": ["x"]}"#;
    let found = refused(EMIT, text);
    let expected = [
        ("team", "EmitRequest has no such field"),
        ("event.id", "must be a string"),
        ("event.test", "must be true or false"),
        (
            "event.occurred_at",
            "must be a time such as 2026-11-26T09:30:00Z (RFC 3339)",
        ),
        ("event.severity", "must be one of SEVERITY_UNSPECIFIED"),
        ("event.data", "must be a JSON object"),
        ("event.more", "Event has no such field"),
        ("team_id", "must be a string"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((field, description), (path, begins)) in found.iter().zip(expected) {
        assert!(
            field == path && description.starts_with(begins),
            "{field}: {description}"
        );
    }
    let found = refused(
        "watchbell.router.v1.EmitBatchRequest",
        r#"{"events": [{}, {"x": 1}, null, 5]}"#,
    );
    let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["events[1].x", "events[2]", "events[3]"]);
}

#[test]
fn what_is_no_json_object_is_one_violation() {
    for (text, begins) in [
        ("", "the body is empty"),
        ("{", "the body is not JSON: EOF"),
        ("{} {}", "the body is not JSON: trailing"),
        ("[]", "the body must be a JSON object"),
        ("null", "the body must be a JSON object"),
        ("\"x\"", "the body must be a JSON object"),
        ("{\"team_id\": \"\u{7f}", "the body is not JSON"),
    ] {
        let found = refused(EMIT, text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(
            found[0].0.is_empty() && found[0].1.starts_with(begins),
            "{text}: {found:?}"
        );
    }
    let deep = format!("{{\"event\":{}1{}}}", "{\"x\":".repeat(500), "}".repeat(500));
    assert_eq!(refused(EMIT, &deep).len(), 1);
    let latin = [b"{\"team_id\":\"".as_slice(), &[0xe9], b"\"}"].concat();
    assert!(read(&descriptor(EMIT).unwrap(), &latin).is_err());
}

#[test]
fn a_field_is_given_once_and_of_a_oneof_only_one() {
    let twice = refused(EMIT, r#"{"team_id": "a", "teamId": "b"}"#);
    assert_eq!(twice, [("team_id".to_owned(), "is given twice".to_owned())]);
    let both = refused(EMIT, r#"{"event": {"data": {}, "data_json": "e30="}}"#);
    assert_eq!(both[0].0, "event.data_json");
    assert!(both[0].1.contains("only one of data, data_json"), "{both:?}");
}

#[test]
fn the_text_of_data_is_carried_as_it_is() {
    use crate::event::v1::event::Payload;
    let data = r#"{ "big": 123456789012345678901234567890, "price": 1.10, "a": {"$serde_json::private::RawValue": "[1]"} }"#;
    let text = format!(r#"{{"event": {{"type": "x", "data": {data}, "dedup": null}}}}"#)
        .replace(r#", "dedup": null"#, "");
    let wire = read(&descriptor(EMIT).unwrap(), text.as_bytes()).unwrap();
    let request = crate::router::v1::EmitRequest::decode(wire.as_slice()).unwrap();
    let Some(Payload::DataJson(carried)) = request.event.unwrap().payload else {
        panic!("no text");
    };
    assert_eq!(carried, data);
}

#[test]
fn numbers_of_64_bits_are_strings_or_numbers() {
    let name = "watchbell.config.v1.ApplyTeamConfigRequest";
    let field = "expected_revision";
    let descriptor = descriptor(name).unwrap();
    for (given, number) in [
        ("7", "7"),
        ("\"7\"", "7"),
        ("9007199254740993", "9007199254740993"),
        ("7.0", "7"),
    ] {
        let wire = read(&descriptor, format!("{{\"{field}\": {given}}}").as_bytes()).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&write(&descriptor, &wire).unwrap()).unwrap();
        assert_eq!(written[field], number, "{given}");
    }
    for wrong in ["7.5", "\"x\"", "true", "1e300", "\"9223372036854775808\""] {
        assert!(
            read(&descriptor, format!("{{\"{field}\": {wrong}}}").as_bytes()).is_err(),
            "{wrong}"
        );
    }
}

proptest! {
    #![proptest_config(Config::with_cases(500))]
    #[test]
    fn no_text_and_no_bytes_cause_a_panic(text in "[\\[\\]{}\":,a-z0-9_ ]{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let descriptor = descriptor(EMIT).unwrap();
        let _ = read(&descriptor, text.as_bytes());
        let _ = write(&descriptor, &bytes);
    }
}

#[test]
fn an_alias_is_read_and_neither_written_nor_listed() {
    let event = descriptor("watchbell.event.v1.Event").unwrap();
    let wire = read(&event, br#"{"severity":"SEVERITY_MODERATE"}"#).unwrap();
    let written = String::from_utf8(write(&event, &wire).unwrap()).unwrap();
    assert!(written.contains("SEVERITY_MEDIUM"), "{written}");
    let Some(Kind::Enum(severities)) = event.get_field_by_name("severity").map(|field| field.kind()) else {
        panic!("an enumeration")
    };
    let names: Vec<_> = declared(&severities)
        .map(|value| value.name().to_owned())
        .collect();
    let expected = ["UNSPECIFIED", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
    assert_eq!(names, expected.map(|name| format!("SEVERITY_{name}")));
}
