//! `google.protobuf.Struct`, instants and durations, and what they are in Rust.

use std::time::Duration;

use crate::data::{Data, InvalidData};
use crate::violation::{Violations, reason};
use chrono::{DateTime, Utc};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Timestamp, Value};
use serde_json::{Map, Number, Value as Json};

/// A struct as the data of an event: its compact JSON.
///
/// # Errors
/// NaN and infinities, and what breaks the bounds of data.
pub fn data(fields: Struct) -> Result<Data, InvalidData> {
    if !is_finite(&fields) {
        return Err(InvalidData::NotFinite);
    }
    Data::of(object(fields))
}

/// A struct as a JSON object; NaN and infinities are violations of `field`.
pub(crate) fn finite_object(fields: Struct, field: &str, violations: &mut Violations) -> Map<String, Json> {
    if !is_finite(&fields) {
        let error = InvalidData::NotFinite;
        violations.add(field, error.reason(), error.to_string());
    }
    object(fields)
}

fn is_finite(fields: &Struct) -> bool {
    fn is_finite_value(value: &Value) -> bool {
        match &value.kind {
            Some(Kind::NumberValue(number)) => number.is_finite(),
            Some(Kind::ListValue(list)) => list.values.iter().all(is_finite_value),
            Some(Kind::StructValue(fields)) => is_finite(fields),
            _ => true,
        }
    }
    fields.fields.values().all(is_finite_value)
}

/// A struct as a JSON object, NaN and infinities as null. A whole number becomes a JSON integer as far as a double is exact (2^53).
#[must_use]
pub fn object(fields: Struct) -> Map<String, Json> {
    fields
        .fields
        .into_iter()
        .map(|(name, value)| (name, json(value)))
        .collect()
}

/// A JSON object as a struct.
#[must_use]
pub fn structure(object: &Map<String, Json>) -> Struct {
    Struct {
        fields: object
            .iter()
            .map(|(name, value)| (name.clone(), protobuf(value)))
            .collect(),
    }
}

fn json(value: Value) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::NumberValue(value)) => number(value),
        Some(Kind::StringValue(value)) => Json::String(value),
        Some(Kind::ListValue(list)) => Json::Array(list.values.into_iter().map(json).collect()),
        Some(Kind::StructValue(fields)) => Json::Object(object(fields)),
    }
}

fn number(value: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_negative_zero = value == 0.0 && value.is_sign_negative();
    if value.fract() == 0.0 && value.abs() <= EXACT && !is_negative_zero {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within 2^53")]
        return Json::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

fn protobuf(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        Json::String(value) => Kind::StringValue(value.clone()),
        Json::Array(values) => Kind::ListValue(ListValue {
            values: values.iter().map(protobuf).collect(),
        }),
        Json::Object(object) => Kind::StructValue(structure(object)),
    };
    Value { kind: Some(kind) }
}

/// An instant as protobuf carries it.
#[must_use]
pub fn timestamp(instant: DateTime<Utc>) -> Timestamp {
    #[expect(clippy::cast_possible_wrap, reason = "nanoseconds of a second fit")]
    Timestamp {
        seconds: instant.timestamp(),
        nanos: instant.timestamp_subsec_nanos() as i32,
    }
}

/// An instant that may be left out; one outside the years 1 to 9999 is a violation of `field`.
pub fn instant(wire: Option<&Timestamp>, field: &str, violations: &mut Violations) -> Option<DateTime<Utc>> {
    let wire = wire?;
    let instant = u32::try_from(wire.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(wire.seconds, nanos))
        .filter(|instant| (-62_135_596_800..=253_402_300_799).contains(&instant.timestamp()));
    if instant.is_none() {
        violations.add(
            field,
            reason::OUT_OF_RANGE,
            "must be an instant of the years 1 to 9999",
        );
    }
    instant
}

/// A span of time as protobuf carries it.
#[must_use]
pub fn duration(span: Duration) -> prost_types::Duration {
    #[expect(clippy::cast_possible_wrap, reason = "nanoseconds of a second fit")]
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: span.subsec_nanos() as i32,
    }
}

/// A span of time that may be left out; a negative one is a violation of `field`.
pub fn span(
    wire: Option<&prost_types::Duration>,
    field: &str,
    violations: &mut Violations,
) -> Option<Duration> {
    let wire = wire?;
    match (u64::try_from(wire.seconds), u32::try_from(wire.nanos)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Some(Duration::new(seconds, nanos)),
        _ => {
            violations.add(field, reason::OUT_OF_RANGE, "must not be negative");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_whole_through_a_struct() {
        let Json::Object(given) =
            serde_json::json!({"count": 3, "score": 7.5, "list": [null, true, "x", {"deep": -1}]})
        else {
            unreachable!()
        };
        assert_eq!(object(structure(&given)), given);
        assert_eq!(object(structure(&given))["count"].to_string(), "3");
    }

    #[test]
    fn instants_outside_the_calendar_are_violations() {
        let mut violations = Violations::new();
        assert_eq!(
            instant(
                Some(&Timestamp {
                    seconds: i64::MAX,
                    nanos: 0
                }),
                "at",
                &mut violations
            ),
            None
        );
        assert_eq!(
            instant(
                Some(&Timestamp {
                    seconds: 0,
                    nanos: -1
                }),
                "at",
                &mut violations
            ),
            None
        );
        assert_eq!(violations.len(), 2);
        let now = DateTime::from_timestamp(1_800_000_000, 5).unwrap();
        assert_eq!(instant(Some(&timestamp(now)), "at", &mut violations), Some(now));
    }
}
