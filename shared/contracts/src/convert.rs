//! Conversions between messages and domain types. What comes in is parsed, every violation collected under the
//! path of its field; what goes out cannot fail.

mod event;
mod structs;
mod vocabulary;

pub use event::{event_draft, event_for_reading, event_message};
pub use structs::{duration, instant, object, span, structure, timestamp};
pub use vocabulary::{FromWire, optional, required, words};
