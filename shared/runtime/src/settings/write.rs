//! Formats of values when settings are shown: durations with a unit, and secrets not at all. For
//! `#[serde(serialize_with = "…")]` in the sections of services; what is written reads back, except secrets.

use std::time::Duration;

use serde::{Serialize as _, Serializer};
use watchbell_model::secret::Secret;

const SECRET: &str = "[secret]";

/// A setting that may hold secrets.
pub trait Redact {
    /// Serializes whether there is one, and not the secret.
    ///
    /// # Errors
    /// The serializer's.
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// A duration such as `250ms`, `30s`, `5m`, `2h` or `90d`.
///
/// # Errors
/// The serializer's.
pub fn duration<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let milliseconds = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let unit = units
        .into_iter()
        .find(|(_, length)| milliseconds > 0 && milliseconds.is_multiple_of(*length));
    match unit {
        Some((unit, length)) => serializer.collect_str(&format_args!("{}{unit}", milliseconds / length)),
        None => serializer.collect_str(&format_args!("{milliseconds}ms")),
    }
}

/// Serde helper; see [`Redact`].
///
/// # Errors
/// The serializer's.
pub fn secret<T: Redact, S: Serializer>(secret: &T, serializer: S) -> Result<S::Ok, S::Error> {
    secret.redacted(serializer)
}

// === impl Redact ===

impl Redact for Secret {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { SECRET })
    }
}

impl Redact for Option<Secret> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(|_| SECRET).serialize(serializer)
    }
}

impl Redact for Vec<Secret> {
    fn redacted<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        vec![SECRET; self.len()].serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::super::read::parse_duration;
    use super::*;

    #[test]
    fn a_duration_is_written_as_it_is_read() {
        #[derive(Serialize)]
        struct Section(#[serde(serialize_with = "duration")] Duration);
        for text in ["0ms", "250ms", "1s", "90s", "5m", "2h", "90d"] {
            let section = Section(parse_duration(text).unwrap());
            assert_eq!(serde_json::to_value(&section).unwrap(), text);
        }
    }

    #[test]
    fn a_secret_is_there_or_not() {
        #[derive(Serialize)]
        struct Section {
            #[serde(serialize_with = "secret")]
            one: Secret,
            #[serde(serialize_with = "secret")]
            none: Option<Secret>,
            #[serde(serialize_with = "secret")]
            many: Vec<Secret>,
        }
        let section = Section {
            one: "hunter2".into(),
            none: None,
            many: vec!["hunter2".into()],
        };
        let expected = serde_json::json!({"one": SECRET, "none": null, "many": [SECRET]});
        assert_eq!(serde_json::to_value(&section).unwrap(), expected);
    }
}
