//! Formats of values in settings: durations with a unit; lists, also as one text with commas (environment variables
//! have only texts). For `#[serde(deserialize_with = "…")]` in the sections of services. Errors say what is expected
//! and never repeat the value.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

/// A duration such as `250ms`, `30s`, `5m`, `2h` or `90d`.
///
/// # Errors
/// When it is none.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text)
        .ok_or_else(|| de::Error::custom("must be a duration like `250ms`, `30s`, `5m`, `2h` or `90d`"))
}

/// Serde helper; see [`duration`].
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A list, or one text with commas.
///
/// # Errors
/// When an item is not of its type.
pub fn list<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T::Err: fmt::Display,
{
    struct List<T>(PhantomData<T>);

    impl<'de, T: FromStr> Visitor<'de> for List<T>
    where
        T::Err: fmt::Display,
    {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list, or one text with commas")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items
                .enumerate()
                .map(|(index, item)| item_of(index, item))
                .collect()
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element::<String>()? {
                list.push(item_of(list.len(), &item)?);
            }
            Ok(list)
        }
    }

    fn item_of<T: FromStr, E: de::Error>(index: usize, item: &str) -> Result<T, E>
    where
        T::Err: fmt::Display,
    {
        item.parse()
            .map_err(|error| de::Error::custom(format!("item {}: {error}", index + 1)))
    }

    deserializer.deserialize_any(List(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("30s", 30),
            ("5m", 300),
            ("2h", 7200),
            ("90d", 7_776_000),
            (" 0s ", 0),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)));
        }
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for text in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "3 weeks",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn lists_are_lists_or_texts_with_commas() {
        #[derive(Deserialize)]
        struct Section {
            #[serde(deserialize_with = "list")]
            ports: Vec<u16>,
        }
        let read = |json: &str| serde_json::from_str::<Section>(json).map(|section| section.ports);
        assert_eq!(read(r#"{"ports": ["1", "2"]}"#).unwrap(), [1, 2]);
        assert_eq!(read(r#"{"ports": "1, 2,"}"#).unwrap(), [1, 2]);
        assert_eq!(read(r#"{"ports": ""}"#).unwrap(), [0_u16; 0]);
        assert!(
            read(r#"{"ports": "1,x"}"#)
                .unwrap_err()
                .to_string()
                .contains("item 2")
        );
    }
}
