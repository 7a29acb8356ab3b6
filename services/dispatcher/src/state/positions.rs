//! Positions of new events in their teams' feeds: greater than all that were committed before, in the order in which the events
//! came. The owner of a shard writes its submissions in one transaction at a time, so it reads a team's newest position once
//! in an epoch.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use sea_orm::DbErr;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::job::Submission;
use crate::ownership::Epochs;
use crate::store::{Db, WriteTransaction, micros};

/// Teams whose newest position is kept, of some 50 bytes each; beyond them all are read again.
const CAPACITY: usize = 100_000;

/// Teams' newest positions, as this replica gave or read them, and the epoch of their shard in which it did. What was given is not
/// given again, even if its transaction failed.
#[derive(Debug, Default)]
pub(crate) struct Positions(Mutex<HashMap<TeamId, (i64, i64)>>);

// === impl Positions ===

impl Positions {
    /// Forgets a team, to which another cell may give positions.
    pub(crate) fn forget(&self, team: TeamId) {
        self.0.lock().remove(&team);
    }

    /// Gives each submission its position.
    pub(crate) async fn give<W: WriteTransaction>(
        &self,
        db: &Db,
        transaction: &W,
        epochs: &Epochs,
        submissions: &[Submission],
    ) -> Result<Vec<i64>, DbErr> {
        let epoch = |team| epochs.get(&ShardId::of(team)).copied().unwrap_or_default();
        let teams: BTreeSet<TeamId> = submissions
            .iter()
            .map(|submission| submission.event.team_id)
            .collect();
        let mut newest: HashMap<TeamId, i64> = {
            let kept = self.0.lock();
            let known = |team: &TeamId| kept.get(team).filter(|(of, _)| *of == epoch(*team));
            let known = teams.iter().filter_map(|team| Some((*team, known(team)?.1)));
            known.collect()
        };
        let unknown: Vec<TeamId> = teams
            .into_iter()
            .filter(|team| !newest.contains_key(team))
            .collect();
        if !unknown.is_empty() {
            newest.extend(db.newest_positions(transaction, &unknown).await?);
        }
        let positions = submissions.iter().map(|submission| {
            let newest = newest.entry(submission.event.team_id).or_insert(i64::MIN);
            *newest = micros(submission.event.accepted_at).max(newest.saturating_add(1));
            *newest
        });
        let positions = positions.collect();
        let mut kept = self.0.lock();
        if kept.len() + newest.len() > CAPACITY {
            kept.clear();
        }
        kept.extend(
            newest
                .into_iter()
                .map(|(team, position)| (team, (epoch(team), position))),
        );
        Ok(positions)
    }
}
