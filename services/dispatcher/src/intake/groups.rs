//! Which new deliveries are gathered instead of sent, in the transaction that accepts their events.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::DbErr;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::ids::TeamId;
use watchbell_model::route::Route;
use watchbell_model::{ChannelKind, Severity};

use super::alerts::AlertChanges;
use crate::group::{Gathered, GatheringKey};
use crate::job::Submission;
use crate::lanes::LaneId;
use crate::state::Core;
use crate::store::{Db, WriteTransaction};

/// What a batch gathers.
#[derive(Debug, Default)]
pub(super) struct Gatherings {
    /// By submission and the place of the route.
    of: HashMap<(usize, usize), Gathered>,
}

// === impl Gatherings ===

impl Gatherings {
    /// The group that the delivery of a route waits in.
    pub(super) fn of(&self, submission: usize, route: usize) -> Option<&Gathered> {
        self.of.get(&(submission, route))
    }

    /// Lets the sweeper make the messages when they are due. Later messages queue up behind them.
    pub(super) fn note(&self, core: &Core, submissions: &[Submission]) {
        let mut due: HashMap<(TeamId, LaneId), DateTime<Utc>> = HashMap::new();
        for ((submission, _), gathered) in &self.of {
            let team = submissions[*submission].event.team_id;
            let first = due.entry((team, gathered.lane)).or_insert(gathered.due);
            *first = gathered.due.min(*first);
        }
        for ((team, lane), due) in due {
            if core.owns(team) {
                core.expect_gathering(team, lane, due);
            }
        }
    }
}

/// Gathers what is to be gathered of the new events of a batch, in the order in which they came.
pub(super) async fn gather<W: WriteTransaction>(
    db: &Db,
    transaction: &W,
    submissions: &[Submission],
    is_new: &[bool],
    alerts: &AlertChanges,
) -> Result<Gatherings, DbErr> {
    let mut keys = Vec::new();
    for (index, submission) in submissions.iter().enumerate().filter(|(index, _)| is_new[*index]) {
        for (place, planned) in submission.routes.iter().enumerate() {
            if !submission.at_once
                && !alerts.is_repeat(index, place)
                && let Some(key) = key(&submission.event, &planned.route)
            {
                keys.push(((index, place), key));
            }
        }
    }
    if keys.is_empty() {
        return Ok(Gatherings::default());
    }
    let asked: BTreeSet<GatheringKey> = keys.iter().map(|(_, key)| *key).collect();
    let asked: Vec<GatheringKey> = asked.into_iter().collect();
    let mut open = db.open_groups(transaction, &asked).await?;
    let mut gatherings = Gatherings::default();
    for ((index, place), key) in keys {
        let submission = &submissions[index];
        let planned = &submission.routes[place];
        if let Some(by) = &planned.route.group {
            let limits = (by.wait, by.at_most);
            let group = open.join(key, limits, planned.id.as_uuid(), submission.event.accepted_at);
            gatherings
                .of
                .insert((index, place), Gathered::new(key, by, group));
        }
    }
    Ok(gatherings)
}

/// What comes together with a delivery. Nothing with what is CRITICAL, with tests, and in what programs get.
fn key(event: &AcceptedEvent, route: &Route) -> Option<GatheringKey> {
    if event.severity == Severity::Critical || event.test || route.kind == ChannelKind::Webhook {
        return None;
    }
    let lane = LaneId::of(route, event.team_id).unwrap_or(LaneId(event.team_id.as_uuid()));
    Some((lane, route.gathers_as()?))
}
