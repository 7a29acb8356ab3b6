//! Repair after clock skew. Due times are stored as instants; due times written by a clock that ran fast would be
//! late by its skew once it is corrected, so they are pulled forward by it. A clock that is set forward makes waiting
//! deliveries due early, never late.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use watchbell_model::ids::TeamId;

use crate::state::Core;
use crate::store::LateRow;

/// Clocks of machines that are looked after differ by less.
const TOLERANCE: Duration = Duration::from_secs(5);
/// Deliveries of one round.
const MAX_ROWS: i64 = 5_000;

/// Loop that repairs due times.
pub(crate) struct ClockSkewRepair {
    pub(crate) core: Arc<Core>,
}

// === impl ClockSkewRepair ===

impl ClockSkewRepair {
    /// Runs once; returns how many deliveries were pulled forward.
    pub(crate) async fn tick(&self) -> Result<u64, DbErr> {
        let tolerance = i64::try_from(TOLERANCE.as_micros()).unwrap_or(i64::MAX);
        let mut moved = 0;
        loop {
            let late = self.core.db.late_rows_all_teams(tolerance, MAX_ROWS).await?;
            let some = self.pull_forward(late).await?;
            moved += some;
            if some == 0 {
                break;
            }
        }
        if moved > 0 {
            tracing::warn!(
                deliveries = moved,
                "clock skew repaired: due times written by a fast clock were pulled forward"
            );
        }
        Ok(moved)
    }

    /// Repairs what belongs to this replica.
    async fn pull_forward(&self, late: Vec<LateRow>) -> Result<u64, DbErr> {
        let core = &self.core;
        let mut by_team: BTreeMap<TeamId, Vec<LateRow>> = BTreeMap::new();
        for row in late {
            by_team.entry(row.team_id).or_default().push(row);
        }
        let mut moved = 0;
        for (team, rows) in by_team {
            if !core.owns(team) {
                continue;
            }
            let Some(transaction) = core.begin_fenced(team).await? else {
                continue;
            };
            moved += core.db.pull_forward(&transaction, team, &rows).await?;
            core.db.commit(transaction).await?;
            for row in rows {
                match row.is_folded {
                    true => core.note_gathering(team, row.lane, row.due_at),
                    false => core.note_due(team, row.lane, row.due_at),
                }
            }
        }
        Ok(moved)
    }
}
