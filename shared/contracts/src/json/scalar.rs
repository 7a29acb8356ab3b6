//! Scalars of protobuf JSON.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, Kind};
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::declared;
use super::wire::length_delimited;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// A JSON value that is neither list nor object.
#[derive(Debug)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    /// A list or an object.
    Compound,
}

impl Scalar {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The integer that it is, as a number or as a string.
    fn integer(&self) -> Option<i128> {
        match self {
            Self::Signed(number) => Some((*number).into()),
            Self::Unsigned(number) => Some((*number).into()),
            // Exact below 2^53.
            Self::Float(number) if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 => {
                Some(*number as i128)
            }
            Self::Text(text) => text
                .parse::<i64>()
                .map(i128::from)
                .or_else(|_| text.parse::<u64>().map(i128::from))
                .ok(),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Signed(number) => Some(*number as f64),
            Self::Unsigned(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Text(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                text if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                    text.parse().ok()
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Writes a scalar field.
///
/// # Errors
/// What it must be.
pub(super) fn write(field: &FieldDescriptor, scalar: &Scalar, out: &mut Vec<u8>) -> Result<(), String> {
    let number = field.number();
    let mut varint = |value: u64| {
        encode_key(number, WireType::Varint, out);
        encode_varint(value, out);
    };
    match field.kind() {
        Kind::Bool => match scalar {
            Scalar::Bool(value) => varint((*value).into()),
            _ => return Err("must be true or false".to_owned()),
        },
        Kind::Int32 => varint(i64::from(within::<i32>(scalar)?) as u64),
        Kind::Int64 => varint(within::<i64>(scalar)? as u64),
        Kind::Uint32 => varint(within::<u32>(scalar)?.into()),
        Kind::Uint64 => varint(within::<u64>(scalar)?),
        Kind::Enum(values) => {
            let value = match scalar {
                Scalar::Text(name) => values.get_value_by_name(name).map(|value| value.number()),
                _ => scalar.integer().and_then(|number| i32::try_from(number).ok()),
            };
            let Some(value) = value else {
                let names: Vec<_> = declared(&values).map(|value| value.name().to_owned()).collect();
                return Err(format!("must be one of {}", names.join(", ")));
            };
            varint(i64::from(value) as u64);
        }
        Kind::Double => {
            let value = scalar.float().ok_or("must be a number")?;
            encode_key(number, WireType::SixtyFourBit, out);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Kind::String => length_delimited(field, scalar.text().ok_or("must be a string")?.as_bytes(), out),
        Kind::Bytes => {
            let text = scalar.text().ok_or("must be a string in base64")?;
            let bytes = BASE64.iter().find_map(|engine| engine.decode(text).ok());
            length_delimited(field, &bytes.ok_or("is not base64")?, out);
        }
        kind => return Err(format!("a field of kind {kind:?} cannot be given in JSON")),
    }
    Ok(())
}

fn within<N: TryFrom<i128>>(scalar: &Scalar) -> Result<N, String> {
    let integer = scalar.integer().ok_or("must be an integer")?;
    N::try_from(integer).map_err(|_| format!("{integer} is out of range"))
}

impl<'de> serde::Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(Scalar::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Scalar, E> {
        Ok(Scalar::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Compound)
    }
}
