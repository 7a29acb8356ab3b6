//! Messages of protobuf itself that have a JSON of their own.

use std::fmt;

use prost::Message as _;
use prost::encoding::{WireType, encode_key};
use prost_reflect::{FieldDescriptor, Kind};
use prost_types::{Duration, FieldMask, Timestamp};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::scalar::Scalar;
use super::wire::numbered;
use crate::api::MAX_MESSAGE_BYTES;

pub(super) const TIMESTAMP: &str = "google.protobuf.Timestamp";
pub(super) const DURATION: &str = "google.protobuf.Duration";
pub(super) const FIELD_MASK: &str = "google.protobuf.FieldMask";
pub(super) const STRUCT: &str = "google.protobuf.Struct";
pub(super) const VALUE: &str = "google.protobuf.Value";
pub(super) const LIST_VALUE: &str = "google.protobuf.ListValue";
pub(super) const ANY: &str = "google.protobuf.Any";

/// Whether a message is a string in JSON.
pub(super) fn is_text(name: &str) -> bool {
    matches!(name, TIMESTAMP | DURATION | FIELD_MASK)
}

/// Whether a message is JSON of any shape.
pub(super) fn is_value(name: &str) -> bool {
    matches!(name, STRUCT | VALUE | LIST_VALUE)
}

/// The `bytes` field that holds the text of this `Struct`: the one of its name and `_json`.
pub(super) fn text_beside(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let Kind::Message(message) = field.kind() else {
        return None;
    };
    if message.full_name() != STRUCT {
        return None;
    }
    let beside = field
        .parent_message()
        .get_field_by_name(&format!("{}_json", field.name()))?;
    (beside.kind() == Kind::Bytes).then_some(beside)
}

/// Writes a message that is a string in JSON.
///
/// # Errors
/// What it must be.
pub(super) fn write_text(name: &str, scalar: &Scalar, out: &mut Vec<u8>) -> Result<(), String> {
    let encoded = scalar.text().and_then(|text| match name {
        TIMESTAMP => text.parse::<Timestamp>().ok().map(|time| time.encode_to_vec()),
        DURATION => text
            .parse::<Duration>()
            .ok()
            .map(|duration| duration.encode_to_vec()),
        _ => Some(field_mask(text).encode_to_vec()),
    });
    let encoded = encoded.ok_or(match name {
        TIMESTAMP => "must be a time such as 2026-11-26T09:30:00Z (RFC 3339)",
        DURATION => "must be a duration in seconds such as 1.5s",
        _ => "must be names of fields with commas between",
    })?;
    out.extend_from_slice(&encoded);
    Ok(())
}

/// Paths in either case.
fn field_mask(text: &str) -> FieldMask {
    let snake = |path: &str| {
        let mut snake = String::with_capacity(path.len());
        for character in path.trim().chars() {
            if character.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(character.to_ascii_lowercase());
        }
        snake
    };
    let paths = text.split(',').filter(|path| !path.trim().is_empty());
    FieldMask {
        paths: paths.map(snake).collect(),
    }
}

/// Reads JSON of any shape. The error is what it must be; `false` is a null that stands for nothing.
pub(super) struct ValueSeed<'a> {
    pub(super) kind: &'a str,
    pub(super) out: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Result<bool, String>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl ValueSeed<'_> {
    /// A scalar, which only a `Value` can be.
    fn scalar(self, write: impl FnOnce(&mut Vec<u8>)) -> Result<bool, String> {
        match self.kind {
            VALUE => {
                write(self.out);
                Ok(true)
            }
            LIST_VALUE => Err("must be a list".to_owned()),
            _ => Err("must be a JSON object".to_owned()),
        }
    }
}

fn number(value: f64, out: &mut Vec<u8>) {
    encode_key(2, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Result<bool, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        if self.kind != VALUE {
            return Ok(Ok(false));
        }
        Ok(self.scalar(|out| out.extend_from_slice(&[0x08, 0])))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(self.scalar(|out| out.extend_from_slice(&[0x20, value.into()])))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(self.scalar(|out| number(value as f64, out)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(self.scalar(|out| number(value as f64, out)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.scalar(|out| number(value, out)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(self.scalar(|out| numbered(3, value.as_bytes(), out)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        let mut encoded = Vec::new();
        while let Some(element) = list.next_element_seed(ValueSeed {
            kind: VALUE,
            out: &mut encoded,
        })? {
            debug_assert_eq!(element, Ok(true));
            numbered(1, &encoded, &mut elements);
            encoded.clear();
            bounded(&elements)?;
        }
        Ok(match self.kind {
            VALUE => {
                numbered(6, &elements, self.out);
                Ok(true)
            }
            LIST_VALUE => {
                self.out.extend_from_slice(&elements);
                Ok(true)
            }
            _ => Err("must be a JSON object".to_owned()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        let (mut encoded, mut entry) = (Vec::new(), Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(ValueSeed {
                kind: VALUE,
                out: &mut encoded,
            })?;
            debug_assert_eq!(value, Ok(true));
            numbered(1, name.as_bytes(), &mut entry);
            numbered(2, &encoded, &mut entry);
            numbered(1, &entry, &mut fields);
            encoded.clear();
            entry.clear();
            bounded(&fields)?;
        }
        Ok(match self.kind {
            VALUE => {
                numbered(5, &fields, self.out);
                Ok(true)
            }
            STRUCT => {
                self.out.extend_from_slice(&fields);
                Ok(true)
            }
            _ => Err("must be a list".to_owned()),
        })
    }
}

/// Refuses what takes more bytes on the wire than any message has: a few characters of text may take many.
fn bounded<E: Error>(encoded: &[u8]) -> Result<(), E> {
    match encoded.len() <= MAX_MESSAGE_BYTES {
        true => Ok(()),
        false => Err(E::custom("is too large")),
    }
}
