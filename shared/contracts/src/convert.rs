//! Conversions between messages and domain types. What comes in is parsed, every violation collected under the
//! path of its field; what goes out cannot fail.

mod event;
mod event_type;
mod filter;
mod quiet_hours;
mod structs;
mod vocabulary;

pub use event::{event_draft, event_for_reading, event_message};
pub use event_type::{event_type, event_type_message};
pub use filter::{filter, filter_message};
pub use quiet_hours::{quiet_hours, time_zone};
pub use structs::{duration, instant, object, span, structure, timestamp};
pub use vocabulary::{FromWire, optional, required, words};
