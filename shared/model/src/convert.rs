//! Conversions of the values that messages are made of: enumerations, instants, durations and structs. What comes in is
//! parsed, every violation collected under the path of its field; what goes out cannot fail. A resource's own conversions
//! are beside its type.

mod structs;
mod vocabulary;

pub(crate) use structs::finite_object;
pub use structs::{data, duration, instant, object, span, structure, timestamp};
pub use vocabulary::{FromWire, MAX_WORDS, optional, required, words};
