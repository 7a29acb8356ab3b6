//! Conversions between messages and domain types. What comes in is parsed, every violation collected under the
//! path of its field; what goes out cannot fail.

mod structs;
mod vocabulary;

pub use structs::{duration, instant, object, span, structure, timestamp};
pub use vocabulary::{FromWire, optional, required, words};
