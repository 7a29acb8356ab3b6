//! Resources in words: the rows of a list, and a single one line by line.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Type, ReflectMessage as _, Value};
use prost_types::{Struct, Timestamp};
use watchbell_contracts::json::declared;
use watchbell_model::convert;

use super::description::{Column, Resource, View};
use super::fields;
use crate::session::{Out, rpc};
use crate::text::{self, Style, Table};

/// The rows of a list.
pub(super) fn table(resource: &Resource, items: &[DynamicMessage], view: &View, out: Out) -> String {
    let headings: Vec<_> = resource.columns.iter().map(Column::heading).collect();
    let is_id = |index: &usize| matches!(resource.columns[*index], Column::Id(..));
    let ids: Vec<_> = (0..headings.len()).filter(is_id).collect();
    let mut table = Table::new(&headings).keep(&ids);
    for item in items {
        table.row(resource.columns.iter().map(|column| match column {
            Column::Id(_, field) => rpc::string(item, field),
            _ => cell(column, item, view),
        }));
    }
    table.render(out.style, out.width, resource.empty)
}

/// One, line by line; empty ones are left out.
pub(super) fn lines(resource: &Resource, item: &DynamicMessage, view: &View) -> String {
    let lines = resource.lines.iter();
    let lines: Vec<_> = lines
        .map(|line| (line.heading(), cell(line, item, view)))
        .collect();
    text::pairs(view.style, &lines)
}

fn cell(column: &Column, item: &DynamicMessage, view: &View) -> String {
    let field = |name: &str| {
        let field = item.descriptor().get_field_by_name(name);
        field.map_or_else(String::new, |field| words(&field, item, view.style))
    };
    match column {
        Column::Field(_, name) => field(name),
        Column::Id(_, name) => view.style.name(&field(name)),
        Column::With(_, words) => words(item, view),
    }
}

/// A field as its type is written.
fn words(field: &FieldDescriptor, item: &DynamicMessage, style: Style) -> String {
    let value = item.get_field(field);
    match (&*value, field.kind()) {
        (Value::List(values), kind) => {
            let words: Vec<_> = values.iter().map(|value| word(value, &kind)).collect();
            words.join(", ")
        }
        (Value::EnumNumber(number), Type::Enum(names)) if names.name() == "Severity" => {
            style.severity(text::severity(*number))
        }
        (Value::Message(_), _) if !item.has_field(field) => String::new(),
        (value, kind) => word(value, &kind),
    }
}

fn word(value: &Value, kind: &Type) -> String {
    match (value, kind) {
        (Value::String(text), _) => text.clone(),
        (Value::Bool(value), _) => text::yes(*value),
        (Value::I32(number), _) => number.to_string(),
        (Value::EnumNumber(0), _) => "-".to_owned(),
        (Value::EnumNumber(number), Type::Enum(names)) => {
            let Some(value) = declared(names).find(|value| value.number() == *number) else {
                return number.to_string();
            };
            let prefix = fields::prefix(names);
            let word = value.name().strip_prefix(&prefix).unwrap_or(value.name());
            match names.name() {
                "Scope" => word.to_lowercase().replace('_', "."),
                "ChannelKind" => word.to_lowercase().replace('_', "-"),
                _ => word.to_owned(),
            }
        }
        (Value::Message(message), Type::Message(kind)) => match kind.full_name() {
            "google.protobuf.Timestamp" => text::local(message.transcode_to::<Timestamp>().ok().as_ref()),
            "google.protobuf.Struct" => message
                .transcode_to::<Struct>()
                .map(|fields| format!("{:#}", serde_json::Value::Object(convert::object(fields))))
                .unwrap_or_default(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}
