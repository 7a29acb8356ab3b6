//! An event as flags say it, and as a line of a file does.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use clap::Args;
use prost_types::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::json;
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::{Category, Data, Severity};

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Session;

/// An event, field by field.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The event")]
pub(crate) struct EventOptions {
    /// A type of the catalog, such as finding.created
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// critical, high, medium, low or info; the catalog's default when left out
    #[arg(long, value_parser = input::word::<Severity>)]
    pub(crate) severity: Option<Severity>,
    /// security-alert, system-notification or system-error; the catalog's default when left out
    #[arg(long, value_parser = input::word::<Category>)]
    pub(crate) category: Option<Category>,
    /// One line for people
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// The part of the platform it came from, such as cspm
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// What it is about, such as a repository
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// Where to look closer
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Unique in the team: the same id again is accepted once. Made when left out
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The alert that it belongs to, instead of the one that its type names
    #[arg(long, value_name = "KEY")]
    pub(crate) dedup_key: Option<String>,
    /// When it happened: RFC 3339, or how long ago (2h). Now when left out
    #[arg(long, value_name = "WHEN")]
    pub(crate) occurred_at: Option<String>,
    /// The facts: a JSON object, or @FILE
    #[arg(long, value_name = "JSON")]
    pub(crate) data: Option<String>,
}

impl EventOptions {
    /// The event that the flags say.
    pub(crate) fn event(self, session: &Session) -> Outcome<Event> {
        let occurred_at: Option<Timestamp> = match &self.occurred_at {
            Some(when) => Some(convert::timestamp(input::moment(when, session.now())?)),
            None => None,
        };
        let payload = match &self.data {
            Some(given) => {
                let data: Data = input::text_or_file(given)?
                    .try_into()
                    .map_err(|error| Failure::usage(format!("--data {error}")))?;
                Some(Payload::DataJson(data.into_text().into()))
            }
            None => None,
        };
        Ok(Event {
            id: self.id.unwrap_or_default(),
            r#type: self.kind.unwrap_or_default(),
            severity: self.severity.map_or(0, Severity::to_wire),
            category: self.category.map_or(0, Category::to_wire),
            source: self.source.unwrap_or_default(),
            occurred_at,
            title: self.title.unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            subject: self.subject.unwrap_or_default(),
            test: false,
            payload,
            dedup_key: self.dedup_key.unwrap_or_default(),
        })
    }
}

/// An event written as JSON: protobuf JSON, and the words `critical` or `security-alert` as people write them. `data` is
/// taken as the text that it is.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn event_from_json(text: &str) -> Result<Event, String> {
    let mut texts: BTreeMap<String, &RawValue> =
        serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))?;
    let data = match texts.remove("data") {
        Some(text) => Some(Data::from_str(text.get()).map_err(|error| format!("`data` {error}"))?),
        None => None,
    };
    let mut fields = Map::new();
    for (name, text) in texts {
        let value =
            watchbell_model::json::parse(text.get(), 8).map_err(|error| format!("`{name}` {error}"))?;
        fields.insert(name, value);
    }
    if let Some(Value::String(given)) = fields.get_mut("severity")
        && let Ok(severity) = input::word::<Severity>(given)
    {
        *given = format!("SEVERITY_{severity}");
    }
    if let Some(Value::String(given)) = fields.get_mut("category")
        && let Ok(category) = input::word::<Category>(given)
    {
        *given = format!("CATEGORY_{category}");
    }
    let mut event: Event = json::from_json("watchbell.event.v1.Event", &Value::Object(fields))
        .map_err(|error| error.to_string())?;
    if let Some(data) = data {
        event.payload = Some(Payload::DataJson(data.into_text().into()));
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_event_with_exact_numbers() {
        let line = r#"{"type": "finding.created", "severity": "high", "category": "security-alert",
            "occurred_at": "2026-11-21T09:00:00Z", "data": {"finding_id": "f-1", "asset": 90071992547409930, "score": 1.10}}"#;
        let event = event_from_json(line).unwrap();
        assert_eq!(
            (event.r#type.as_str(), event.severity, event.category),
            ("finding.created", 4, 1)
        );
        let Some(Payload::DataJson(data)) = event.payload else {
            panic!()
        };
        assert!(
            std::str::from_utf8(&data)
                .unwrap()
                .ends_with(r#""asset": 90071992547409930, "score": 1.10}"#)
        );
    }

    #[test]
    fn canonical_words_are_taken_too() {
        assert_eq!(
            event_from_json(r#"{"type": "a.b", "severity": "SEVERITY_LOW"}"#)
                .unwrap()
                .severity,
            2
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, words) in [
            ("nonsense", "JSON object"),
            ("[]", "object"),
            (r#"{"type": "a.b", "colour": "red"}"#, "colour"),
            (r#"{"type": "a.b", "data": [1]}"#, "`data`"),
        ] {
            let error = event_from_json(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
