//! An event as expressions see it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::common::value::Val;

use super::EvaluationError;
use crate::event::Event;

/// The longest list or object of `event.data` that expressions see.
pub(super) const MAX_ELEMENTS: usize = 1_000;

/// An event as expressions see it: converted once, at the first expression that asks, and lent to each.
#[derive(Debug)]
pub struct Facts<'e> {
    event: &'e Event,
    seen: OnceCell<Result<Seen, EvaluationError>>,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) value: Box<dyn Val>,
    /// What the data weighs, about.
    pub(super) bytes: usize,
}

// === impl Facts ===

impl<'e> Facts<'e> {
    /// The facts of an event. Costs nothing until an expression asks.
    #[must_use]
    pub const fn of(event: &'e Event) -> Self {
        Self {
            event,
            seen: OnceCell::new(),
        }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'e Event {
        self.event
    }

    pub(super) fn seen(&self) -> Result<&Seen, EvaluationError> {
        self.seen
            .get_or_init(|| see(self.event))
            .as_ref()
            .map_err(Clone::clone)
    }
}

fn see(event: &Event) -> Result<Seen, EvaluationError> {
    let text = |text: &str| Value::from(text);
    let optional = |text: Option<&str>| Value::from(text.unwrap_or_default());
    let mut bytes = 0;
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
        ("data", object(event.data.object(), &mut bytes)?),
        ("test", Value::Bool(event.test)),
    ]
    .into_iter()
    .collect();
    let value = Value::from(fields)
        .try_into()
        .map_err(|_| EvaluationError("the event is not a value".to_owned()))?;
    Ok(Seen { value, bytes })
}

fn object(
    map: &serde_json::Map<String, serde_json::Value>,
    bytes: &mut usize,
) -> Result<Value, EvaluationError> {
    bound(map.len())?;
    let mut fields = HashMap::with_capacity(map.len());
    for (key, value) in map {
        *bytes += key.len();
        fields.insert(key.clone(), json(value, bytes)?);
    }
    Ok(Value::from(fields))
}

fn json(value: &serde_json::Value, bytes: &mut usize) -> Result<Value, EvaluationError> {
    *bytes += 8;
    Ok(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Value::Int(signed),
            (None, Some(unsigned)) => Value::UInt(unsigned),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => {
            *bytes += text.len();
            Value::from(text.as_str())
        }
        serde_json::Value::Array(items) => {
            bound(items.len())?;
            Value::List(Arc::new(
                items
                    .iter()
                    .map(|item| json(item, bytes))
                    .collect::<Result<_, _>>()?,
            ))
        }
        serde_json::Value::Object(map) => object(map, bytes)?,
    })
}

fn bound(elements: usize) -> Result<(), EvaluationError> {
    if elements > MAX_ELEMENTS {
        return Err(EvaluationError(format!(
            "the event's data has a list or object of more than {MAX_ELEMENTS} elements, too many for an expression"
        )));
    }
    Ok(())
}
