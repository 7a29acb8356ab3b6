//! The wire to protobuf JSON, without a tree between. Names are those of the `.proto` file, integers of 64 bits are strings,
//! and fields without presence are written even when they have their default value, so that lists are always there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use prost_types::{Any, Duration, FieldMask, Timestamp};
use serde::ser::{Error, Serialize, SerializeMap, SerializeSeq, Serializer};

use super::well_known::{ANY, DURATION, FIELD_MASK, LIST_VALUE, STRUCT, TIMESTAMP, VALUE};
use super::{JsonError, declared};

/// How deep messages may nest, as in prost.
const MAX_DEPTH: usize = 100;

/// A message on the wire as JSON.
///
/// # Errors
/// When the bytes are not of that message.
pub fn write(descriptor: &MessageDescriptor, wire: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(wire.len() * 2);
    let message = Message {
        descriptor,
        wire,
        depth: 0,
    };
    message.serialize(&mut serde_json::Serializer::new(&mut out))?;
    Ok(out)
}

/// An encoded message.
struct Message<'a> {
    descriptor: &'a MessageDescriptor,
    wire: &'a [u8],
    depth: usize,
}

/// A value on the wire.
#[derive(Clone, Copy)]
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of an encoded message, in order. Nothing when it is none.
fn split(mut wire: &[u8]) -> Option<Vec<(u32, Part<'_>)>> {
    let mut parts = Vec::new();
    while !wire.is_empty() {
        let key = varint(&mut wire)?;
        let number = u32::try_from(key >> 3).ok()?;
        let part = match key & 7 {
            0 => Part::Number(varint(&mut wire)?),
            1 => Part::Number(fixed(&mut wire)?),
            5 => {
                let (bytes, rest) = wire.split_first_chunk::<4>()?;
                wire = rest;
                Part::Number(u32::from_le_bytes(*bytes).into())
            }
            2 => {
                let length = usize::try_from(varint(&mut wire)?).ok()?;
                let (bytes, rest) = wire.split_at_checked(length)?;
                wire = rest;
                Part::Bytes(bytes)
            }
            _ => return None,
        };
        parts.push((number, part));
    }
    Some(parts)
}

fn varint(wire: &mut &[u8]) -> Option<u64> {
    prost::encoding::decode_varint(wire).ok()
}

fn fixed(wire: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = wire.split_first_chunk::<8>()?;
    *wire = rest;
    Some(u64::from_le_bytes(*bytes))
}

fn broken<E: Error>(name: &str) -> E {
    E::custom(format!("the message does not decode: {name}"))
}

// === impl Message ===

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let name = self.descriptor.full_name();
        if self.depth > MAX_DEPTH {
            return Err(broken(name));
        }
        match name {
            TIMESTAMP => json.collect_str(&decoded::<Timestamp, S>(self.wire)?),
            DURATION => json.collect_str(&decoded::<Duration, S>(self.wire)?),
            FIELD_MASK => json.collect_str(&decoded::<FieldMask, S>(self.wire)?.paths.join(",")),
            STRUCT => self.object(json),
            VALUE => self.value(json),
            LIST_VALUE => self.list(json),
            ANY => self.any(json),
            _ => {
                let mut map = json.serialize_map(None)?;
                self.fields::<S>(&mut map)?;
                map.end()
            }
        }
    }
}

fn decoded<M: prost::Message + Default, S: Serializer>(wire: &[u8]) -> Result<M, S::Error> {
    M::decode(wire).map_err(S::Error::custom)
}

impl<'a> Message<'a> {
    fn parts<S: Serializer>(&self) -> Result<Vec<(u32, Part<'a>)>, S::Error> {
        split(self.wire).ok_or_else(|| broken(self.descriptor.full_name()))
    }

    fn fields<S: Serializer>(&self, map: &mut S::SerializeMap) -> Result<(), S::Error> {
        let parts = self.parts::<S>()?;
        for field in self.descriptor.fields() {
            let number = field.number();
            let mut given = parts
                .iter()
                .filter(|(of, _)| *of == number)
                .map(|(_, part)| *part);
            let depth = self.depth + 1;
            if field.is_map() {
                let entries = given.collect();
                map.serialize_entry(
                    field.name(),
                    &Entries {
                        field: &field,
                        entries,
                        depth,
                    },
                )?;
            } else if field.is_list() {
                let elements = given.collect();
                map.serialize_entry(
                    field.name(),
                    &List {
                        field: &field,
                        elements,
                        depth,
                    },
                )?;
            } else if let Some(part) = given.next_back() {
                map.serialize_entry(
                    field.name(),
                    &One {
                        field: &field,
                        part,
                        depth,
                    },
                )?;
            } else if !field.supports_presence() {
                map.serialize_entry(field.name(), &default(&field, depth))?;
            }
        }
        Ok(())
    }

