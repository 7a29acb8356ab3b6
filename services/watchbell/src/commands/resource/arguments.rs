//! The commands and flags of a resource, as clap wants them.

use clap::builder::{
    BoolValueParser, PossibleValue, PossibleValuesParser, RangedI64ValueParser, StringValueParser,
    TypedValueParser as _, ValueParser,
};
use clap::{Arg, ArgAction, ArgGroup, Args as _, Command};
use prost_reflect::{FieldDescriptor, Kind as Type, MessageDescriptor, Value};

use super::description::{Flag, Form, Group, Kind, On, Resource, Subject, Verb, Words};
use super::fields;
use crate::confirm::Confirmation;
use crate::input;
use crate::session::rpc;

/// The positional argument that names one.
pub(super) const WHICH: &str = "which";

/// A command of a resource.
pub(super) fn command(resource: &'static Resource, words: &'static Words) -> Command {
    let command = Command::new(words.word).about(words.about);
    let is_draft = matches!(words.verb, Verb::Create | Verb::Call(_, _, Subject::Draft, _));
    if is_draft && !resource.kinds.is_empty() {
        let kinds = resource.kinds.iter().map(|Kind(command, field, about)| {
            let command = Command::new(*command).about(*about);
            with_fields(command, resource, false, Some(*field))
        });
        return command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(kinds);
    }
    let command = match words.verb {
        Verb::Create => with_fields(command, resource, false, None),
        Verb::Update => with_fields(command.arg(which(resource, words)), resource, true, None),
        Verb::List | Verb::Call(_, _, Subject::Team | Subject::Draft, _) => command,
        Verb::Delete => Confirmation::augment_args(command.arg(which(resource, words))),
        Verb::Show | Verb::Call(_, _, Subject::One, _) => command.arg(which(resource, words)),
    };
    let request = words.method(resource).map(|method| method.input()).ok();
    let request = request.as_ref();
    command.args(words.flags.iter().map(|flag| {
        let field = request.and_then(|request| fields::descend(request, flag.field));
        argument(flag, field.as_ref(), false)
    }))
}

fn which(resource: &Resource, words: &Words) -> Arg {
    let which = resource.which;
    let own = which
        .or_own
        .filter(|_| matches!(words.verb, Verb::Show | Verb::Update));
    Arg::new(WHICH)
        .help(own.unwrap_or(which.help))
        .value_name(capitals(which.argument))
        .required(own.is_none())
}

fn with_fields(mut command: Command, resource: &Resource, is_update: bool, kind: Option<&str>) -> Command {
    let message = rpc::message(resource.message).ok();
    for (group, flag) in resource.flags(is_update, kind) {
        // Two kinds may have a flag of one name, for fields of their own.
        if command.get_arguments().any(|known| known.get_id() == flag.name) {
            continue;
        }
        let field = field(message.as_ref(), group, flag);
        let argument = argument(flag, field.as_ref(), is_update);
        command = command.arg(match group.heading {
            Some(heading) => argument.help_heading(heading),
            None => argument,
        });
    }
    if resource.either.is_empty() {
        return command;
    }
    command.group(
        ArgGroup::new("either")
            .args(resource.either.iter().copied())
            .required(!is_update),
    )
}

fn field(message: Option<&MessageDescriptor>, group: &Group, flag: &Flag) -> Option<FieldDescriptor> {
    fields::descend(message?, &group.path(flag))
}

fn argument(flag: &Flag, field: Option<&FieldDescriptor>, is_update: bool) -> Arg {
    let help = flag.update_help.filter(|_| is_update).unwrap_or(flag.help);
    let is_positional = !is_update && matches!(flag.on, On::Positional | On::Name);
    let mut argument = Arg::new(flag.name)
        .help(help)
        .required(is_positional || (!is_update && flag.on == On::Required));
    if !is_positional {
        argument = argument.long(flag.name);
    }
    if let Some(alias) = flag.alias {
        argument = argument.visible_alias(alias);
    }
    if let Some(variable) = flag.env.filter(|_| !is_update) {
        argument = argument.env(variable).hide_env_values(true);
    }
    if let Some(other) = flag.conflicts {
        argument = argument.conflicts_with(other);
    }
    if matches!(flag.form, Form::Is(_) | Form::Element(_) | Form::Clear) {
        return argument.action(ArgAction::SetTrue);
    }
    argument = argument
        .value_name(flag.value.map_or_else(|| capitals(flag.name), str::to_owned))
        .value_parser(parser(flag.form, field));
    let is_list = field.is_some_and(FieldDescriptor::is_list);
    let is_bool = field.is_some_and(|field| field.kind() == Type::Bool);
    match flag.form {
        Form::AnyOf => argument.num_args(0..).value_delimiter(','),
        Form::Message(_) if is_list => argument.action(ArgAction::Append),
        Form::Holds(_) => argument.num_args(0..=1).default_missing_value("true"),
        _ if is_bool => argument.num_args(0..=1).default_missing_value("true"),
        _ if is_list => argument.action(ArgAction::Append).value_delimiter(','),
        _ => argument,
    }
}

/// Reads what needs neither files nor the server; the rest stays text until the command runs.
fn parser(form: Form, field: Option<&FieldDescriptor>) -> ValueParser {
    let text: ValueParser = StringValueParser::new().map(Value::String).into();
    let Some(field) = field else { return text };
    match (form, field.kind()) {
        (Form::Secret | Form::Id(_) | Form::ElementId(..) | Form::ElementText(_), _) => text,
        (Form::Choice(words), _) => {
            let known = words
                .iter()
                .map(|(word, _, help)| PossibleValue::new(*word).help(*help));
            let number = move |given: String| {
                let found = words.iter().find(|(word, ..)| *word == given);
                Value::EnumNumber(found.map_or(0, |(_, number, _)| *number))
            };
            PossibleValuesParser::new(known).map(number).into()
        }
        (Form::Message(read), Type::Message(message)) => ValueParser::new(move |text: &str| {
            fields::decode(&message, &read(text)?).map_err(|error| error.to_string())
        }),
        (Form::FromNow, _) => {
            ValueParser::new(|text: &str| input::duration(text).map(|_| Value::String(text.to_owned())))
        }
        (Form::Holds(_), _) | (_, Type::Bool) => BoolValueParser::new().map(Value::Bool).into(),
        (_, Type::Uint32) => RangedI64ValueParser::<u32>::new().map(Value::U32).into(),
        (_, Type::Int32) => RangedI64ValueParser::<i32>::new().map(Value::I32).into(),
        (_, Type::Double) => ValueParser::new(|text: &str| text.parse().map(Value::F64)),
        (_, Type::Enum(words)) => ValueParser::new(move |text: &str| fields::number(&words, text)),
        (_, Type::Message(message)) if message.full_name() == "google.protobuf.Duration" => {
            ValueParser::new(move |text: &str| fields::duration(&message, text))
        }
        _ => text,
    }
}

/// `SMTP_HOST`.
fn capitals(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
