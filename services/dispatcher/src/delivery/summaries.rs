//! One message instead of many: gathers what storm control folded, what a silence held, and what quiet hours held for a
//! channel that wants it in one piece, when it comes due. The summary is an event and a delivery of its own, made in the transaction that
//! ties the others to it; from then on they end as it ends. A single one is sent as itself.

use std::sync::OnceLock;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::DbErr;
use tokio::sync::oneshot;
use uuid::Uuid;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::ids::{DeliveryId, EventId, SilenceId, TeamId};
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::route::{Reason, Route};
use watchbell_model::shard::ShardId;
use watchbell_model::{Category, Severity};

use crate::channel::cache::Lookup;
use crate::encode;
use crate::encode::Change;
use crate::job::{JobOutcome, Planned, State, Submission};
use crate::lanes::LaneId;
use crate::senders::summary::{Item, SilencedBy, Summary, Why};
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{Db, NewDelivery, SummaryItem, SummaryLane, Transaction, instant};

/// Deliveries in one summary.
const MAX_COLLECTED: usize = 5_000;
/// Before a summary that could not be made is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(5);
/// Before an account that must wait is looked at again.
const RECHECK: TimeDelta = TimeDelta::seconds(1);
/// Listed by one summary; more are counted, and all are in the log.
const MAX_LISTED: usize = 1_000;

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
    due.retain(|(_, team)| core.ownership().may_load(ShardId::of(*team)));
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
    let mut changes = Vec::new();
    for (route, rows) in by_target(rows) {
        if rows.len() < 2 {
            // A held delivery is loaded by itself when it is due.
            if gathered != Gathered::QuietHours {
                db.unfold(&transaction, lane.team_id, rows[0].delivery.id).await?;
            }
            continue;
        }
        collected += rows.len();
        changes.extend(create_summary(core, &transaction, lane.lane, &route, rows, &why, now).await?);
    }
    db.commit(transaction).await?;
    // The summaries, or what is sent by itself.
    core.note_due(lane.team_id, lane.lane, now);
    core.feed.changed(lane.team_id, || changes);
    Ok(collected)
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

/// Writes one summary and ties its deliveries to it.
async fn create_summary(
    core: &Core,
    transaction: &Transaction,
    lane: LaneId,
    route: &Route,
    rows: Vec<SummaryItem>,
    why: &Why,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, DbErr> {
    let team = TeamId::from_uuid(rows[0].delivery.team_id);
    let summary = summary(&rows, why);
    let reason = Reason::new("summary", summary.explanation());
    let route = Route::new(route.kind, route.target.clone(), reason);
    let event = event(core, team, &summary, now).map_err(|error| DbErr::Custom(error.to_string()))?;
    let planned =
        Planned::new(route, now).ok_or_else(|| DbErr::Custom("a route does not serialise".to_owned()))?;
    let submission = Submission::new(event, vec![planned], false, oneshot::channel().0);
    let planned = &submission.routes[0];
    let delivery = NewDelivery {
        id: planned.id,
        event: &submission.event,
        route: &planned.route,
        route_json: &planned.json,
        lane,
        state: State::Pending,
        state_message: "",
        title: &submission.event.title,
        alert: None,
        created_at: submission.event.accepted_at,
        due_at: submission.event.accepted_at,
        replay_of: None,
    };
    let db = &core.db;
    db.insert_events(transaction, &[(&submission, None)]).await?;
    db.insert_deliveries(transaction, &[delivery]).await?;
    let first_due = rows.iter().filter_map(|row| row.delivery.due_at).min();
    db.put_first(transaction, team, planned.id, first_due.map_or(now, instant))
        .await?;
    let ids: Vec<Uuid> = rows.iter().map(|row| row.delivery.id).collect();
    let message = format!("folded into the summary {}", planned.id);
    let tied = db
        .fold_into(transaction, team, &ids, planned.id, &message)
        .await?;
    if !core.feed.is_watched(team) {
        return Ok(Vec::new());
    }
    let mut changes = encode::new_deliveries(&submission.event, &submission.routes, |_| None);
    changes.extend(tied.iter().filter_map(|row| encode::row_changed(row).ok()));
    Ok(changes)
}

fn summary(rows: &[SummaryItem], why: &Why) -> Summary {
    let times = || rows.iter().map(|row| instant(row.delivery.created_at));
    Summary {
        why: why.clone(),
        since: times().min().unwrap_or_default(),
        until: times().max().unwrap_or_default(),
        total: rows.len(),
        items: rows.iter().take(MAX_LISTED).map(item).collect(),
    }
}

fn item(row: &SummaryItem) -> Item {
    let delivery = &row.delivery;
    Item {
        event_type: delivery.event_type.clone(),
        severity: severity(delivery),
        title: delivery.title.clone(),
        url: row.url.clone(),
        subject: row.subject.clone(),
        occurred_at: row.occurred_at.unwrap_or_else(|| instant(delivery.created_at)),
    }
}

fn severity(row: &deliveries::Model) -> Severity {
    use watchbell_model::convert::FromWire;
    let severity = Severity::from_wire(i32::from(row.severity));
    severity.ok().flatten().unwrap_or(Severity::Info)
}

fn event(
    core: &Core,
    team_id: TeamId,
    summary: &Summary,
    now: DateTime<Utc>,
) -> Result<AcceptedEvent, serde_json::Error> {
    let now = now.trunc_subsecs(6);
    Ok(AcceptedEvent {
        team_id,
        id: EventId::generate(now),
        event_type: NOTIFICATIONS_SUMMARY.into(),
        severity: summary.severity(),
        category: Category::SystemNotification,
        source: core.brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: summary.title(),
        url: String::new(),
        subject: String::new(),
        data: serde_json::to_string(summary)?,
        test: false,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    })
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
    let (state, message) = match state {
        State::Delivered => (State::Folded, format!("included in the summary {summary}")),
        other => (other, format!("its summary {summary} was not delivered: {why}")),
    };
    db.end_folded(transaction, team, summary, state, &message, at)
        .await
}
