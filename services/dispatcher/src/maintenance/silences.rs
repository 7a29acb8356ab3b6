//! Rechecks of waiting deliveries when silences have begun or ended. What waits for a retry is checked before it anyway; this
//! is for what silences hold, and for what would come as part of a summary, unchecked.

use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::ids::SilenceId;

use crate::channel::cache::Lookup;
use crate::channel::silence::Change;
use crate::state::Core;
use crate::store::SummaryLane;

/// Looks at lanes with held or folded deliveries; returns how many are due now.
pub(crate) async fn look_again(core: &Core, lanes: &[SummaryLane]) -> Result<u64, DbErr> {
    core.silence_plans.keep_only(lanes);
    let mut due = 0;
    for lane in lanes {
        // What a deleted channel has is called off.
        let Ok(Lookup::Found(policy)) = core.channels.of_lane(lane.team_id, lane.lane).await else {
            continue;
        };
        let now = core.clock.now();
        let in_force = policy.silences.iter().filter(|silence| silence.is_active(now));
        let mut in_force: Vec<SilenceId> = in_force.map(|silence| silence.id).collect();
        in_force.sort_unstable();
        let change = core
            .silence_plans
            .change(lane.lane, &in_force, core.clock.monotonic());
        due += recheck(core, lane, &in_force, change)
            .await
            .inspect_err(|_| core.silence_plans.forget(lane.lane))?;
    }
    Ok(due)
}

/// In chunks, so that no statement holds its locks for long.
async fn recheck(
    core: &Core,
    lane: &SummaryLane,
    in_force: &[SilenceId],
    change: Change,
) -> Result<u64, DbErr> {
    let now = core.clock.now();
    let of_lane = (lane.team_id, lane.lane);
    let mut due = 0;
    if change.has_ended {
        loop {
            let Some(transaction) = core.begin_fenced(lane.team_id).await? else {
                return Ok(due);
            };
            let some = core
                .db
                .release_held_chunk(&transaction, of_lane, in_force, now)
                .await?;
            core.db.commit(transaction).await?;
            due += some;
            if some == 0 {
                break;
            }
        }
    }
    if change.has_begun {
        // By their ids, since what is held again meanwhile need not be looked at once more.
        let mut after = Uuid::nil();
        loop {
            let Some(transaction) = core.begin_fenced(lane.team_id).await? else {
                return Ok(due);
            };
            let chunk = core.db.recheck_chunk(&transaction, of_lane, after, now).await?;
            core.db.commit(transaction).await?;
            let Some((last, some)) = chunk else { break };
            after = last;
            due += some;
        }
    }
    if due > 0 {
        core.note_due(lane.team_id, lane.lane, now);
        core.note_gathering(lane.team_id, lane.lane, now);
        let now = core.clock.monotonic();
        core.lanes().expect_backlog(lane.lane, now, now);
    }
    Ok(due)
}
