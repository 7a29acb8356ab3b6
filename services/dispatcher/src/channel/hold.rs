//! What quiet hours hold back: until when, and by which quiet hours that was decided.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use watchbell_model::Severity;
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::text::time_text;

use crate::job::State;
use crate::lanes::LaneId;
use crate::store::SummaryLane;

/// How long after an edit a delivery may still be held by the former quiet hours.
const SETTLING: Duration = Duration::from_secs(30);

/// By which quiet hours each lane was planned, and since when.
#[derive(Debug, Default)]
pub(crate) struct HoldPlans {
    lanes: Mutex<HashMap<LaneId, (Option<QuietHours>, Duration)>>,
}

// === impl HoldPlans ===

impl HoldPlans {
    /// Whether held deliveries must be rescheduled: the quiet hours have changed, or did a moment ago.
    pub(crate) fn is_stale(&self, lane: LaneId, quiet: Option<&QuietHours>, now: Duration) -> bool {
        let mut lanes = self.lanes.lock();
        match lanes.get(&lane) {
            Some((known, since)) if known.as_ref() == quiet => now.saturating_sub(*since) < SETTLING,
            _ => {
                lanes.insert(lane, (quiet.cloned(), now));
                true
            }
        }
    }

    pub(crate) fn forget(&self, lane: LaneId) {
        let mut lanes = self.lanes.lock();
        lanes.remove(&lane);
    }

    pub(crate) fn keep_only(&self, held: &[SummaryLane]) {
        let mut lanes = self.lanes.lock();
        lanes.retain(|lane, _| held.iter().any(|held| held.lane == *lane));
    }
}

/// The state and due time of a held delivery under these quiet hours.
pub(crate) fn reschedule(
    quiet: Option<&QuietHours>,
    severity: Severity,
    now: DateTime<Utc>,
) -> (State, DateTime<Utc>) {
    let Some(quiet) = quiet else {
        return (State::Pending, now);
    };
    match quiet.holds(severity, now) {
        Some(until) => (State::Held, until),
        // Still held, so that it comes in one piece with the others.
        None if quiet.coalesce() => (State::Held, now),
        None => (State::Pending, now),
    }
}

/// Why something is held.
pub(crate) fn held_until(until: DateTime<Utc>) -> String {
    format!("held for quiet hours until {}", time_text(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nights(coalesce: bool) -> QuietHours {
        let json = serde_json::json!({
            "time_zone": "UTC",
            "windows": [{ "weekdays": [], "start": "22:00", "end": "07:00" }],
            "coalesce": coalesce,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_is_held_goes_where_the_quiet_hours_of_now_say() {
        let night: DateTime<Utc> = "2026-11-21T23:00:00Z".parse().unwrap();
        let morning: DateTime<Utc> = "2026-11-22T07:00:00Z".parse().unwrap();
        let high = Severity::High;
        assert_eq!(reschedule(None, high, night), (State::Pending, night));
        assert_eq!(
            reschedule(Some(&nights(false)), high, night),
            (State::Held, morning)
        );
        assert_eq!(
            reschedule(Some(&nights(false)), high, morning),
            (State::Pending, morning)
        );
        assert_eq!(
            reschedule(Some(&nights(true)), high, morning),
            (State::Held, morning)
        );
        assert_eq!(
            reschedule(Some(&nights(false)), Severity::Critical, night),
            (State::Pending, night)
        );
    }
}
