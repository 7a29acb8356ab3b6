//! Rescheduling of held deliveries after a channel's quiet hours were edited or removed.

use sea_orm::DbErr;
use watchbell_model::Severity;
use watchbell_model::quiet_hours::QuietHours;

use crate::channel::cache::Lookup;
use crate::channel::hold::{held_until, reschedule};
use crate::job::State;
use crate::state::Core;
use crate::store::SummaryLane;

/// Checks every channel with held deliveries among these; returns how many were rescheduled.
pub(crate) async fn replan(core: &Core, mut lanes: Vec<SummaryLane>) -> Result<u64, DbErr> {
    lanes.retain(|lane| lane.held_due.is_some());
    core.hold_plans.keep_only(&lanes);
    let mut moved = 0;
    for lane in lanes {
        let Some(id) = lane.channel_id() else { continue };
        let quiet = match core.channels.channel(lane.team_id, id).await {
            Ok(Lookup::Found(policy)) => policy.quiet.clone(),
            // It is called off as soon as it is due.
            Ok(Lookup::Deleted) => None,
            Err(_) => continue,
        };
        if core
            .hold_plans
            .is_stale(lane.lane, quiet.as_ref(), core.clock.monotonic())
        {
            let some = move_all(core, &lane, quiet.as_ref())
                .await
                .inspect_err(|_| core.hold_plans.forget(lane.lane))?;
            moved += some;
        }
    }
    Ok(moved)
}

async fn move_all(core: &Core, lane: &SummaryLane, quiet: Option<&QuietHours>) -> Result<u64, DbErr> {
    let now = core.clock.now();
    let mut moved = 0;
    for severity in Severity::ALL.iter().copied() {
        let (state, due) = reschedule(quiet, severity, now);
        let message = match state {
            State::Held => held_until(due),
            _ => String::new(),
        };
        let mut of_severity = 0;
        loop {
            let Some(transaction) = core.begin_fenced(lane.team_id).await? else {
                return Ok(moved);
            };
            let (of_lane, to) = ((lane.team_id, lane.lane), (state, due, message.as_str()));
            let some = core
                .db
                .move_held_chunk(&transaction, of_lane, severity, to, now)
                .await?;
            core.db.commit(transaction).await?;
            of_severity += some;
            if some == 0 {
                break;
            }
        }
        if of_severity > 0 {
            core.note_due(lane.team_id, lane.lane, due);
            core.note_gathering(lane.team_id, lane.lane, due);
        }
        moved += of_severity;
    }
    if moved > 0 {
        let now = core.clock.monotonic();
        core.lanes().expect_backlog(lane.lane, now, now);
    }
    Ok(moved)
}
