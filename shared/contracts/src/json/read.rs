//! Protobuf JSON to the wire, in one pass and without a tree between: what it takes is in proportion to the text. It follows
//! the mapping of proto3; names of fields in either case, numbers of 64 bits as numbers or strings. Everything that is wrong
//! is named by its path; unknown fields are.
//!
//! A `Struct` beside a `bytes` field of its name and `_json` is not taken apart: its text goes into that field as it is, so
//! that numbers keep their digits.

use std::collections::BTreeSet;
use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scalar::{self, Scalar};
use super::well_known;
use super::wire::length_delimited;

/// Violations that are collected; further ones are left out.
const MAX_VIOLATIONS: usize = 100;

/// Something that is wrong with a request in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonViolation {
    /// The path of the field, with the names of the `.proto` file; empty for the text as a whole.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
    /// Whether the field does not exist.
    pub unknown: bool,
}

/// The message that a JSON text is, as protobuf encodes it.
///
/// # Errors
/// Everything that is wrong, or that the text is no JSON.
pub fn read(descriptor: &MessageDescriptor, text: &[u8]) -> Result<Vec<u8>, Vec<JsonViolation>> {
    let mut reader = Reader::default();
    let mut out = Vec::with_capacity(text.len());
    let mut json = serde_json::Deserializer::from_slice(text);
    let message = MessageSeed {
        reader: &mut reader,
        descriptor,
        out: &mut out,
    };
    let read = message.deserialize(&mut json).and_then(|given| {
        json.end()?;
        Ok(given)
    });
    match read {
        Ok(true) => {}
        Ok(false) => reader.violation("the body must be a JSON object".to_owned(), false),
        Err(error) => {
            let what = if text.is_empty() {
                "the body is empty; an empty message is {}".to_owned()
            } else {
                format!("the body is not JSON: {error}")
            };
            reader.path.clear();
            reader.violation(what, false);
        }
    }
    if reader.violations.is_empty() {
        Ok(out)
    } else {
        Err(reader.violations)
    }
}

/// Where reading is, and what was wrong so far.
#[derive(Default)]
struct Reader {
    path: String,
    violations: Vec<JsonViolation>,
}

impl Reader {
    fn violation(&mut self, description: String, unknown: bool) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(JsonViolation {
                field: self.path.clone(),
                description,
                unknown,
            });
        }
    }

    /// Does something at a place below the current one.
    fn at<T>(&mut self, name: &str, what: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 && !name.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(name);
        let done = what(self);
        self.path.truncate(length);
        done
    }
}

/// Reads a message; `false` for null or anything else that is no object, which is for the caller to judge.
struct MessageSeed<'a> {
    reader: &'a mut Reader,
    descriptor: &'a MessageDescriptor,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

/// Values that are no object.
macro_rules! anything_else {
    ($value:ty, $self:ident => $other:expr) => {
        fn visit_bool<E: Error>($self, _: bool) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_i64<E: Error>($self, _: i64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_u64<E: Error>($self, _: u64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_f64<E: Error>($self, _: f64) -> Result<$value, E> {
            Ok($other)
        }
        fn visit_str<E: Error>($self, _: &str) -> Result<$value, E> {
            Ok($other)
        }
    };
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    anything_else!(bool, self => false);

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self {
            reader,
            descriptor,
            out,
        } = self;
        let mut given = Given::default();
        while let Some(name) = map.next_key::<String>()? {
            let field = descriptor
                .get_field_by_name(&name)
                .or_else(|| descriptor.get_field_by_json_name(&name));
            let Some(field) = field else {
                let name: String = name.chars().take(100).collect();
                let of = descriptor.name();
                reader.at(&name, |reader| {
                    reader.violation(format!("{of} has no such field"), true);
                });
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            reader.at(field.name(), |reader| {
                let before = out.len();
                map.next_value_seed(FieldSeed {
                    reader,
                    field: &field,
                    out,
                })?;
                // Null is as if nothing was given.
                if out.len() > before
                    && let Err(why) = given.note(&field)
                {
                    reader.violation(why, false);
                }
                Ok::<_, A::Error>(())
            })?;
        }
        Ok(true)
    }
}

/// The fields of a message that were given.
#[derive(Default)]
struct Given {
    fields: BTreeSet<u32>,
    oneofs: BTreeSet<String>,
}

impl Given {
    fn note(&mut self, field: &FieldDescriptor) -> Result<(), String> {
        if !self.fields.insert(field.number()) {
            return Err("is given twice".to_owned());
        }
        let Some(oneof) = field.containing_oneof() else {
            return Ok(());
        };
        if self.oneofs.insert(oneof.name().to_owned()) {
            return Ok(());
        }
        let names: Vec<_> = oneof.fields().map(|field| field.name().to_owned()).collect();
        Err(format!("only one of {} may be given", names.join(", ")))
    }
}

/// Reads the value of a field, with its key on the wire.
struct FieldSeed<'a> {
    reader: &'a mut Reader,
    field: &'a FieldDescriptor,
    out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        if self.field.is_list() {
            return json.deserialize_any(ListVisitor(self));
        }
        self.one(json, false)
    }
}

