//! What people read: colours that only a terminal gets, tables that fit it, and the words for times, durations and
//! enumerations. Nothing here prints; it makes strings.

mod style;
mod table;
mod terminal;
mod values;

pub(crate) use style::Style;
pub(crate) use table::{Table, pairs};
pub(crate) use terminal::shown;
pub(crate) use values::{
    ago, attempt_outcome, brief, clock_time, delivery_state, health, human, kind, local, mention, moment,
    reason, severities, severity, span, target, unconfirmed, word, words, yes,
};
