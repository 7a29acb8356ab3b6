//! Flags put into messages, and the paths of an update mask that they stand for.

use clap::ArgMatches;
use clap::parser::ValueSource;
use prost::{DecodeError, Message as _};
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind as Type, MessageDescriptor, ReflectMessage as _,
    Value,
};
use watchbell_model::convert;
use watchbell_model::{Category, ChannelKind, Plan, Role, Severity};
use watchbell_runtime::auth::Scope;

use super::description::{Flag, Form, Group, Resource};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::{Session, rpc};

/// The field at a path.
pub(super) fn descend(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    match path.split_once('.') {
        None => message.get_field_by_name(path),
        Some((head, rest)) => match message.get_field_by_name(head)?.kind() {
            Type::Message(below) => descend(&below, rest),
            _ => None,
        },
    }
}

/// Puts what was given into a resource; says what that was, as paths of an update mask.
///
/// # Errors
/// A flag that the resource's kind does not have, and values that cannot be read.
pub(super) async fn put(
    session: &Session,
    resource: &Resource,
    is_update: bool,
    given: &ArgMatches,
    item: &mut DynamicMessage,
) -> Outcome<Vec<String>> {
    let kind = resource
        .kinds
        .iter()
        .map(|kind| kind.1)
        .find(|field| item.has_field_by_name(field));
    let mut paths: Vec<String> = Vec::new();
    let (mut set, mut left_out) = (Vec::new(), Vec::new());
    for (group, flag) in resource.flags(is_update, kind.filter(|_| !is_update)) {
        if !is_given(given, flag) {
            continue;
        }
        if group.kind.is_some() && group.kind != kind {
            left_out.push(flag.name);
            continue;
        }
        set.push(flag.name);
        put_flag(session, group, flag, given, item, &mut paths).await?;
    }
    match left_out.iter().find(|flag| !set.contains(flag)) {
        Some(flag) => {
            let noun = resource.which.argument;
            Err(Failure::usage(format!(
                "--{flag} means nothing to a {noun} of this kind"
            )))
        }
        None => Ok(paths),
    }
}

/// Puts what was given into a request.
pub(super) async fn put_request(
    session: &Session,
    flags: &'static [Flag],
    given: &ArgMatches,
    request: &mut DynamicMessage,
) -> Outcome {
    let group = Group::new(flags);
    for flag in flags.iter().filter(|flag| is_given(given, flag)) {
        put_flag(session, &group, flag, given, request, &mut Vec::new()).await?;
    }
    Ok(())
}

fn is_given(given: &ArgMatches, flag: &Flag) -> bool {
    matches!(
        given.value_source(flag.name),
        Some(ValueSource::CommandLine | ValueSource::EnvVariable)
    )
}

async fn put_flag(
    session: &Session,
    group: &Group,
    flag: &Flag,
    given: &ArgMatches,
    message: &mut DynamicMessage,
    paths: &mut Vec<String>,
) -> Outcome {
    let path = group.path(flag);
    let field = descend(&message.descriptor(), &path)
        .ok_or_else(|| Failure::message(format!("there is no field {path}")))?;
    let values = values(session, flag, &field, given).await?;
    let Some(owner) = owner(message, &path) else {
        return Ok(());
    };
    if field.is_list() {
        let mut list = Vec::new();
        // Several flags may add to one list.
        if paths.contains(&path) {
            list.extend(
                owner
                    .get_field(&field)
                    .as_list()
                    .unwrap_or_default()
                    .iter()
                    .cloned(),
            );
        }
        list.extend(values);
        owner.set_field(&field, Value::List(list));
    } else if let Some(value) = values.into_iter().next_back() {
        owner.set_field(&field, value);
    } else {
        owner.clear_field(&field);
    }
    if !paths.contains(&path) {
        paths.push(path);
    }
    Ok(())
}

/// The message that holds the field at a path; made when it is not there.
fn owner<'a>(message: &'a mut DynamicMessage, path: &str) -> Option<&'a mut DynamicMessage> {
    match path.split_once('.') {
        None => Some(message),
        Some((head, rest)) => owner(message.get_field_by_name_mut(head)?.as_message_mut()?, rest),
    }
}

