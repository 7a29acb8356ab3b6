//! Conversions between messages and domain types. What comes in is parsed, every violation collected under the
//! path of its field; what goes out cannot fail.

mod channel;
mod event;
mod event_type;
mod filter;
mod quiet_hours;
mod route;
mod rules;
mod snapshot;
mod structs;
mod vocabulary;

pub use channel::{channel, delivery};
pub use event::{event_draft, event_message};
pub use event_type::{event_type, event_type_message};
pub use filter::{filter, filter_message};
pub use quiet_hours::{quiet_hours, time_zone};
pub use route::{reason_message, route_message, step_message};
pub use rules::{mention_message, mention_rule, rule};
pub use snapshot::{digest_settings, preference, preference_message, snapshot};
pub use structs::{data, duration, instant, object, span, structure, timestamp};
pub use vocabulary::{FromWire, optional, required, words};
