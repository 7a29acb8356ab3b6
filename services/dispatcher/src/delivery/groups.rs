//! The one message of what a rule has gathered, when its group is due. Quiet hours that coalesce and silences in force are
//! asked here, delivery by delivery: what they hold leaves the group. What is left over alone is sent as itself.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::group::MAX_EVENTS;
use watchbell_model::ids::{DeliveryId, NotificationId, TeamId};
use watchbell_model::mention::Mention;
use watchbell_model::quiet_hours::QuietHours;
use watchbell_model::route::{GROUP, Route};
use watchbell_model::silence::SilenceMode;
use watchbell_runtime::tenant_pool::Busy;

use super::summary::{Made, NewSummary, severity};
use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::channel::hold::held_until;
use crate::channel::policy::ChannelPolicy;
use crate::channel::silence;
use crate::encode;
use crate::job::State;
use crate::senders::summary::{GatheredBy, Why};
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{Db, DueGroup, EventKey, Leaves, NewNotification, SummaryItem, SummaryLane, Transaction};

/// Groups of a lane that are told in one transaction, at most, and what they have gathered.
const MAX_GROUPS: usize = 100;
const MAX_ROWS: usize = 5 * MAX_EVENTS as usize;
/// Events that are in memory at a time while silences are asked: each may be large.
const MAX_ASKED: usize = 100;
/// Before a message that could not be made is tried again.
const RETRY: TimeDelta = TimeDelta::seconds(5);
/// Before what must wait is looked at again.
const RECHECK: TimeDelta = TimeDelta::seconds(1);

/// Why a group is not told now.
enum Postponed {
    Database(DbErr),
    /// The expressions of the team's silences are overloaded.
    Busy,
    /// The channel could never be resolved.
    ConfigUnavailable,
}

