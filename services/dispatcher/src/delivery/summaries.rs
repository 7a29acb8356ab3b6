//! One message instead of many: gathers what storm control folded, what a silence held, what a rule gathered, and what quiet
//! hours held for a channel that wants it in one piece, when it comes due. The summary is an event and a delivery of its own,
//! made in the transaction that ties the others to it; from then on they end as it ends. A single one is sent as itself.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::alert::News;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{DeliveryId, SilenceId, TeamId};
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::route::Route;

use super::groups;
use super::summary::NewSummary;
use crate::channel::cache::Lookup;
use crate::encode;
use crate::job::{JobOutcome, State};
use crate::lanes::LaneId;
use crate::senders::alert::{SUPERSEDED, titled_with_beginning};
use crate::senders::summary::{SilencedBy, Why};
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{Db, SummaryItem, SummaryLane, Transaction, instant};

/// Deliveries in one summary.
const MAX_COLLECTED: usize = 5_000;
/// Before a summary that could not be made is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(5);
/// Before an account that must wait is looked at again.
const RECHECK: TimeDelta = TimeDelta::seconds(1);

/// Deliveries of a lane that are summarised together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathered {
    Storm,
    QuietHours,
    Silence(SilenceId),
}

/// Creates the summaries that are due.
pub(crate) async fn collect_due(core: &Core, now: DateTime<Utc>) -> Result<(), DbErr> {
    let mut due = core.gathering().due(now);
    due.retain(|(_, team)| core.ownership().may_load(*team));
    if due.is_empty() {
        return Ok(());
    }
    let lanes: Vec<LaneId> = due.iter().map(|(lane, _)| *lane).collect();
    // What is noted from here on may be newer than what is read.
    for lane in &lanes {
        core.gathering().take(*lane);
    }
    let read = async {
        let later = core.db.summary_lanes(&lanes, Some(now)).await?;
        Ok((core.db.summary_lanes(&lanes, None).await?, later))
    };
    let (first, later) = read.await.inspect_err(|_: &DbErr| {
        for (lane, team) in &due {
            core.gathering().note(*team, *lane, now);
        }
    })?;
    for lane in later {
        let next = lane.held_due.into_iter().chain(lane.folded_due).min();
        if let Some(at) = next {
            core.note_gathering(lane.team_id, lane.lane, at);
        }
    }
    for lane in first {
        let is_due = |due: Option<DateTime<Utc>>| due.is_some_and(|due| due <= now);
        if is_due(lane.folded_due) {
            groups::collect_lane(core, &lane, now).await;
            collect_accounts(core, &lane, now).await;
            collect_lane(core, &lane, Gathered::Storm, now).await;
        }
        if is_due(lane.held_due) && coalesces(core, &lane).await {
            collect_lane(core, &lane, Gathered::QuietHours, now).await;
        }
    }
    Ok(())
}

/// Creates the accounts of silences that have ended in a lane. One must wait while something that its silence held is still
/// rechecked.
async fn collect_accounts(core: &Core, lane: &SummaryLane, now: DateTime<Utc>) {
    let (due, waits) = match core.db.accounts_due(lane.team_id, lane.lane, now).await {
        Ok(accounts) => accounts,
        Err(error) => {
            tracing::warn!(%error, lane = %lane.lane.0, "no account of a silence could be made");
            return core.note_gathering(lane.team_id, lane.lane, now + RETRY);
        }
    };
    for silence in due {
        collect_lane(core, lane, Gathered::Silence(silence), now).await;
    }
    if waits {
        core.note_gathering(lane.team_id, lane.lane, now + RECHECK);
    }
}

/// Whether what quiet hours held for a channel comes in one piece.
async fn coalesces(core: &Core, lane: &SummaryLane) -> bool {
    let Some(id) = lane.channel_id() else { return false };
    match core.channels.channel(lane.team_id, id).await {
        Ok(Lookup::Found(policy)) => policy.quiet.as_ref().is_some_and(QuietHours::coalesce),
        _ => false,
    }
}

