//! An event as expressions see it.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::common::value::Val;

use super::EvaluationError;
use super::cost::{Cost, MOST};
use crate::alert::AlertStatus;
use crate::event::Event;
use crate::payload::timestamp;

/// An event as expressions see it: converted once, at the first expression that asks, and lent to each. It keeps the
/// budget that they share.
#[derive(Debug)]
pub struct Facts<'e> {
    event: &'e Event,
    seen: OnceCell<Result<Box<dyn Val>, EvaluationError>>,
    left: Cell<u64>,
}

/// What only expressions of a webhook's body know. Values of headers may be secrets: there is no `Debug`.
pub struct BodyFacts {
    /// The channel's extra headers by their names in small letters.
    pub(super) headers: Box<dyn Val>,
    /// `key`, `state` and `count` of the event's alert; empty, and 0, without one.
    pub(super) alert: Box<dyn Val>,
}

// === impl BodyFacts ===

impl BodyFacts {
    /// Headers as name and value, and the alert as it was when the event was accepted.
    ///
    /// # Errors
    /// Never, as far as is known: texts and numbers are values.
    pub fn new<'h>(
        headers: impl IntoIterator<Item = (&'h str, &'h str)>,
        alert: Option<&AlertStatus>,
    ) -> Result<Self, EvaluationError> {
        let lower = |(name, value): (&str, &str)| (name.to_ascii_lowercase(), Value::from(value));
        let text = |text: Option<&str>| Value::from(text.unwrap_or_default());
        let alert = HashMap::from([
            ("key".to_owned(), text(alert.map(|alert| alert.key.as_str()))),
            ("state".to_owned(), text(alert.map(|alert| alert.state.as_str()))),
            (
                "count".to_owned(),
                Value::Int(alert.map_or(0, |alert| alert.count)),
            ),
        ]);
        Ok(Self {
            headers: map(headers.into_iter().map(lower).collect())?,
            alert: map(alert)?,
        })
    }
}

fn map(entries: HashMap<String, Value>) -> Result<Box<dyn Val>, EvaluationError> {
    let value: Result<Box<dyn Val>, _> = Value::from(entries).try_into();
    value.map_err(|_| EvaluationError("the variables are no values".to_owned()))
}

// === impl Facts ===

impl<'e> Facts<'e> {
    /// The facts of an event. Costs nothing until an expression asks.
    #[must_use]
    pub const fn of(event: &'e Event) -> Self {
        Self {
            event,
            seen: OnceCell::new(),
            left: Cell::new(MOST),
        }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'e Event {
        self.event
    }

    /// The event for an evaluation of this cost, if that is left of the budget.
    pub(super) fn seen_for(&self, cost: Cost) -> Result<&dyn Val, EvaluationError> {
        let steps = cost.on(&self.event.data);
        let Some(left) = self.left.get().checked_sub(steps) else {
            let why = if steps > MOST {
                "it would take too long on data as large as the event's"
            } else {
                "the expressions before it have used up the time that there is for one event"
            };
            return Err(EvaluationError(why.to_owned()));
        };
        self.left.set(left);
        match self.seen.get_or_init(|| see(self.event)) {
            Ok(value) => Ok(&**value),
            Err(error) => Err(error.clone()),
        }
    }
}

fn see(event: &Event) -> Result<Box<dyn Val>, EvaluationError> {
    let text = |text: &str| Value::from(text);
    let optional = |text: Option<&str>| Value::from(text.unwrap_or_default());
    let fields: HashMap<&str, Value> = [
        ("id", text(event.id.as_str())),
        ("type", text(event.event_type.as_str())),
        ("severity", text(event.severity.as_str())),
        ("severity_rank", Value::Int(event.severity.rank().into())),
        ("category", text(event.category.as_str())),
        ("source", text(&event.source)),
        ("title", text(&event.title)),
        ("subject", optional(event.subject.as_deref())),
        ("url", optional(event.url.as_deref())),
        ("occurred_at", Value::from(timestamp(event.occurred_at))),
        ("occurred_ms", Value::Int(event.occurred_at.timestamp_millis())),
        ("data", object(event.data.object())),
        ("test", Value::Bool(event.test)),
    ]
    .into_iter()
    .collect();
    Value::from(fields)
        .try_into()
        .map_err(|_| EvaluationError("the event is not a value".to_owned()))
}

fn object(map: &serde_json::Map<String, serde_json::Value>) -> Value {
    let fields: HashMap<String, Value> = map
        .iter()
        .map(|(key, value)| (key.clone(), json(value)))
        .collect();
    Value::from(fields)
}

fn json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Value::Int(signed),
            (None, Some(unsigned)) => Value::UInt(unsigned),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(json).collect())),
        serde_json::Value::Object(map) => object(map),
    }
}