impl From<DbErr> for Postponed {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Busy> for Postponed {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<ConfigUnavailable> for Postponed {
    fn from(_: ConfigUnavailable) -> Self {
        Self::ConfigUnavailable
    }
}

/// Tells some groups of a lane that are due. The rest is told in the next rounds, so that a lane with very many keeps no other
/// waiting. A failure does not stop the other lanes.
pub(super) async fn collect_lane(core: &Core, lane: &SummaryLane, now: DateTime<Utc>) {
    let wait = match collect(core, lane, now).await {
        Ok(None) => return,
        Ok(Some(wait)) => wait,
        Err(Postponed::Busy) => RECHECK,
        Err(Postponed::ConfigUnavailable) => RETRY,
        Err(Postponed::Database(error)) => {
            tracing::warn!(%error, lane = %lane.lane.0, "no message of a group could be made");
            // It may have been committed all the same.
            core.note_due(lane.team_id, lane.lane, now);
            RETRY
        }
    };
    core.note_gathering(lane.team_id, lane.lane, now + wait);
}

/// One round for one lane; how long after it there may be more.
async fn collect(
    core: &Core,
    lane: &SummaryLane,
    now: DateTime<Utc>,
) -> Result<Option<TimeDelta>, Postponed> {
    let of_lane = (lane.team_id, lane.lane);
    let due = core.db.due_groups(of_lane, now, MAX_GROUPS, MAX_ROWS).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let have_left = match core.channels.of_lane(lane.team_id, lane.lane).await? {
        Lookup::Found(policy) => leave(core, lane, &policy, &due, now).await?,
        // What its lane has is called off.
        Lookup::Deleted => false,
    };
    let Some(has_told) = tell(core, lane, &due, now).await? else {
        return Ok(None);
    };
    Ok(Some(match have_left || has_told {
        true => TimeDelta::zero(),
        // Whatever is left has a job, for a moment.
        false => RECHECK,
    }))
}

/// Takes out of the groups what is held in another way when they are due; whether that was anything.
async fn leave(
    core: &Core,
    lane: &SummaryLane,
    policy: &ChannelPolicy,
    due: &[DueGroup],
    now: DateTime<Utc>,
) -> Result<bool, Postponed> {
    let quiet = policy.quiet.as_ref().filter(|quiet| quiet.coalesce());
    let is_silenced = |kind| silence::is_asked(&policy.silences, (kind, lane.channel_id()), now);
    if quiet.is_none() && !ChannelKind::ALL.iter().any(|kind| is_silenced(*kind)) {
        return Ok(false);
    }
    let rows = core.db.gathered((lane.team_id, lane.lane), due, MAX_ROWS).await?;
    let leaves = leaves(core, policy, quiet, &rows, now).await?;
    if leaves.is_empty() {
        return Ok(false);
    }
    let Some(transaction) = core.begin_fenced(lane.team_id).await? else {
        return Ok(false);
    };
    core.db
        .leave_groups(&transaction, lane.team_id, &leaves, now)
        .await?;
    let changed = match core.feed.is_watched(lane.team_id) {
        true => {
            let ids: Vec<_> = leaves.iter().map(|it| DeliveryId::from_uuid(it.id)).collect();
            core.db
                .deliveries_with_ids(&transaction, lane.team_id, &ids)
                .await?
        }
        false => Vec::new(),
    };
    core.db.commit(transaction).await?;
    for at in leaves.iter().filter_map(|it| it.due_at) {
        core.note_due(lane.team_id, lane.lane, at);
        core.expect_gathering(lane.team_id, lane.lane, at);
    }
    core.feed.changed(lane.team_id, || {
        changed.iter().filter_map(|row| encode::row_changed(row).ok())
    });
    Ok(true)
}

async fn leaves(
    core: &Core,
    policy: &ChannelPolicy,
    quiet: Option<&QuietHours>,
    rows: &[deliveries::Model],
    now: DateTime<Utc>,
) -> Result<Vec<Leaves>, Postponed> {
    let mut all = Vec::new();
    for rows in rows.chunks(MAX_ASKED) {
        all.append(&mut leaves_of(core, policy, quiet, rows, now).await?);
    }
    Ok(all)
}

async fn leaves_of(
    core: &Core,
    policy: &ChannelPolicy,
    quiet: Option<&QuietHours>,
    rows: &[deliveries::Model],
    now: DateTime<Utc>,
) -> Result<Vec<Leaves>, Postponed> {
    let keys = rows.iter().map(|row| (row.team_id, row.event_id.as_str()));
    let events = core.db.events_of(keys.collect()).await?;
    let mut leaves = Vec::new();
    for row in rows {
        let (Ok(route), Some(event)) = (
            row.parsed_route(),
            events.get(&(row.team_id, row.event_id.clone())),
        ) else {
            continue;
        };
        // The inbox is never quiet.
        if route.kind == ChannelKind::InApp {
            continue;
        }
        let silence = silence::deciding(&core.tenant_pool, &policy.silences, (event, &route), now).await?;
        let (state, message, held_by, due_at) = match silence {
            Some(silence) if silence.mode == SilenceMode::Drop => {
                let message = format!("dropped by {}", silence.sentence());
                (State::Cancelled, message, None, None)
            }
            Some(silence) => {
                let message = format!("held by {}", silence.sentence());
                (State::Held, message, Some(silence.id), Some(silence.end))
            }
            None => match quiet.and_then(|quiet| quiet.holds(severity(row), now)) {
                Some(until) => (State::Held, held_until(until), None, Some(until)),
                None => continue,
            },
        };
        leaves.push(Leaves {
            id: row.id,
            state,
            message,
            held_by,
            due_at,
        });
    }
    Ok(leaves)
}

/// Tells groups; whether there was something to tell. `None` when another replica owns the shard.
async fn tell(
    core: &Core,
    lane: &SummaryLane,
    due: &[DueGroup],
    now: DateTime<Utc>,
) -> Result<Option<bool>, DbErr> {
    let (db, team) = (&core.db, lane.team_id);
    let Some(transaction) = core.begin_fenced(team).await? else {
        return Ok(None);
    };
    let live = core.live_jobs.of_lanes(|of| of == lane.lane);
    let items = db
        .take_gathered(&transaction, (team, lane.lane), due, &live, MAX_ROWS)
        .await?;
    let groups = by_group(items);
    let (mut shown, mut changes, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for (route, items) in &groups {
        let is_inbox = route.kind == ChannelKind::InApp;
        match items.as_slice() {
            [only] if is_inbox => shown.push(Shown::Event(&only.delivery)),
            [only] => alone.push(only.delivery.id),
            items => {
                let summary = new_summary(lane, route, items);
                let mut made = summary.write(core, &transaction, now).await?;
                changes.append(&mut made.changes);
                if is_inbox {
                    shown.push(Shown::Summary(made));
                }
            }
        }
    }
    if !alone.is_empty() {
        db.unfold(&transaction, team, &alone, now).await?;
    }
    if shown.is_empty() {
        db.commit(transaction).await?;
    } else {
        let alone = shown.iter().filter_map(|shown| match shown {
            Shown::Event(row) => Some((row.team_id, row.event_id.as_str())),
            Shown::Summary(_) => None,
        });
        let events = db.events_of(alone.collect()).await?;
        // Last, so that it is held only during the commit.
        let inboxes = core.inboxes.lock().await;
        let ended = show(core, &transaction, team, &shown, &events, now).await?;
        db.commit(transaction).await?;
        drop(inboxes);
        core.feed.notified([team]);
        changes.extend(ended.iter().filter_map(|row| encode::row_changed(row).ok()));
    }
    // The summaries, or what is sent by itself.
    core.note_due(team, lane.lane, now);
    core.feed.changed(team, || changes);
    Ok(Some(!groups.is_empty()))
}

/// What a transaction shows in an inbox.
enum Shown<'a> {
    /// What was gathered alone.
    Event(&'a deliveries::Model),
    Summary(Made),
}

/// Shows in an inbox what was gathered for it, with which the deliveries end.
async fn show(
    core: &Core,
    transaction: &Transaction,
    team: TeamId,
    shown: &[Shown<'_>],
    events: &HashMap<EventKey, Arc<AcceptedEvent>>,
    now: DateTime<Utc>,
) -> Result<Vec<deliveries::Model>, DbErr> {
    let db = &core.db;
    let (mut ended, mut notified) = (Vec::new(), Vec::new());
    for shown in shown {
        match shown {
            Shown::Event(row) => {
                ended.extend(db.end_gathered(transaction, team, row.id, now).await?);
                notified.extend(events.get(&(row.team_id, row.event_id.clone())));
            }
            Shown::Summary(made) => {
                let message = format!("included in the summary {}", made.id);
                let rows = db
                    .end_folded(transaction, team, made.id, State::Folded, &message, now)
                    .await?;
                ended.extend(rows);
                notified.push(&made.event);
            }
        }
    }
    let notified = without_old_news(db, transaction, team, notified).await?;
    let alerts = notified.iter().filter_map(|event| event.alert.as_ref());
    let replaced: Vec<_> = alerts.map(|alert| (team, &alert.key)).collect();
    if !replaced.is_empty() {
        db.remove_notifications_of(transaction, &replaced).await?;
    }
    let new: Vec<_> = notified
        .into_iter()
        .map(|event| NewNotification {
            id: NotificationId::generate(now),
            event,
        })
        .collect();
    db.insert_notifications(transaction, &new).await?;
    Ok(ended)
}

/// Leaves out events of alerts of which the inbox has newer ones, or is about to: an alert has one row there.
async fn without_old_news<'e>(
    db: &Db,
    transaction: &Transaction,
    team: TeamId,
    mut events: Vec<&'e Arc<AcceptedEvent>>,
) -> Result<Vec<&'e Arc<AcceptedEvent>>, DbErr> {
    let of_alerts: Vec<_> = events
        .iter()
        .filter_map(|event| Some((&event.alert.as_ref()?.key, event.accepted_at)))
        .collect();
    if of_alerts.is_empty() {
        return Ok(events);
    }
    let mut known = db.newer_notifications(transaction, team, &of_alerts).await?;
    events.sort_by_key(|event| std::cmp::Reverse(event.accepted_at));
    events.retain(|event| {
        let alert = event.alert.as_ref();
        alert.is_none_or(|alert| known.insert(alert.key.to_string()))
    });
    events.reverse();
    Ok(events)
}

/// The deliveries of each group, with where they lead.
fn by_group(items: Vec<SummaryItem>) -> Vec<(Arc<Route>, Vec<SummaryItem>)> {
    let mut groups: Vec<(Arc<Route>, Vec<SummaryItem>)> = Vec::new();
    let mut last = None;
    for item in items {
        let route = match item.delivery.parsed_route() {
            Ok(route) => route,
            Err(error) => {
                tracing::error!(%error, "a delivery cannot be read");
                continue;
            }
        };
        let group = item.delivery.gathered_with;
        match groups.last_mut() {
            Some((_, items)) if last == Some(group) => items.push(item),
            _ => groups.push((route, vec![item])),
        }
        last = Some(group);
    }
    groups
}

/// The message of a group: of its rule, and to whomever any of its messages would call by name.
fn new_summary<'a>(lane: &SummaryLane, route: &Route, items: &'a [SummaryItem]) -> NewSummary<'a> {
    let by = route.group.as_ref().map(|group| GatheredBy {
        rule: group.rule_name.clone(),
        values: group.values.clone(),
    });
    let mut mentions: Vec<Mention> = Vec::new();
    for route in items.iter().filter_map(|item| item.delivery.parsed_route().ok()) {
        for mention in &route.mentions {
            if !mentions.contains(mention) {
                mentions.push(mention.clone());
            }
        }
    }
    NewSummary::new(lane.lane, route, items, &Why::Group(by.unwrap_or_default())).with_route(|summary| {
        summary.reason.code = GROUP.into();
        summary.reason.rule_id.clone_from(&route.reason.rule_id);
        summary.mentions = mentions;
    })
}
