//! What silences say of a delivery, and which were in force when those that wait were last looked at.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{ChannelId, SilenceId};
use watchbell_model::route::Route;
use watchbell_model::silence::{self, Silence};
use watchbell_model::{ChannelKind, Data};
use watchbell_runtime::tenant_pool::{Busy, TenantPool};

use crate::job::Job;
use crate::lanes::LaneId;
use crate::store::SummaryLane;

/// How long after a change a delivery may still be held by a silence that is not in force any more.
const SETTLING: Duration = Duration::from_secs(30);

/// Silences in force by lane, and since when.
#[derive(Debug, Default)]
pub(crate) struct SilencePlans {
    lanes: Mutex<HashMap<LaneId, (Vec<SilenceId>, Duration)>>,
}

/// What has changed in a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// A silence is in force that was not when the waiting deliveries were looked at.
    pub(crate) has_begun: bool,
    /// Deliveries may be held by a silence that is not in force any more.
    pub(crate) has_ended: bool,
}

// === impl SilencePlans ===

impl SilencePlans {
    /// What has changed since the last call, with the silences in force in order.
    pub(crate) fn change(&self, lane: LaneId, in_force: &[SilenceId], now: Duration) -> Change {
        let mut lanes = self.lanes.lock();
        let known = lanes.get(&lane);
        if let Some((known, since)) = known
            && known == in_force
        {
            return Change {
                has_begun: false,
                has_ended: now.saturating_sub(*since) < SETTLING,
            };
        }
        let is_known = |id| known.is_some_and(|(known, _)| known.contains(id));
        let has_begun = in_force.iter().any(|id| !is_known(id));
        lanes.insert(lane, (in_force.to_vec(), now));
        Change {
            has_begun,
            has_ended: true,
        }
    }

    pub(crate) fn forget(&self, lane: LaneId) {
        let mut lanes = self.lanes.lock();
        lanes.remove(&lane);
    }

    pub(crate) fn keep_only(&self, waiting: &[SummaryLane]) {
        let mut lanes = self.lanes.lock();
        lanes.retain(|lane, _| waiting.iter().any(|waiting| waiting.lane == *lane));
    }
}

/// What silences in force ask of an event.
enum Asked {
    None,
    Fields,
    /// Which needs its data, and may take long.
    Expressions,
}

fn asked(silences: &[Silence], to: (ChannelKind, Option<ChannelId>), now: DateTime<Utc>) -> Asked {
    let mut asked = Asked::None;
    for silence in silences {
        if silence.is_active(now) && silence.covers(to.0, to.1) {
            if silence.filter.expression.is_some() {
                return Asked::Expressions;
            }
            asked = Asked::Fields;
        }
    }
    asked
}

/// Whether any silence in force may hold or drop what goes there.
pub(crate) fn is_asked(
    silences: &[Silence],
    to: (ChannelKind, Option<ChannelId>),
    now: DateTime<Utc>,
) -> bool {
    !matches!(asked(silences, to, now), Asked::None)
}

/// The silence that holds or drops a delivery now. Finished emails, such as the digest, and Watchbell's own notices are no
/// alerts and never silenced.
///
/// # Errors
/// The team's expressions are overloaded.
pub(crate) async fn deciding(
    pool: &TenantPool,
    silences: &Arc<[Silence]>,
    (event, route): (&Arc<AcceptedEvent>, &Route),
    now: DateTime<Utc>,
) -> Result<Option<Silence>, Busy> {
    if event.email.is_some() || route.is_the_platforms() {
        return Ok(None);
    }
    let to = (route.kind, route.channel_id());
    match asked(silences, to, now) {
        Asked::None => return Ok(None),
        Asked::Fields => {
            let event = event.as_filtered(Data::default());
            return Ok(event.and_then(|event| silence::deciding(&**silences, &event, to, now).cloned()));
        }
        Asked::Expressions => {}
    }
    let (silences, event) = (Arc::clone(silences), Arc::clone(event));
    pool.run(event.team_id, move || {
        let event = event.as_filtered(event.data.parse().unwrap_or_default())?;
        silence::deciding(&*silences, &event, to, now).cloned()
    })
    .await
}

/// Whether a delivery that a silence held becomes part of its account. Programs get each event; a summary, a test and what
/// somebody replayed are sent as they are.
pub(crate) fn is_accounted(job: &Job) -> bool {
    let is_single =
        job.event.test || job.replay_of.is_some() || &*job.event.event_type == NOTIFICATIONS_SUMMARY;
    job.route.kind != ChannelKind::Webhook && !is_single
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_told_once_and_an_end_until_all_have_heard_of_it() {
        let (plans, lane) = (SilencePlans::default(), LaneId(uuid::Uuid::nil()));
        let silence = SilenceId::generate(DateTime::UNIX_EPOCH);
        let at = Duration::from_secs;
        let change = |in_force: &[SilenceId], now| {
            let Change { has_begun, has_ended } = plans.change(lane, in_force, at(now));
            (has_begun, has_ended)
        };
        assert_eq!(change(&[silence], 0), (true, true));
        assert_eq!(change(&[silence], 1), (false, true));
        assert_eq!(change(&[silence], 31), (false, false));
        assert_eq!(change(&[], 40), (false, true));
        assert_eq!(change(&[], 69), (false, true));
        assert_eq!(change(&[], 70), (false, false));
        plans.keep_only(&[]);
        assert_eq!(change(&[], 71), (false, true));
    }
}
