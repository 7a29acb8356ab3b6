//! Values of the document from and to fields of messages, by reflection: words for enumerations, `5m` for durations, and
//! the few forms that people write in another way than messages have them.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat};
use prost::Message;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage as _, Value,
};
use serde_json::Value as Json;
use uuid::Uuid;
use watchbell_contracts::config::v1::{AlertWhen, QuietWindow};
use watchbell_contracts::json::{declared, descriptor};
use watchbell_model::convert::{duration, instant, object, span, structure, timestamp};
use watchbell_model::data::MAX_LEVELS;
use watchbell_model::ids::ChannelId;
use watchbell_model::json;
use watchbell_model::violation::{Violations, reason};

use super::reader::Item;
use super::shape::{Form, Key, Shape};
use super::tree::{Map, Tree};
use super::words::{parse_span, parse_window, print_span, print_window};

const SEVERITY: &str = "watchbell.event.v1.Severity";
const TOO_DEEP: &str = "is nested too deeply";
const MALFORMED_WINDOW: &str =
    "must be hours like 22:00-07:00, with days before them if not every day: mon-fri 22:00-07:00";

/// Reads a mapping as the message that its shape stands for, as far as it can be read; nothing when it is no mapping.
pub(super) fn read<M: Message + Default>(item: &Item<'_>, shape: &Shape) -> Option<M> {
    let message = mapping(item, shape, descriptor(shape.message).ok()?)?;
    // What is left out of a document is deleted: nothing may be left out in silence.
    item.or_note(message.transcode_to().ok(), TOO_DEEP)
}

/// A message as the document writes it. `called` gives what it calls a channel or a member, by the id.
pub(super) fn print<M: Message>(message: &M, shape: &Shape, called: &dyn Fn(&str) -> Tree) -> Map {
    let known = descriptor(shape.message).ok();
    let message = known.and_then(|known| dynamic(known, message));
    message.map_or_else(Map::default, |message| print_mapping(&message, shape, called))
}

/// None for structs that are nested too deeply to be decoded.
fn dynamic<M: Message>(known: MessageDescriptor, message: &M) -> Option<DynamicMessage> {
    DynamicMessage::decode(known, message.encode_to_vec().as_slice()).ok()
}

fn mapping(item: &Item<'_>, shape: &Shape, known: MessageDescriptor) -> Option<DynamicMessage> {
    let names: Vec<_> = shape.keys().map(|key| key.name).collect();
    item.mapping(&names)?;
    let mut message = DynamicMessage::new(known);
    for key in shape.keys() {
        if let Some(item) = item.get(key.name) {
            set(&mut message, key.field, &item, key);
        }
    }
    Some(message)
}

fn set(message: &mut DynamicMessage, path: &str, item: &Item<'_>, key: &Key) {
    let (head, below) = path
        .split_once('.')
        .map_or((path, None), |(head, below)| (head, Some(below)));
    let Some(field) = message.descriptor().get_field_by_name(head) else {
        return;
    };
    match below {
        Some(below) => {
            if let Some(message) = message.get_field_mut(&field).as_message_mut() {
                set(message, below, item, key);
            }
        }
        None if field.is_list() => {
            // What cannot be read keeps its place.
            let instead = |kind| match kind {
                Kind::Message(known) => Some(Value::Message(DynamicMessage::new(known))),
                _ => None,
            };
            let read = |item: &Item<'_>| value(item, &field, key).or_else(|| instead(field.kind()));
            message.set_field(
                &field,
                Value::List(item.items().iter().filter_map(read).collect()),
            );
        }
        None => {
            if let Some(value) = value(item, &field, key) {
                message.set_field(&field, value);
            }
        }
    }
}

/// One value. What cannot be read is noted.
fn value(item: &Item<'_>, field: &FieldDescriptor, key: &Key) -> Option<Value> {
    let json = item.value;
    match field.kind() {
        // Ids are known once the names are looked up; how many there are can be checked before.
        Kind::String if key.field.ends_with("channel_ids") => Some(Value::String(placeholder(&item.path))),
        Kind::String => Some(Value::String(item.text())),
        Kind::Bool => item.or_note(json.as_bool().map(Value::Bool), "must be true or false"),
        Kind::Uint32 => {
            let number = json.as_u64().and_then(|number| u32::try_from(number).ok());
            item.or_note(number.map(Value::U32), "must be a whole number")
        }
        Kind::Int32 => {
            let number = json.as_i64().and_then(|number| i32::try_from(number).ok());
            item.or_note(number.map(Value::I32), "must be a whole number")
        }
        Kind::Double => item.or_note(json.as_f64().map(Value::F64), "must be a number"),
        Kind::Enum(words) => word(item, &words).map(Value::EnumNumber),
        Kind::Message(known) => message(item, known, key).map(Value::Message),
        _ => None,
    }
}

