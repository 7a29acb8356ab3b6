//! One transaction of the group commit: the fence, events, deliveries, outcomes and inboxes, one statement for each table.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::MutexGuard;
use uuid::Uuid;
use watchbell_model::ChannelKind;
use watchbell_model::alert::AlertKey;
use watchbell_model::ids::{NotificationId, TeamId};
use watchbell_model::route::Route;
use watchbell_model::shard::ShardId;

use super::alerts::{self, AlertChanges, Claim};
use super::groups::{self, Gatherings};
use crate::delivery::summaries;
use crate::job::live_jobs::JobGuard;
use crate::job::{JobOutcome, State, Submission};
use crate::lanes::LaneId;
use crate::ownership::Fence;
use crate::state::Core;
use crate::store::entities::deliveries;
use crate::store::{NewDelivery, NewNotification, WriteTransaction};

/// Contents of one transaction.
pub(super) struct Batch {
    pub(super) submissions: Vec<Submission>,
    pub(super) outcomes: Vec<JobOutcome>,
}

/// Where a new delivery goes once it is committed.
pub(super) struct Reservation {
    pub(super) submission: usize,
    pub(super) planned: usize,
    pub(super) lane: LaneId,
    pub(super) place: Place,
}

/// Who sends a new delivery.
pub(super) enum Place {
    /// Its lane, where memory is reserved for it.
    Lane(Option<JobGuard>),
    /// Its submitter.
    Submitter(Option<JobGuard>),
    /// Whoever loads it.
    Database,
}

/// Why a transaction was given up.
pub(super) enum Refused {
    Database(DbErr),
    /// These shards are another replica's.
    Shards(BTreeSet<ShardId>),
    /// These teams are not served here at this moment.
    Teams(BTreeSet<TeamId>),
    /// A team of its shards moves: what is known of them is to be read again first.
    Outdated,
}

/// Results of a transaction.
pub(super) struct Written {
    /// Of its shards.
    pub(super) fence: Fence,
    pub(super) reservations: Vec<Reservation>,
    /// For each submission that was a duplicate, the first routes.
    pub(super) first_routes: HashMap<usize, Vec<Arc<Route>>>,
    /// Deliveries whose outcome was not stored, because their shard has had another owner since they were loaded.
    pub(super) lost: HashSet<Uuid>,
    /// Deliveries that ended with their summary or their alert.
    pub(super) closed: Vec<deliveries::Model>,
    pub(super) notified: HashSet<TeamId>,
    /// What the submissions did to their alerts.
    pub(super) alerts: AlertChanges,
    /// What of them is gathered.
    pub(super) gatherings: Gatherings,
    /// What is superseded, until that is committed.
    claims: Vec<Claim>,
}

// === impl Batch ===

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.submissions.is_empty() && self.outcomes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.submissions.len() + self.outcomes.len()
    }

    pub(super) fn halved(mut self) -> [Self; 2] {
        let more = Self {
            submissions: self.submissions.split_off(self.submissions.len().div_ceil(2)),
            outcomes: self.outcomes.split_off(self.outcomes.len() / 2),
        };
        [more, self]
    }

    fn teams(&self) -> impl Iterator<Item = TeamId> {
        let submitted = self.submissions.iter();
        let outcomes = self.outcomes.iter();
        submitted
            .map(|submission| submission.event.team_id)
            .chain(outcomes.map(|outcome| outcome.job.team_id()))
    }

    /// Shards of the submissions.
    fn submitted(&self) -> BTreeSet<ShardId> {
        let teams = self.submissions.iter();
        teams
            .map(|submission| ShardId::of(submission.event.team_id))
            .collect()
    }
}

// === impl Refused ===

impl Refused {
    fn if_lost(shards: BTreeSet<ShardId>) -> Result<(), Self> {
        match shards.is_empty() {
            true => Ok(()),
            false => Err(Self::Shards(shards)),
        }
    }
}

