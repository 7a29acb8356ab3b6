//! Which lanes were tried of late, and whether they let anything through. Attempts alone do not say whether many channels
//! fail or one busy one.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use watchbell_model::ChannelKind;

use crate::lanes::LaneId;

/// For how long a lane counts as tried.
const RECENT: Duration = Duration::from_secs(15 * 60);

/// The last attempt of each lane. In memory: one small entry for each lane that was tried of late.
#[derive(Debug, Default)]
pub(super) struct Tried(Mutex<HashMap<LaneId, Last>>);

#[derive(Debug, Clone, Copy)]
struct Last {
    kind: ChannelKind,
    failed: bool,
    at: Duration,
}

// === impl Tried ===

impl Tried {
    pub(super) fn note(&self, lane: LaneId, kind: ChannelKind, failed: bool, at: Duration) {
        self.0.lock().insert(lane, Last { kind, failed, at });
    }

    /// Numbers of lanes whose last attempt got through or failed (`true`), by kind. Forgets the others.
    pub(super) fn counts(&self, now: Duration) -> HashMap<(ChannelKind, bool), u64> {
        let mut lanes = self.0.lock();
        lanes.retain(|_, last| last.at + RECENT > now);
        let mut counts = HashMap::new();
        for last in lanes.values() {
            *counts.entry((last.kind, last.failed)).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_lane_counts_once_by_its_last_attempt_until_it_is_no_longer_recent() {
        let tried = Tried::default();
        let lane = |number| LaneId(Uuid::from_u128(number));
        let noon = Duration::from_secs(43_200);
        for _ in 0..100 {
            tried.note(lane(1), ChannelKind::Webhook, true, noon);
        }
        tried.note(lane(2), ChannelKind::Webhook, true, noon);
        tried.note(lane(2), ChannelKind::Webhook, false, noon + RECENT / 2);
        tried.note(lane(3), ChannelKind::Slack, false, noon);
        let expected = [
            ((ChannelKind::Webhook, true), 1),
            ((ChannelKind::Webhook, false), 1),
            ((ChannelKind::Slack, false), 1),
        ];
        assert_eq!(tried.counts(noon + RECENT / 2), expected.into());
        assert_eq!(
            tried.counts(noon + RECENT),
            [((ChannelKind::Webhook, false), 1)].into()
        );
    }
}
