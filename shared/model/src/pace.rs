//! How many deliveries are sent again each second.

use crate::violation::{Violations, reason};

/// Unless told otherwise.
pub const PER_SECOND: u32 = 50;
/// At most.
pub const MAX_PER_SECOND: u32 = 1_000;

/// Reads `per_second` of a request; `None` when it says nothing.
#[must_use]
pub fn per_second(given: i32, violations: &mut Violations) -> Option<u32> {
    match u32::try_from(given) {
        Ok(0) => None,
        Ok(given) if given <= MAX_PER_SECOND => Some(given),
        _ => {
            let why = format!("must be between 1 and {MAX_PER_SECOND}");
            violations.add("per_second", reason::OUT_OF_RANGE, why);
            None
        }
    }
}