impl From<DbErr> for Refused {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// Runs one transaction. When it fails, its reservations in the lanes are released.
pub(super) async fn commit(core: &Core, batch: &Batch) -> Result<Written, Refused> {
    let (fence, absent) = {
        let outcomes = batch.outcomes.iter().map(|outcome| outcome.job.shard());
        let ownership = core.ownership();
        let absent = batch.teams().filter(|team| ownership.absence(*team).is_some());
        let absent: BTreeSet<TeamId> = absent.collect();
        let fence = ownership.fence(batch.submitted().into_iter().chain(outcomes));
        (fence, absent)
    };
    if !absent.is_empty() {
        return Err(Refused::Teams(absent));
    }
    let owned = &fence.epochs;
    let lost = batch
        .submitted()
        .into_iter()
        .filter(|shard| !owned.contains_key(shard));
    Refused::if_lost(lost.collect())?;
    let is_lost = |outcome: &&JobOutcome| owned.get(&outcome.job.shard()) != Some(&outcome.job.epoch);
    let lost = batch.outcomes.iter().filter(is_lost);
    let mut written = Written {
        lost: lost.map(|outcome| outcome.job.id.as_uuid()).collect(),
        fence,
        reservations: Vec::new(),
        first_routes: HashMap::new(),
        closed: Vec::new(),
        notified: HashSet::new(),
        alerts: AlertChanges::default(),
        gatherings: Gatherings::default(),
        claims: Vec::new(),
    };
    match write(core, batch, &mut written).await {
        Ok(()) => {
            written.claims.clear();
            read_superseded(core, &mut written).await;
            Ok(written)
        }
        Err(refused) => {
            release(core, batch, written.reservations, &refused);
            for Claim { team, lane, job } in written.claims {
                drop(job);
                // It is kept back still, and may have been passed over.
                core.note_due(team, lane, core.clock.now());
                core.note_gathering(team, lane, core.clock.now());
            }
            if matches!(refused, Refused::Database(_)) {
                // It may have been committed all the same.
                written.gatherings.note(core, &batch.submissions);
            }
            Err(refused)
        }
    }
}

/// Reads what has ended with its alert, for watchers.
async fn read_superseded(core: &Core, written: &mut Written) {
    for (team, id) in &written.alerts.superseded {
        if !core.feed.is_watched(*team) {
            continue;
        }
        match core.db.delivery(*team, *id).await {
            Ok(row) => written.closed.extend(row),
            Err(error) => tracing::warn!(%error, delivery = %id, "watchers miss the end of a delivery"),
        }
    }
}

/// Releases the reservations of a transaction that failed.
fn release(core: &Core, batch: &Batch, reservations: Vec<Reservation>, refused: &Refused) {
    for reservation in reservations {
        let submission = &batch.submissions[reservation.submission];
        let (team, lane) = (submission.event.team_id, reservation.lane);
        match &reservation.place {
            Place::Lane(_) => core.lanes().unreserve(lane, submission.weight_of_each()),
            Place::Database => core.lanes().spilled(lane),
            Place::Submitter(_) => {}
        }
        // First its guard, since what has a job is not loaded.
        drop(reservation);
        if matches!(refused, Refused::Database(_)) {
            // It may have been committed all the same.
            core.note_due(team, lane, core.clock.now());
        }
    }
}

async fn write(core: &Core, batch: &Batch, written: &mut Written) -> Result<(), Refused> {
    let (db, outcomes) = (&core.db, &batch.outcomes);
    if outcomes.iter().any(summaries::ends_summary) {
        // What ends with a summary is read back.
        let transaction = db.begin().await?;
        let _inboxes = write_batch(core, &transaction, batch, written).await?;
        let finished = |id| !written.lost.contains(&id);
        written.closed = summaries::close_with_summary(db, &transaction, outcomes, finished).await?;
        db.commit(transaction).await?;
    } else if db.is_sqlite() {
        write_through(core, db.begin_inline().await?, batch, written).await?;
    } else {
        write_through(core, db.begin_direct().await?, batch, written).await?;
    }
    Ok(())
}

async fn write_through<W: WriteTransaction>(
    core: &Core,
    transaction: W,
    batch: &Batch,
    written: &mut Written,
) -> Result<(), Refused> {
    let _inboxes = write_batch(core, &transaction, batch, written).await?;
    Ok(core.db.commit(transaction).await?)
}

/// Writes everything; returns what is held until the commit.
async fn write_batch<'c, W: WriteTransaction>(
    core: &'c Core,
    transaction: &W,
    batch: &Batch,
    written: &mut Written,
) -> Result<Option<MutexGuard<'c, ()>>, Refused> {
    let db = &core.db;
    let lost = match batch.submissions.is_empty() {
        true => db.fence(transaction, core.owner(), &written.fence).await?,
        false => {
            db.fence_in_order(transaction, core.owner(), &written.fence)
                .await?
        }
    };
    if !lost.outdated.is_empty() {
        return Err(Refused::Outdated);
    }
    let lost = lost.lost;
    Refused::if_lost(&batch.submitted() & &lost)?;
    let outcomes = batch.outcomes.iter();
    let of_lost = outcomes.filter(|outcome| lost.contains(&outcome.job.shard()));
    written
        .lost
        .extend(of_lost.map(|outcome| outcome.job.id.as_uuid()));
    let mut inbox = Inbox::default();
    if !batch.submissions.is_empty() {
        inbox = write_submissions(core, transaction, &batch.submissions, written).await?;
    }
    if !batch.outcomes.is_empty() {
        let ours = batch.outcomes.iter();
        let ours = ours.filter(|outcome| !written.lost.contains(&outcome.job.id.as_uuid()));
        let ours: Vec<&JobOutcome> = ours.collect();
        db.finish(transaction, &ours).await?;
        let is_in_row = |outcome: &&JobOutcome| {
            outcome.first_attempt().is_some() && !written.lost.contains(&outcome.job.id.as_uuid())
        };
        let others = batch.outcomes.iter().filter(|outcome| !is_in_row(outcome));
        db.insert_attempts(transaction, others).await?;
        db.count_failures(transaction, &ours).await?;
        for outcome in ours {
            if let Some(broken) = &outcome.breaks {
                db.mark_unhealthy(transaction, outcome.job.team_id(), broken)
                    .await?;
            }
        }
    }
    if inbox.new.is_empty() {
        return Ok(None);
    }
    // Last, so that it is held only during the commit.
    let inboxes = core.inboxes.lock().await;
    if !inbox.replaced.is_empty() {
        db.remove_notifications_of(transaction, &inbox.replaced).await?;
    }
    db.insert_notifications(transaction, &inbox.new).await?;
    Ok(Some(inboxes))
}

