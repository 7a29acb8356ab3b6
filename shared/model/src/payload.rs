//! How instants are written in the bodies of webhook requests.

use chrono::{DateTime, SecondsFormat, Utc};

/// An instant as it is written in every body: RFC 3339 in UTC with a `Z`, and no more digits than it has.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_whole_second_is_written_without_a_fraction() {
        let at = crate::event::tests::noon();
        assert_eq!(timestamp(at), "2026-03-02T12:00:00Z");
        assert_eq!(
            timestamp(at + TimeDelta::microseconds(1)),
            "2026-03-02T12:00:00.000001Z"
        );
    }
}
