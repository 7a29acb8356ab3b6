//! `data` of an event: the text of one JSON object, checked once and kept as it came, so that what is delivered and read
//! back is what was emitted, byte for byte. Beside the text is the object that it stands for, whose numbers are doubles
//! where they do not fit 64 bits: good enough for schemas and expressions, never written again.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::json;
use crate::violation::reason;

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// How deep objects and arrays may nest, `data` itself being level 1. At three messages a level this is what fits, as a
/// `google.protobuf.Struct` inside of an answer, into the 100 messages that protobuf's parsers nest.
pub const MAX_LEVELS: usize = 32;

/// The data of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    text: String,
    /// Always an object.
    value: Value,
    size: Size,
}

/// How much there is to look at, for what has a cost to be bounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Values of every kind, the object itself included.
    pub(crate) nodes: u64,
    /// Bytes of texts and keys.
    pub(crate) bytes: u64,
    /// Members of the longest object or array.
    pub(crate) longest: u64,
}

/// Why a text is not the data of an event, in words that follow the name of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidData {
    /// Longer than [`MAX_BYTES`].
    #[error("must have at most {MAX_BYTES} bytes as JSON, not {0}")]
    TooLong(usize),
    /// Not JSON, or nested too deep.
    #[error(transparent)]
    Json(#[from] json::InvalidJson),
    /// JSON, and no object.
    #[error("must be one JSON object")]
    NoObject,
    /// No text.
    #[error("must be UTF-8")]
    NotUtf8,
    /// NaN or an infinity, which a `google.protobuf.Struct` can carry and JSON cannot.
    #[error("must have finite numbers")]
    NotFinite,
    /// A text or key with the one character that PostgreSQL does not keep.
    #[error("must not have the character U+0000")]
    Nul,
}

// === impl InvalidData ===

impl InvalidData {
    /// The stable code of the violation.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLong(_) => reason::TOO_LONG,
            Self::Json(_) | Self::NoObject | Self::NotUtf8 | Self::NotFinite | Self::Nul => reason::MALFORMED,
        }
    }
}

// === impl Data ===

impl Data {
    /// The data of an object that is known to be harmless, such as one of our own.
    ///
    /// # Errors
    /// When it breaks a bound.
    pub fn of(object: Map<String, Value>) -> Result<Self, InvalidData> {
        // Written and read again, so that there is one check. A value that is too deep to be read is also too deep to be
        // written, but who holds one has got past that.
        Value::Object(object).to_string().try_into()
    }

    /// As it came.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// As it came, for who keeps it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    /// What it stands for: always an object.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// What it stands for.
    ///
    /// # Panics
    /// Never: it was checked to be an object.
    #[must_use]
    pub fn object(&self) -> &Map<String, Value> {
        match &self.value {
            Value::Object(object) => object,
            _ => unreachable!("data is an object"),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.object().is_empty()
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }
}

impl Default for Data {
    fn default() -> Self {
        Self {
            text: "{}".to_owned(),
            value: Value::Object(Map::new()),
            size: Size {
                nodes: 1,
                bytes: 0,
                longest: 0,
            },
        }
    }
}

impl TryFrom<String> for Data {
    type Error = InvalidData;

    fn try_from(text: String) -> Result<Self, InvalidData> {
        if text.len() > MAX_BYTES {
            return Err(InvalidData::TooLong(text.len()));
        }
        let value = json::parse(&text, MAX_LEVELS)?;
        if !value.is_object() {
            return Err(InvalidData::NoObject);
        }
        let mut size = Size::default();
        size.count(&value)?;
        Ok(Self { text, value, size })
    }
}

impl FromStr for Data {
    type Err = InvalidData;

    fn from_str(text: &str) -> Result<Self, InvalidData> {
        text.to_owned().try_into()
    }
}

// === impl Size ===

impl Size {
    fn count(&mut self, value: &Value) -> Result<(), InvalidData> {
        self.nodes += 1;
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => {
                self.longest = self.longest.max(items.len() as u64);
                items.iter().try_for_each(|item| self.count(item))
            }
            Value::Object(members) => {
                self.longest = self.longest.max(members.len() as u64);
                members.iter().try_for_each(|(key, value)| {
                    self.text(key)?;
                    self.count(value)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), InvalidData> {
        self.bytes += text.len() as u64;
        if text.contains('\0') {
            Err(InvalidData::Nul)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn the_text_stays_as_it_came() {
        let text = r#" {"z": 1.10, "big": 123456789012345678901234567890, "tiny": 0.1e-400, "a": -0, "e": "\u00e9"} "#;
        let data: Data = text.parse().unwrap();
        assert_eq!(data.text(), text);
        assert_eq!(data.object()["e"], "é");
    }

    #[test]
    fn data_is_one_object_within_its_bounds() {
        assert!(nested(MAX_LEVELS).parse::<Data>().is_ok());
        assert!(matches!(
            nested(MAX_LEVELS + 1).parse::<Data>(),
            Err(InvalidData::Json(_))
        ));
        assert_eq!("[]".parse::<Data>(), Err(InvalidData::NoObject));
        assert_eq!(r#"{"a":["x\u0000"]}"#.parse::<Data>(), Err(InvalidData::Nul));
        assert_eq!(r#"{"x\u0000":1}"#.parse::<Data>(), Err(InvalidData::Nul));
        assert!(r#"{"a":"x\\u0000"}"#.parse::<Data>().is_ok());
        let padded = |bytes: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8));
        assert!(padded(MAX_BYTES).parse::<Data>().is_ok());
        assert_eq!(
            padded(MAX_BYTES + 1).parse::<Data>(),
            Err(InvalidData::TooLong(MAX_BYTES + 1))
        );
    }

    #[test]
    fn what_there_is_to_look_at_is_counted() {
        let data: Data = r#"{"ab":["x",[1,2,3]],"c":null}"#.parse().unwrap();
        assert_eq!(
            data.size(),
            Size {
                nodes: 8,
                bytes: 4,
                longest: 3
            }
        );
        assert_eq!(Data::default().size(), "{}".parse::<Data>().unwrap().size());
    }
}
