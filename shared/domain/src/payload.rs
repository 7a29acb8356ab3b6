//! The body of a webhook request (DESIGN §5). It is a function of the event alone: the same event gives the same bytes in
//! every attempt, on every replica and after every trip through a database, so that a signature or a hash can be compared.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::event::Event;
use crate::ids::{EventId, TeamId};
use crate::pattern::EventType;
use crate::vocabulary::{Category, Severity};

#[derive(Serialize)]
struct Body<'e> {
    event: Head<'e>,
    #[serde(rename = "type")]
    event_type: &'e EventType,
    timestamp: String,
    data: Sorted<'e>,
    test: bool,
}

#[derive(Serialize)]
struct Head<'e> {
    id: &'e EventId,
    #[serde(rename = "type")]
    event_type: &'e EventType,
    severity: Severity,
    category: Category,
    source: &'e str,
    occurred_at: String,
    team_id: TeamId,
}

/// An object whose keys are written in order, whichever order the map keeps them in.
struct Sorted<'e>(&'e Map<String, Value>);

struct SortedValue<'e>(&'e Value);

/// The raw body of the request. Make it once per delivery: signatures are over these bytes.
#[must_use]
pub fn webhook_body(event: &Event) -> Vec<u8> {
    let occurred_at = timestamp(event.occurred_at);
    let body = Body {
        event: Head {
            id: &event.id,
            event_type: &event.event_type,
            severity: event.severity,
            category: event.category,
            source: &event.source,
            occurred_at: occurred_at.clone(),
            team_id: event.team_id,
        },
        event_type: &event.event_type,
        timestamp: occurred_at,
        data: Sorted(&event.data),
        test: event.test,
    };
    #[allow(
        clippy::expect_used,
        reason = "a value in memory with text keys always serialises"
    )]
    serde_json::to_vec(&body).expect("an event is JSON")
}

/// An instant as it is written in every body: RFC 3339 in UTC with a `Z`, and no more digits than it has.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sorted: BTreeMap<&String, &Value> = self.0.iter().collect();
        let mut map = serializer.serialize_map(Some(sorted.len()))?;
        for (key, value) in sorted {
            map.serialize_entry(key, &SortedValue(value))?;
        }
        map.end()
    }
}

impl Serialize for SortedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => Sorted(map).serialize(serializer),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&SortedValue(item))?;
                }
                list.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::event::tests::sample;

    #[test]
    fn the_body_is_the_promised_one_to_the_byte() {
        let mut event = sample("finding.created");
        event.occurred_at += TimeDelta::milliseconds(250);
        event.data = json!({"z": [{"b": 1, "a": null}], "finding_id": "f-1", "score": 9.1, "ä": "<&>"})
            .as_object()
            .unwrap()
            .clone();
        let expected = concat!(
            r#"{"event":{"id":"evt-1","type":"finding.created","severity":"HIGH","category":"SECURITY_ALERT","#,
            r#""source":"cspm","occurred_at":"2026-03-02T12:00:00.250Z","team_id":"team_00000000000000000000000001"},"#,
            r#""type":"finding.created","timestamp":"2026-03-02T12:00:00.250Z","#,
            r#""data":{"finding_id":"f-1","score":9.1,"z":[{"a":null,"b":1}],"ä":"<&>"},"test":false}"#,
        );
        assert_eq!(String::from_utf8(webhook_body(&event)).unwrap(), expected);
    }

    #[test]
    fn a_trip_through_json_changes_no_byte() {
        for spec in crate::catalog::Catalog::built_in().iter() {
            let event = sample(spec.event_type.as_str());
            let stored = serde_json::to_string(&event).unwrap();
            let read: Event = serde_json::from_str(&stored).unwrap();
            assert_eq!(webhook_body(&read), webhook_body(&event));
        }
    }

    #[test]
    fn a_whole_second_is_written_without_a_fraction() {
        let at = crate::event::tests::noon();
        assert_eq!(timestamp(at), "2026-03-02T12:00:00Z");
        assert_eq!(
            timestamp(at + TimeDelta::microseconds(1)),
            "2026-03-02T12:00:00.000001Z"
        );
    }
}
