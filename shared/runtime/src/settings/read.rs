//! Formats of values in settings: durations with a unit; lists, also as one text with commas (environment variables
//! have only texts). For `#[serde(deserialize_with = "…")]` in the sections of services. Errors say what is expected
//! and never repeat the value.

use std::marker::PhantomData;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, io};

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

/// A socket address, whose host may be a name: of its addresses one of IPv4 is taken first.
///
/// # Errors
/// When it is none, or the name is not known.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut found: Vec<_> = match text.trim().to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Vec::new(),
        Err(error) => return Err(de::Error::custom(format!("the host is not found: {error}"))),
    };
    found.sort_by_key(SocketAddr::is_ipv6);
    let expected = "must be an address and a port like `127.0.0.1:7700` or `localhost:7700`";
    found.first().copied().ok_or_else(|| de::Error::custom(expected))
}

/// Like [`address`], for one that need not be given.
///
/// # Errors
/// As [`address`].
pub fn optional_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
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
    fn a_host_name_is_an_address() {
        #[derive(Deserialize)]
        struct Section {
            #[serde(deserialize_with = "address")]
            at: SocketAddr,
        }
        let read = |text: &str| serde_json::from_value::<Section>(serde_json::json!({"at": text}));
        for (text, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:2", "[::1]:2"),
            ("localhost:7700", "127.0.0.1:7700"),
        ] {
            assert_eq!(read(text).unwrap().at.to_string(), expected);
        }
        for text in ["localhost", "localhost:port", ""] {
            let said = read(text).err().unwrap().to_string();
            assert!(said.contains("must be an address and a port"), "{text}: {said}");
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
