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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_has_bounds() {
        let read = |given| {
            let mut violations = Violations::new();
            let pace = per_second(given, &mut violations);
            (pace, violations.is_empty())
        };
        assert_eq!(read(0), (None, true));
        assert_eq!(read(1), (Some(1), true));
        assert_eq!(read(1_000), (Some(1_000), true));
        assert_eq!(read(1_001), (None, false));
        assert_eq!(read(-1), (None, false));
    }
}