fn message(item: &Item<'_>, known: MessageDescriptor, key: &Key) -> Option<DynamicMessage> {
    let text = item.value.as_str();
    match (known.full_name(), &key.form) {
        ("google.protobuf.Duration", _) => {
            let span = item.or_note(text.and_then(parse_span), "must be a duration like 5m or 1h30m")?;
            dynamic(known, &duration(span))
        }
        ("google.protobuf.Timestamp", _) => {
            let time = text.and_then(|text| DateTime::parse_from_rfc3339(text.trim()).ok());
            let time = item.or_note(time, "must be a time like 2026-11-21T03:00:00Z")?;
            dynamic(known, &timestamp(time.to_utc()))
        }
        ("google.protobuf.Struct", _) => {
            let fields = item.any_mapping()?;
            let is_flat = json::levels(item.value) <= MAX_LEVELS;
            let read = is_flat.then(|| structure(fields));
            item.or_note(read.and_then(|fields| dynamic(known, &fields)), TOO_DEEP)
        }
        ("watchbell.config.v1.QuietWindow", _) => {
            let window = item.or_note(text.and_then(parse_window), MALFORMED_WINDOW)?;
            dynamic(known, &window)
        }
        ("watchbell.config.v1.StormControl", Form::Below(shape)) => storm_control(item, known, shape),
        ("watchbell.config.v1.AlertPolicy", _) => Some(alert_policy(item, known, key)),
        ("watchbell.event.v1.Mention", Form::Below(shape)) => Some(mention(item, &known, shape)),
        (_, Form::Below(shape)) => mapping(item, shape, known),
        _ => None,
    }
}

fn placeholder(path: &str) -> String {
    let index = path
        .rsplit('[')
        .next()
        .and_then(|end| end.trim_end_matches(']').parse().ok());
    ChannelId::from_uuid(Uuid::from_u128(index.unwrap_or_default())).to_string()
}

/// The number of a word, in any case.
fn word(item: &Item<'_>, words: &EnumDescriptor) -> Option<i32> {
    let text = item.or_note(item.value.as_str(), "must be a word")?.trim();
    let is_meant = |value: &EnumValueDescriptor| spelled(value.name(), words).eq_ignore_ascii_case(text);
    let found = words.values().filter(|value| value.number() != 0).find(is_meant);
    if found.is_none() {
        let shown: String = text.chars().take(64).collect();
        let known: Vec<_> = declared(words)
            .skip(1)
            .map(|value| spelled(value.name(), words))
            .collect();
        let why = format!("`{shown}` is not known here; known are {}", known.join(", "));
        item.note(reason::UNKNOWN_VALUE, why);
    }
    found.map(|value| value.number())
}

/// `SEVERITY_HIGH` of `Severity` is spelled `high`: the first value is `SEVERITY_UNSPECIFIED`.
pub(super) fn spelled(name: &str, words: &EnumDescriptor) -> String {
    let first = words.default_value();
    let prefix = first.name().trim_end_matches("UNSPECIFIED");
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase()
}

/// `off`, or a mapping.
fn storm_control(item: &Item<'_>, known: MessageDescriptor, shape: &Shape) -> Option<DynamicMessage> {
    if item.value == &Json::Bool(false) || item.value == "off" {
        return Some(DynamicMessage::new(known));
    }
    let storm = mapping(item, shape, known)?;
    if !storm.has_field_by_name("max_messages") {
        let why = "must be at least 1; `storm_control: off` turns it off";
        item.required("max_messages", why);
    }
    Some(storm)
}

/// `never`, `always`, or at these severities.
fn alert_policy(item: &Item<'_>, known: MessageDescriptor, key: &Key) -> DynamicMessage {
    let mut policy = DynamicMessage::new(known);
    let when = match item.value.as_str() {
        Some("never") => AlertWhen::Never,
        Some("always") => AlertWhen::Always,
        _ => {
            set(&mut policy, "severities", item, key);
            // Words that are none are noted; that so nothing is left need not be said as well.
            let is_unread = !policy.has_field_by_name("severities") && !item.items().is_empty();
            if is_unread {
                AlertWhen::Never
            } else {
                AlertWhen::Severities
            }
        }
    };
    policy.set_field_by_name("when", Value::EnumNumber(when.into()));
    policy
}