/// What is still to be written into inboxes.
#[derive(Default)]
struct Inbox<'s> {
    new: Vec<NewNotification<'s>>,
    /// Alerts whose former rows go.
    replaced: Vec<(TeamId, &'s AlertKey)>,
}

/// Writes submissions; what is still to be written into inboxes.
async fn write_submissions<'s, W: WriteTransaction>(
    core: &Core,
    transaction: &W,
    submissions: &'s [Submission],
    written: &mut Written,
) -> Result<Inbox<'s>, DbErr> {
    let db = &core.db;
    let mut first = HashMap::with_capacity(submissions.len());
    // A reminder tells of an event that was accepted before.
    let accepted = submissions.iter().enumerate();
    for (index, submission) in accepted.filter(|(_, submission)| submission.due_reminder().is_none()) {
        first
            .entry((submission.event.team_id, submission.event.id.as_str()))
            .or_insert(index);
    }
    let positions = core
        .positions
        .give(db, transaction, &written.fence.epochs, submissions)
        .await?;
    let mut unique: Vec<_> = first
        .values()
        .map(|index| (&submissions[*index], Some(positions[*index])))
        .collect();
    // In the same order everywhere, so that replicas inserting the same ids do not deadlock.
    unique.sort_by(|(a, _), (b, _)| (a.event.team_id, &a.event.id).cmp(&(b.event.team_id, &b.event.id)));
    let known = match unique.is_empty() {
        true => HashSet::new(),
        false => db.insert_events(transaction, &unique).await?,
    };
    let is_new = |index: usize, submission: &Submission| {
        if submission.due_reminder().is_some() {
            return true;
        }
        let key = (submission.event.team_id, submission.event.id.as_str());
        first.get(&key) == Some(&index) && (known.is_empty() || !known.contains(&(key.0, key.1.to_owned())))
    };
    let is_new: Vec<bool> = submissions
        .iter()
        .enumerate()
        .map(|(index, submission)| is_new(index, submission))
        .collect();
    find_first_routes(core, transaction, submissions, &is_new, written).await?;
    let alerts = alerts::change(core, transaction, submissions, &is_new, &mut written.claims).await?;
    written.gatherings = groups::gather(db, transaction, submissions, &is_new, &alerts).await?;
    written.reservations = reserve(core, submissions, &is_new, &alerts, &written.gatherings);

    let mut deliveries = Vec::new();
    let mut inbox = Inbox::default();
    for (index, submission) in submissions.iter().enumerate().filter(|(index, _)| is_new[*index]) {
        let event = &submission.event;
        let change = alerts.of(index);
        let mut notified = false;
        let planned = submission.routes.iter().chain(alerts.followers(index));
        for (place, planned) in planned.enumerate() {
            let lane = LaneId::of(&planned.route, event.team_id);
            let repeat = change.and_then(|change| change.repeat_message(place));
            let gathered = written.gatherings.of(index, place);
            // An event has one row in the inbox, however many routes lead there.
            if planned.route.kind == ChannelKind::InApp
                && repeat.is_none()
                && gathered.is_none()
                && !std::mem::replace(&mut notified, true)
            {
                inbox.new.push(NewNotification {
                    id: NotificationId::generate(event.accepted_at),
                    event,
                });
                let known = change.filter(|change| change.was_known).and(event.alert.as_ref());
                inbox
                    .replaced
                    .extend(known.map(|alert| (event.team_id, &alert.key)));
                written.notified.insert(event.team_id);
            }
            deliveries.push(NewDelivery {
                id: planned.id,
                event,
                route: &planned.route,
                route_json: &planned.json,
                lane: lane.unwrap_or(LaneId(event.team_id.as_uuid())),
                state: match lane {
                    _ if repeat.is_some() || gathered.is_some() => State::Folded,
                    Some(_) => State::Pending,
                    None => State::Delivered,
                },
                state_message: match gathered {
                    Some(gathered) => &gathered.message,
                    None => repeat.unwrap_or_default(),
                },
                gathered,
                title: change
                    .and_then(|change| change.title.as_deref())
                    .unwrap_or(&event.title),
                alert: change.map(|change| change.json.as_str()),
                created_at: event.accepted_at,
                due_at: gathered.map_or(event.accepted_at, |gathered| gathered.due),
                replay_of: None,
            });
        }
    }
    if !deliveries.is_empty() {
        db.insert_deliveries(transaction, &deliveries).await?;
    }
    write_followers(core, transaction, submissions, &alerts).await?;
    written.alerts = alerts;
    Ok(inbox)
}