/// Collects one lane. A failure does not stop the other lanes; the rest is collected in the next round.
async fn collect_lane(core: &Core, lane: &SummaryLane, gathered: Gathered, now: DateTime<Utc>) {
    loop {
        match collect(core, lane, gathered, now).await {
            Ok(collected) if collected >= MAX_COLLECTED => {}
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, lane = %lane.lane.0, "no summary could be made");
                // It may have been committed all the same.
                core.note_due(lane.team_id, lane.lane, now);
                return core.note_gathering(lane.team_id, lane.lane, now + RETRY);
            }
        }
    }
}

/// One round for one lane; returns how many deliveries were summarised.
async fn collect(
    core: &Core,
    lane: &SummaryLane,
    gathered: Gathered,
    now: DateTime<Utc>,
) -> Result<usize, DbErr> {
    let db = &core.db;
    let (state, held_by, why) = match gathered {
        Gathered::Storm => (State::Folded, None, Why::Storm),
        Gathered::QuietHours => (State::Held, None, Why::QuietHours),
        Gathered::Silence(id) => (State::Folded, Some(id), why_silenced(core, lane, id).await),
    };
    let Some(transaction) = core.begin_fenced(lane.team_id).await? else {
        return Ok(0);
    };
    let live = core.live_jobs.of_lanes(|of| of == lane.lane);
    let of_lane = (lane.team_id, lane.lane);
    let rows = db
        .collect_for_summary(&transaction, of_lane, &live, (state, held_by), now, MAX_COLLECTED)
        .await?;
    let mut collected = 0;
    let (mut changes, mut superseded) = (Vec::new(), Vec::new());
    for (route, mut rows) in by_target(rows) {
        let told_by_end = take_told_by_end(&mut rows);
        if !told_by_end.is_empty() {
            collected += told_by_end.len();
            let ids: Vec<Uuid> = told_by_end.into_iter().collect();
            db.supersede(&transaction, &ids, SUPERSEDED, now).await?;
            superseded.extend(ids.into_iter().map(DeliveryId::from_uuid));
        }
        if rows.len() < 2 {
            // A held delivery is loaded by itself when it is due.
            if gathered != Gathered::QuietHours {
                db.unfold(&transaction, lane.team_id, &[rows[0].delivery.id], now)
                    .await?;
            }
            continue;
        }
        collected += rows.len();
        let new = NewSummary::new(lane.lane, &route, &rows, &why);
        changes.extend(new.write(core, &transaction, now).await?.changes);
    }
    if !superseded.is_empty() && core.feed.is_watched(lane.team_id) {
        let rows = db
            .deliveries_with_ids(&transaction, lane.team_id, &superseded)
            .await?;
        changes.extend(rows.iter().filter_map(|row| encode::row_changed(row).ok()));
    }
    db.commit(transaction).await?;
    // The summaries, or what is sent by itself.
    core.note_due(lane.team_id, lane.lane, now);
    core.feed.changed(lane.team_id, || changes);
    Ok(collected)
}

/// Takes out beginnings whose end is told with them, since that tells both. What had a job when its alert ended was not called off
/// then.
fn take_told_by_end(rows: &mut Vec<SummaryItem>) -> HashSet<Uuid> {
    let status = |row: &SummaryItem| row.delivery.alert_status().ok().flatten();
    let is = |row: &SummaryItem, news| status(row).filter(|status| status.news == Some(news));
    let begins = rows.iter().filter(|row| is(row, News::Begins).is_some());
    let begins: HashMap<String, Uuid> = begins
        .map(|row| (row.delivery.event_id.clone(), row.delivery.id))
        .collect();
    let mut told = HashSet::new();
    if begins.is_empty() {
        return told;
    }
    for row in rows.iter_mut() {
        if let Some(opened) = is(row, News::Ends).and_then(|status| status.opened)
            && let Some(begin) = begins.get(opened.event_id.as_str())
        {
            told.insert(*begin);
            let ended_at = row.occurred_at.unwrap_or(instant(row.delivery.created_at));
            row.delivery.title = titled_with_beginning(&row.delivery.title, &opened, ended_at);
        }
    }
    rows.retain(|row| !told.contains(&row.delivery.id));
    told
}

/// The reason for an account, with as much of the silence as is known.
async fn why_silenced(core: &Core, lane: &SummaryLane, id: SilenceId) -> Why {
    let by = match core.channels.of_lane(lane.team_id, lane.lane).await {
        Ok(Lookup::Found(policy)) => {
            let silence = policy.silences.iter().find(|silence| silence.id == id);
            silence.map(|silence| SilencedBy {
                comment: silence.comment.clone(),
                author: silence.author.clone(),
            })
        }
        _ => None,
    };
    Why::Silence(by)
}