/// `here`, or a mapping with one key. What cannot be read is noted; it need not be refused once more for being nobody.
fn mention(item: &Item<'_>, known: &MessageDescriptor, shape: &Shape) -> DynamicMessage {
    let mut here = DynamicMessage::new(known.clone());
    here.set_field_by_name("here", Value::Bool(true));
    if item.value == "here" || item.value == "@here" {
        return here;
    }
    let Some(read) = mapping(item, shape, known.clone()) else {
        return here;
    };
    let given = item
        .value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::values);
    let is_one = given.filter(|value| !value.is_null()).count() == 1;
    let is_nobody = read.fields().all(|(_, value)| value.as_str() == Some(""));
    if is_one && !is_nobody {
        return read;
    }
    let why = "must be here, or one of member, slack_user, slack_group and teams_user";
    item.note(reason::REQUIRED, why);
    here
}

fn print_mapping(message: &DynamicMessage, shape: &Shape, called: &dyn Fn(&str) -> Tree) -> Map {
    let mut map = Map::default();
    for key in shape.keys().filter(|key| !matches!(key.form, Form::Secret)) {
        let Some((field, value)) = get(message, key.field) else {
            continue;
        };
        let tree = match value.as_list() {
            Some(values) => Some(print_list(values, &field, key, called)),
            None => print_value(&value, &field, key, called),
        };
        map = map.with_some(
            key.name,
            tree.filter(|tree| !matches!(key.form, Form::Unless(json) if tree.json() == json)),
        );
    }
    map
}

/// The field at a path, if it is set.
fn get<'m>(message: &'m DynamicMessage, path: &str) -> Option<(FieldDescriptor, Cow<'m, Value>)> {
    let (head, below) = path
        .split_once('.')
        .map_or((path, None), |(head, below)| (head, Some(below)));
    let field = message.descriptor().get_field_by_name(head)?;
    if !message.has_field(&field) {
        return None;
    }
    let value = message.get_field(&field);
    match (below, value) {
        (None, value) => Some((field, value)),
        (Some(below), Cow::Borrowed(Value::Message(message))) => get(message, below),
        (Some(_), _) => None,
    }
}

fn print_list(values: &[Value], field: &FieldDescriptor, key: &Key, called: &dyn Fn(&str) -> Tree) -> Tree {
    let mut values = values.to_vec();
    if field
        .kind()
        .as_enum()
        .is_some_and(|words| words.full_name() == SEVERITY)
    {
        // Each once, from the worst.
        values.sort_by_key(|value| std::cmp::Reverse(value.as_enum_number()));
        values.dedup();
    }
    Tree::list(
        values
            .iter()
            .filter_map(|value| print_value(value, field, key, called)),
    )
}

fn print_value(
    value: &Value,
    field: &FieldDescriptor,
    key: &Key,
    called: &dyn Fn(&str) -> Tree,
) -> Option<Tree> {
    Some(match value {
        Value::String(id) if ["channel_ids", "member_id"].contains(&field.name()) => called(id),
        Value::String(text) => text.as_str().into(),
        Value::Bool(flag) => (*flag).into(),
        Value::U32(number) => (*number).into(),
        Value::I32(number) => (*number).into(),
        Value::F64(number) => (*number).into(),
        Value::EnumNumber(number) => {
            let kind = field.kind();
            let words = kind.as_enum()?;
            spelled(
                declared(words).find(|value| value.number() == *number)?.name(),
                words,
            )
            .into()
        }
        Value::Message(message) => return print_message(message, key, called),
        _ => return None,
    })
}

fn print_message(message: &DynamicMessage, key: &Key, called: &dyn Fn(&str) -> Tree) -> Option<Tree> {
    Some(match message.descriptor().full_name() {
        "google.protobuf.Duration" => {
            let wire = message.transcode_to().ok()?;
            print_span(span(Some(&wire), "", &mut Violations::new())?).into()
        }
        "google.protobuf.Timestamp" => {
            let wire = message.transcode_to().ok()?;
            let time = instant(Some(&wire), "", &mut Violations::new())?;
            time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
        }
        "google.protobuf.Struct" => Json::Object(object(message.transcode_to().ok()?)).into(),
        "watchbell.config.v1.QuietWindow" => {
            print_window(&message.transcode_to::<QuietWindow>().ok()?).into()
        }
        "watchbell.config.v1.AlertPolicy" => match get(message, "when")?.1.as_enum_number() {
            Some(when) if when == AlertWhen::Always as i32 => "always".into(),
            Some(when) if when == AlertWhen::Severities as i32 => {
                let (field, severities) = get(message, "severities")?;
                print_list(severities.as_list()?, &field, key, called)
            }
            _ => return None,
        },
        "watchbell.config.v1.StormControl" if !message.has_field_by_name("max_messages") => "off".into(),
        "watchbell.event.v1.Mention" if message.has_field_by_name("here") => "here".into(),
        _ => match key.form {
            Form::Below(shape) => print_mapping(message, shape, called).into(),
            _ => return None,
        },
    })
}