/// The values of a flag, with what its form asks of files, the clock or the server.
async fn values(
    session: &Session,
    flag: &Flag,
    field: &FieldDescriptor,
    given: &ArgMatches,
) -> Outcome<Vec<Value>> {
    match flag.form {
        Form::Clear => return Ok(Vec::new()),
        Form::Is(value) => return Ok(vec![Value::Bool(value)]),
        Form::Element(bytes) => return Ok(vec![value(field, &bytes())?]),
        _ => {}
    }
    let values: Vec<Value> = given.get_many(flag.name).into_iter().flatten().cloned().collect();
    let texts = values.iter().filter_map(Value::as_str);
    match flag.form {
        Form::Secret => texts
            .map(|text| input::text_or_file(text).map(Value::String))
            .collect(),
        Form::Id(named) => {
            let ids = session.ids_of(named, texts).await?;
            Ok(ids.into_iter().map(Value::String).collect())
        }
        Form::ElementText(name) => texts.map(|text| element(field, name, text)).collect(),
        Form::ElementId(named, name) => {
            let ids = session.ids_of(named, texts).await?;
            ids.iter().map(|id| element(field, name, id)).collect()
        }
        Form::FromNow => texts
            .map(|text| {
                let moment = from_now(session, text)
                    .ok_or_else(|| Failure::usage(format!("--{} is too far away", flag.name)))?;
                value(field, &convert::timestamp(moment).encode_to_vec())
            })
            .collect(),
        Form::Holds(number) => {
            let holds = values.iter().any(|value| value.as_bool() == Some(true));
            Ok(holds.then_some(Value::EnumNumber(number)).into_iter().collect())
        }
        _ if is_object(field) => texts
            .map(|text| {
                let object = input::object(text, &format!("--{}", flag.name))?;
                value(field, &convert::structure(&object).encode_to_vec())
            })
            .collect(),
        _ => Ok(values),
    }
}

fn from_now(session: &Session, text: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    let span = chrono::TimeDelta::from_std(input::duration(text).ok()?).ok()?;
    session.now().checked_add_signed(span)
}

fn is_object(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Type::Message(message) if message.full_name() == "google.protobuf.Struct")
}

/// A value of a field whose type is a message.
fn value(field: &FieldDescriptor, bytes: &[u8]) -> Outcome<Value> {
    match field.kind() {
        Type::Message(message) => decode(&message, bytes).map_err(|error| Failure::Other(error.into())),
        _ => Err(Failure::message(format!("{} is no message", field.full_name()))),
    }
}

/// An element of a list of messages, with this text in one of its fields.
fn element(field: &FieldDescriptor, name: &str, text: &str) -> Outcome<Value> {
    let mut element = value(field, &[])?;
    if let Some(message) = element.as_message_mut() {
        rpc::set(message, name, Value::String(text.to_owned()));
    }
    Ok(element)
}

/// A message from its bytes.
pub(super) fn decode(message: &MessageDescriptor, bytes: &[u8]) -> Result<Value, DecodeError> {
    DynamicMessage::decode(message.clone(), bytes).map(Value::Message)
}

/// A duration as people write it.
pub(super) fn duration(message: &MessageDescriptor, text: &str) -> Result<Value, String> {
    let bytes = convert::duration(input::duration(text)?).encode_to_vec();
    decode(message, &bytes).map_err(|error| error.to_string())
}

/// A word of an enumeration as people write it.
pub(super) fn number(words: &EnumDescriptor, text: &str) -> Result<Value, String> {
    fn canonical<T: std::str::FromStr<Err: ToString> + ToString>(text: &str) -> Result<String, String> {
        input::word::<T>(text)
            .map(|word| word.to_string())
            .map_err(|error| error.to_string())
    }
    let word = match words.name() {
        "Severity" => canonical::<Severity>(text),
        "Category" => canonical::<Category>(text),
        "ChannelKind" => canonical::<ChannelKind>(text),
        "Role" => canonical::<Role>(text),
        "Plan" => canonical::<Plan>(text),
        "Scope" => canonical::<Scope>(text),
        _ => Ok(text.to_owned()),
    }?;
    let name = format!("{}{}", prefix(words), word.to_ascii_uppercase().replace('.', "_"));
    words
        .get_value_by_name(&name)
        .map(|value| Value::EnumNumber(value.number()))
        .ok_or_else(|| format!("`{text}` is not known; known are {}", known(words).join(", ")))
}

/// The words of an enumeration, as people write them.
fn known(words: &EnumDescriptor) -> Vec<String> {
    let prefix = prefix(words);
    let names = words.values().filter(|value| value.number() != 0);
    names
        .map(|value| {
            let name = value.name();
            name.strip_prefix(&prefix).unwrap_or(name).to_ascii_lowercase()
        })
        .collect()
}

/// What the names of an enumeration begin with: `SEVERITY_`.
pub(super) fn prefix(words: &EnumDescriptor) -> String {
    let zero = words.get_value(0).map(|value| value.name().to_owned());
    let zero = zero.unwrap_or_default();
    zero.strip_suffix("UNSPECIFIED").unwrap_or_default().to_owned()
}