    /// A `Struct`, whose fields are entries of a map.
    fn object<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let mut map = json.serialize_map(None)?;
        if let Some(fields) = self.descriptor.get_field(1) {
            let entries = self.parts::<S>()?.into_iter().map(|(_, part)| part).collect();
            let entries = Entries {
                field: &fields,
                entries,
                depth: self.depth + 1,
            };
            entries.write::<S>(&mut map)?;
        }
        map.end()
    }

    fn list<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let elements = self.parts::<S>()?.into_iter().map(|(_, part)| part).collect();
        let field = self.descriptor.get_field(1).ok_or_else(|| broken(LIST_VALUE))?;
        List {
            field: &field,
            elements,
            depth: self.depth + 1,
        }
        .serialize(json)
    }

    fn value<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let Some((number, part)) = self.parts::<S>()?.pop() else {
            return json.serialize_unit();
        };
        match (number, part) {
            (1, _) => json.serialize_unit(),
            (4, Part::Number(value)) => json.serialize_bool(value != 0),
            _ => {
                let field = self.descriptor.get_field(number).ok_or_else(|| broken(VALUE))?;
                One {
                    field: &field,
                    part,
                    depth: self.depth + 1,
                }
                .serialize(json)
            }
        }
    }

    /// A message of any type, with its own fields when the type is known here.
    fn any<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let any: Any = decoded::<Any, S>(self.wire)?;
        let name = any.type_url.rsplit('/').next().unwrap_or_default();
        let known = self.descriptor.parent_pool().get_message_by_name(name);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("@type", &any.type_url)?;
        match known {
            Some(descriptor) => Message {
                descriptor: &descriptor,
                wire: &any.value,
                depth: self.depth + 1,
            }
            .fields::<S>(&mut map)?,
            None => map.serialize_entry("value", &STANDARD.encode(&any.value))?,
        }
        map.end()
    }
}

/// One value of a field.
struct One<'a> {
    field: &'a FieldDescriptor,
    part: Part<'a>,
    depth: usize,
}

fn default(field: &FieldDescriptor, depth: usize) -> One<'_> {
    let part = match field.kind() {
        Kind::String | Kind::Bytes | Kind::Message(_) => Part::Bytes(&[]),
        _ => Part::Number(0),
    };
    One { field, part, depth }
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match (self.field.kind(), self.part) {
            (Kind::Message(descriptor), Part::Bytes(wire)) => Message {
                descriptor: &descriptor,
                wire,
                depth: self.depth,
            }
            .serialize(json),
            (Kind::String, Part::Bytes(text)) => {
                json.serialize_str(std::str::from_utf8(text).map_err(S::Error::custom)?)
            }
            (Kind::Bytes, Part::Bytes(bytes)) => json.serialize_str(&STANDARD.encode(bytes)),
            (Kind::Bool, Part::Number(value)) => json.serialize_bool(value != 0),
            (Kind::Int32, Part::Number(value)) => json.serialize_i32(value as i32),
            (Kind::Uint32, Part::Number(value)) => json.serialize_u32(value as u32),
            (Kind::Int64, Part::Number(value)) => json.collect_str(&(value as i64)),
            (Kind::Uint64, Part::Number(value)) => json.collect_str(&value),
            (Kind::Double, Part::Number(value)) => float(f64::from_bits(value), json),
            (Kind::Enum(values), Part::Number(value)) => enumeration(&values, value as i32, json),
            _ => Err(broken(self.field.full_name())),
        }
    }
}

fn float<S: Serializer>(value: f64, json: S) -> Result<S::Ok, S::Error> {
    match value {
        value if value.is_nan() => json.serialize_str("NaN"),
        f64::INFINITY => json.serialize_str("Infinity"),
        f64::NEG_INFINITY => json.serialize_str("-Infinity"),
        // As people write integers.
        value if value.fract() == 0.0 && value.abs() < 1e15 => json.serialize_i64(value as i64),
        value => json.serialize_f64(value),
    }
}

fn enumeration<S: Serializer>(values: &EnumDescriptor, number: i32, json: S) -> Result<S::Ok, S::Error> {
    match declared(values).find(|value| value.number() == number) {
        Some(value) => json.serialize_str(value.name()),
        None => json.serialize_i32(number),
    }
}

struct List<'a> {
    field: &'a FieldDescriptor,
    elements: Vec<Part<'a>>,
    depth: usize,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let mut list = json.serialize_seq(None)?;
        let (field, depth) = (self.field, self.depth);
        let texts = matches!(field.kind(), Kind::String | Kind::Bytes | Kind::Message(_));
        let fixed_width = field.kind() == Kind::Double;
        for part in &self.elements {
            // Numbers come packed.
            let (Part::Bytes(mut packed), false) = (*part, texts) else {
                list.serialize_element(&One {
                    field,
                    part: *part,
                    depth,
                })?;
                continue;
            };
            while !packed.is_empty() {
                let number = if fixed_width {
                    fixed(&mut packed)
                } else {
                    varint(&mut packed)
                };
                let part = Part::Number(number.ok_or_else(|| broken(field.full_name()))?);
                list.serialize_element(&One { field, part, depth })?;
            }
        }
        list.end()
    }
}

/// A map whose keys are strings.
struct Entries<'a> {
    field: &'a FieldDescriptor,
    entries: Vec<Part<'a>>,
    depth: usize,
}

impl Entries<'_> {
    fn write<S: Serializer>(&self, map: &mut S::SerializeMap) -> Result<(), S::Error> {
        let Kind::Message(entry) = self.field.kind() else {
            return Err(broken(self.field.full_name()));
        };
        let value = entry.map_entry_value_field();
        for part in &self.entries {
            let parts = match part {
                Part::Bytes(wire) => split(wire),
                Part::Number(_) => None,
            };
            let parts = parts.ok_or_else(|| broken(self.field.full_name()))?;
            let last = |number| parts.iter().rfind(|(of, _)| *of == number).map(|(_, part)| *part);
            let key = match last(1) {
                Some(Part::Bytes(key)) => std::str::from_utf8(key).map_err(S::Error::custom)?,
                _ => "",
            };
            let one = match last(2) {
                Some(part) => One {
                    field: &value,
                    part,
                    depth: self.depth,
                },
                None => default(&value, self.depth),
            };
            map.serialize_entry(key, &one)?;
        }
        Ok(())
    }
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let mut map = json.serialize_map(None)?;
        self.write::<S>(&mut map)?;
        map.end()
    }
}
