//! JSON that strangers wrote, read into a [`Value`] within bounds. [`Value`]'s own parser is not for that: it lets the last of
//! two equal keys win, and parses the text behind serde_json's private key for raw values anew, with a fresh limit on
//! its recursion. Here every key is a key, and what nests too deep is refused before it is built.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why a text is not JSON that Watchbell takes, in words that follow the name of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(String);

/// Reads one JSON value whose arrays and objects nest at most `levels` deep; the outermost is level 1.
///
/// # Errors
/// What is not JSON (lone surrogates and numbers beyond a double's range included), nests deeper, or gives a key twice.
pub fn parse(text: &str, levels: usize) -> Result<Value, InvalidJson> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Bounded {
        limit: levels,
        room: levels,
    }
    .deserialize(&mut deserializer)
    .and_then(|value| deserializer.end().map(|()| value))
    .map_err(|error| InvalidJson(words(&error)))
}

/// How deep a value nests: 0 for what is neither array nor object.
#[must_use]
pub fn levels(value: &Value) -> usize {
    let deepest = |levels: Option<usize>| 1 + levels.unwrap_or_default();
    match value {
        Value::Array(items) => deepest(items.iter().map(levels).max()),
        Value::Object(members) => deepest(members.values().map(levels).max()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Our own errors are sentences; those of the parser say what it met.
fn words(error: &serde_json::Error) -> String {
    let said = error.to_string();
    if said.starts_with("must ") {
        said
    } else {
        format!("must be JSON: {said}")
    }
}

#[derive(Clone, Copy)]
struct Bounded {
    limit: usize,
    /// Levels that are left.
    room: usize,
}

// === impl Bounded ===

impl Bounded {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let room = self
            .room
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("must nest at most {} levels deep", self.limit)))?;
        Ok(Self { room, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("must have finite numbers"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                return Err(A::Error::custom("must not give a key twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: &str = "$serde_json::private::RawValue";

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in [
            "null",
            "[1,-1,18446744073709551615,1.5,-0,1e3,12345678901234567890123]",
            r#"{"a":{"b":["x",true,"\ud83d\ude00"]},"":{}}"#,
        ] {
            assert_eq!(
                parse(text, 32).unwrap(),
                serde_json::from_str::<Value>(text).unwrap()
            );
        }
    }

    #[test]
    fn levels_are_counted_and_siblings_are_not() {
        assert!(parse("[[[]],{},[[1]]]", 3).is_ok());
        let refused = parse("[[[[]]]]", 3).unwrap_err().to_string();
        assert!(
            refused.starts_with("must nest at most 3 levels deep"),
            "{refused}"
        );
        assert!(parse(&"[".repeat(1_000_000), 32).is_err());
    }

    #[test]
    fn the_private_key_of_raw_values_is_a_key_like_any_other() {
        let mut text = "1".to_owned();
        for _ in 0..16 {
            let nested = format!("{}{text}{}", "[".repeat(29), "]".repeat(29));
            text = serde_json::json!({ PRIVATE: nested }).to_string();
        }
        assert_eq!(
            parse(&text, 2).unwrap()[PRIVATE].as_str().map(str::is_empty),
            Some(false)
        );
        assert!(parse(&text.replace('$', r"\u0024"), 2).unwrap()[PRIVATE].is_string());
        assert_eq!(
            parse(&format!(r#"{{"{PRIVATE}":"[1]"}}"#), 1).unwrap()[PRIVATE],
            "[1]"
        );
    }

    #[test]
    fn what_has_two_meanings_is_refused() {
        for (text, words) in [
            (r#"{"a":1,"\u0061":2}"#, "must not give a key twice"),
            (r#"{"a":[{"b":1,"b":1}]}"#, "must not give a key twice"),
            (r#"["\ud800"]"#, "must be JSON"),
            ("[1e400]", "must be JSON: number out of range"),
            ("[1] 2", "must be JSON: trailing"),
            ("[NaN]", "must be JSON"),
            ("", "must be JSON"),
        ] {
            let refused = parse(text, 32).unwrap_err().to_string();
            assert!(refused.starts_with(words), "{text}: {refused}");
        }
    }
}