impl FieldSeed<'_> {
    fn one<'de, D: serde::Deserializer<'de>>(self, json: D, in_list: bool) -> Result<(), D::Error> {
        let Self { reader, field, out } = self;
        let Kind::Message(inner) = field.kind() else {
            let scalar = <Scalar as serde::Deserialize>::deserialize(json)?;
            if scalar.is_null() && !in_list {
                return Ok(());
            }
            if let Err(why) = scalar::write(field, &scalar, out) {
                reader.violation(why, false);
            }
            return Ok(());
        };
        if let Some(text_field) = well_known::text_beside(field) {
            let text = <&RawValue as serde::Deserialize>::deserialize(json)?
                .get()
                .trim_ascii();
            if text.starts_with('{') {
                length_delimited(&text_field, text.as_bytes(), out);
            } else if text != "null" {
                reader.violation("must be a JSON object".to_owned(), false);
            }
            return Ok(());
        }
        let mut encoded = Vec::new();
        let read = match inner.full_name() {
            name if well_known::is_text(name) => {
                let scalar = <Scalar as serde::Deserialize>::deserialize(json)?;
                if scalar.is_null() {
                    Ok(false)
                } else {
                    well_known::write_text(name, &scalar, &mut encoded).map(|()| true)
                }
            }
            name if well_known::is_value(name) => well_known::ValueSeed {
                kind: name,
                out: &mut encoded,
            }
            .deserialize(json)?,
            _ => {
                let message = MessageSeed {
                    reader,
                    descriptor: &inner,
                    out: &mut encoded,
                };
                match json.deserialize_any(NullOr(message))? {
                    Some(true) => Ok(true),
                    Some(false) => Err("must be a JSON object".to_owned()),
                    None => Ok(false),
                }
            }
        };
        match read {
            Ok(true) => length_delimited(field, &encoded, out),
            Ok(false) if in_list => reader.violation("must not be null".to_owned(), false),
            Ok(false) => {}
            Err(why) => reader.violation(why, false),
        }
        Ok(())
    }
}

/// Reads a message, or null.
struct NullOr<'a>(MessageSeed<'a>);

impl<'de> Visitor<'de> for NullOr<'_> {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    anything_else!(Option<bool>, self => Some(false));

    fn visit_unit<E: Error>(self) -> Result<Option<bool>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<bool>, A::Error> {
        self.0.visit_seq(list).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<bool>, A::Error> {
        self.0.visit_map(map).map(Some)
    }
}

/// Reads a list, or null.
struct ListVisitor<'a>(FieldSeed<'a>);

impl ListVisitor<'_> {
    fn refuse(self) {
        self.0.reader.violation("must be a list".to_owned(), false);
    }
}

impl<'de> Visitor<'de> for ListVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    anything_else!((), self => self.refuse());

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.refuse();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let FieldSeed { reader, field, out } = self.0;
        for index in 0usize.. {
            let more = reader.at(&format!("[{index}]"), |reader| {
                list.next_element_seed(ElementSeed(FieldSeed { reader, field, out }))
            })?;
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }
}

struct ElementSeed<'a>(FieldSeed<'a>);

impl<'de> DeserializeSeed<'de> for ElementSeed<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.0.one(json, true)
    }
}