/// Groups rows by target: mail of one email channel goes to several people.
fn by_target(rows: Vec<SummaryItem>) -> Vec<(Route, Vec<SummaryItem>)> {
    let mut groups: Vec<(Route, Vec<SummaryItem>)> = Vec::new();
    for row in rows {
        let route = match row.delivery.parsed_route() {
            Ok(route) => route,
            Err(error) => {
                tracing::error!(%error, "a delivery cannot be read");
                continue;
            }
        };
        let alike = |known: &Route| known.kind == route.kind && known.target == route.target;
        match groups.iter_mut().find(|(known, _)| alike(known)) {
            Some((_, rows)) => rows.push(row),
            None => groups.push(((*route).clone(), vec![row])),
        }
    }
    groups
}

/// Whether this is the end of a summary.
pub(crate) fn ends_summary(outcome: &JobOutcome) -> bool {
    outcome.ended_at.is_some() && &*outcome.job.event.event_type == NOTIFICATIONS_SUMMARY
}

/// Ends the deliveries of ended summaries, in the same transaction.
pub(crate) async fn close_with_summary(
    db: &Db,
    transaction: &Transaction,
    outcomes: &[JobOutcome],
    finished: impl Fn(Uuid) -> bool,
) -> Result<Vec<deliveries::Model>, DbErr> {
    let mut closed = Vec::new();
    for outcome in outcomes {
        let job = &outcome.job;
        if let Some(ended_at) = outcome.ended_at
            && ends_summary(outcome)
            && finished(job.id.as_uuid())
        {
            let team = job.team_id();
            let rows = end(
                db,
                transaction,
                team,
                job.id,
                outcome.state,
                &outcome.message,
                ended_at,
            )
            .await?;
            closed.extend(rows);
        }
    }
    Ok(closed)
}

/// Ends the deliveries of summaries that ended without an outcome: cancelled by a user, or with their channel.
pub(crate) async fn close_remaining(core: &Core) -> Result<(), DbErr> {
    let mut summaries = core.db.ended_summaries_all_teams().await?;
    summaries.retain(|summary| core.owns(TeamId::from_uuid(summary.team_id)));
    for summary in summaries {
        let (Some(state), Some(ended_at)) = (State::from_number(i32::from(summary.state)), summary.ended_at)
        else {
            continue;
        };
        let (team, id) = (
            TeamId::from_uuid(summary.team_id),
            DeliveryId::from_uuid(summary.id),
        );
        let (why, at) = (&summary.state_message, instant(ended_at));
        let Some(transaction) = core.begin_fenced(team).await? else {
            continue;
        };
        let rows = end(&core.db, &transaction, team, id, state, why, at).await?;
        core.db.commit(transaction).await?;
        notify_watchers(core, &rows);
    }
    Ok(())
}

/// The news that deliveries have ended with their summary.
pub(crate) fn notify_watchers(core: &Core, rows: &[deliveries::Model]) {
    for row in rows {
        core.feed
            .changed(TeamId::from_uuid(row.team_id), || encode::row_changed(row));
    }
}

async fn end(
    db: &Db,
    transaction: &Transaction,
    team: TeamId,
    summary: DeliveryId,
    state: State,
    why: &str,
    at: DateTime<Utc>,
) -> Result<Vec<deliveries::Model>, DbErr> {
    let end = async |summary: DeliveryId| {
        let (state, message) = match state {
            State::Delivered => (State::Folded, format!("included in the summary {summary}")),
            other => (other, format!("its summary {summary} was not delivered: {why}")),
        };
        db.end_folded(transaction, team, summary, state, &message, at)
            .await
    };
    let mut ended = end(summary).await?;
    // Messages of groups that a storm has folded tell others.
    let within = ended.iter().filter(|row| row.event_type == NOTIFICATIONS_SUMMARY);
    let within: Vec<DeliveryId> = within.map(|row| DeliveryId::from_uuid(row.id)).collect();
    for summary in within {
        ended.extend(end(summary).await?);
    }
    Ok(ended)
}