/// Stores with events also the routes to those who were told that their alert began. Reminders are deliveries and no more.
async fn write_followers<W: WriteTransaction>(
    core: &Core,
    transaction: &W,
    submissions: &[Submission],
    alerts: &AlertChanges,
) -> Result<(), DbErr> {
    let followed: Vec<_> = submissions
        .iter()
        .enumerate()
        .map(|(index, submission)| (submission, alerts.followers(index)))
        .filter(|(submission, followers)| !followers.is_empty() && submission.due_reminder().is_none())
        .collect();
    if followed.is_empty() {
        return Ok(());
    }
    core.db.add_routes(transaction, &followed).await
}

async fn find_first_routes<W: WriteTransaction>(
    core: &Core,
    transaction: &W,
    submissions: &[Submission],
    is_new: &[bool],
    written: &mut Written,
) -> Result<(), DbErr> {
    let duplicates: Vec<usize> = (0..submissions.len()).filter(|index| !is_new[*index]).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    let event = |index: usize| &submissions[index].event;
    let keys: Vec<_> = duplicates
        .iter()
        .map(|index| (event(*index).team_id, event(*index).id.as_str()))
        .collect();
    let routes = core.db.first_routes(transaction, &keys).await?;
    for index in duplicates {
        let json = routes.get(&(event(index).team_id, event(index).id.as_str().to_owned()));
        let first: Vec<Arc<Route>> = json
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default();
        written.first_routes.insert(index, first);
    }
    Ok(())
}

/// Reserves memory in the lanes for all new deliveries at once. Their jobs are registered before the commit, after which
/// the sweeper can see them.
fn reserve(
    core: &Core,
    submissions: &[Submission],
    is_new: &[bool],
    alerts: &AlertChanges,
    gatherings: &Gatherings,
) -> Vec<Reservation> {
    let now = core.clock.monotonic();
    let ownership = core.ownership();
    let mut lanes = core.lanes();
    let mut reservations = Vec::new();
    for (index, submission) in submissions.iter().enumerate().filter(|(index, _)| is_new[*index]) {
        let team = submission.event.team_id;
        // What waits in the database goes first, and what another replica is about to own stays there.
        let is_ready = ownership.is_ready(team);
        let weight = submission.weight_of_each();
        for (position, planned) in submission.routes.iter().enumerate() {
            if alerts.is_repeat(index, position) || gatherings.of(index, position).is_some() {
                continue;
            }
            let lane = LaneId::of(&planned.route, team);
            let id = planned.id.as_uuid();
            let register = |lane| core.live_jobs.register(id, lane, team);
            let (lane, place) = match lane {
                // The inbox has no lane, and its job nothing to do.
                None if submission.at_once => (LaneId(Uuid::nil()), Place::Submitter(None)),
                None => continue,
                Some(lane) if submission.at_once => (lane, Place::Submitter(register(lane))),
                Some(lane) if is_ready && lanes.reserve(lane, weight, now) => {
                    (lane, Place::Lane(register(lane)))
                }
                Some(lane) => (lane, Place::Database),
            };
            if !is_ready && matches!(place, Place::Database) {
                lanes.spill(lane, now);
            }
            reservations.push(Reservation {
                submission: index,
                planned: position,
                lane,
                place,
            });
        }
    }
    reservations
}
