//! What new events do to their alerts, in the transaction that accepts them, and what that means for their deliveries: a
//! repeat is only counted where the alert was told of, and the end goes to everyone who was told of the beginning.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::DbErr;
use uuid::Uuid;
use watchbell_model::alert::{AlertKey, AlertStatus, EventAlert, News};
use watchbell_model::alert_life::telling::{Fate, end, handled, tell};
use watchbell_model::alert_life::{Alert, Told};
use watchbell_model::ids::{DeliveryId, TeamId};
use watchbell_model::route::{FOLLOWS_ALERT, Reason, Route, TargetKey};

use super::reminders::{ReminderChanges, Sent};
use crate::job::live_jobs::JobGuard;
use crate::job::{Planned, Submission};
use crate::lanes::LaneId;
use crate::reminder::DueReminder;
use crate::senders::alert::{SUPERSEDED, seen, titled, titled_with_beginning};
use crate::state::Core;
use crate::store::{Telling, WriteTransaction};

/// Why an end is sent.
const FOLLOWS: &str = "Its beginning was sent here, so its end is, too.";
/// Why what somebody does is sent.
const FOLLOWS_ACT: &str = "The alert was sent here, so it is told what somebody does about it.";

/// What a batch does to alerts.
#[derive(Debug, Default)]
pub(super) struct AlertChanges {
    /// By submission.
    of: HashMap<usize, AlertChange>,
    /// The alerts that have changed, as they are afterwards.
    pub(super) changed: Vec<Alert>,
    /// Deliveries that were kept back and have ended with their alert.
    pub(super) superseded: Vec<(TeamId, DeliveryId)>,
}

/// What an event does to its alert.
#[derive(Debug)]
pub(crate) struct AlertChange {
    /// The alert afterwards.
    pub(super) status: AlertStatus,
    /// The same, as it is stored with each delivery.
    pub(super) json: String,
    /// Whether there was an alert of that key before.
    pub(super) was_known: bool,
    /// Routes, by their place, whose deliveries are not sent.
    repeats: HashSet<usize>,
    /// Why those are not.
    repeat_message: String,
    /// Deliveries to those who were told that the alert began and whom no route of the event reaches.
    pub(crate) followers: Vec<Planned>,
    /// The title of an end that tells of the beginning, too.
    pub(super) title: Option<String>,
}

/// An event applied to its alert.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The alert afterwards.
    pub(crate) alert: Alert,
    pub(crate) news: News,
    pub(crate) change: AlertChange,
    /// Deliveries that are kept back and end with the alert.
    pub(crate) superseded: Vec<DeliveryId>,
    /// The alert is not as it was before.
    has_changed: bool,
}

/// A delivery that is about to be superseded, with a job for as long as that is not committed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) team: TeamId,
    pub(super) lane: LaneId,
    pub(super) job: JobGuard,
}

/// An alert's key in all teams.
type Key = (TeamId, AlertKey);

// === impl Claim ===

impl Claim {
    /// `None` when the delivery has a job.
    fn new(core: &Core, team: TeamId, told: &Told) -> Option<Self> {
        let route = Route::new(told.kind, told.target.clone(), Reason::default());
        let lane = LaneId::of(&route, team).unwrap_or(LaneId(team.as_uuid()));
        let job = core.live_jobs.register(told.delivery, lane, team)?;
        Some(Self { team, lane, job })
    }
}

// === impl AlertChanges ===

impl AlertChanges {
    /// What a submission does to its alert.
    pub(super) fn of(&self, submission: usize) -> Option<&AlertChange> {
        self.of.get(&submission)
    }

    /// Deliveries that a submission makes besides those of its routes.
    pub(super) fn followers(&self, submission: usize) -> &[Planned] {
        self.of(submission)
            .map_or(&[], |change| change.followers.as_slice())
    }

    /// Whether the delivery of a route is not sent.
    pub(super) fn is_repeat(&self, submission: usize, route: usize) -> bool {
        self.of(submission).is_some_and(|change| change.is_repeat(route))
    }
}

/// Applies the new events of a batch to their alerts, in the order in which they came. What is superseded gets a job in
/// `claims`, so that it is not loaded from a row that was read before the commit.
pub(super) async fn change<W: WriteTransaction>(
    core: &Core,
    transaction: &W,
    submissions: &[Submission],
    is_new: &[bool],
    claims: &mut Vec<Claim>,
) -> Result<AlertChanges, DbErr> {
    let of_alert = |index: usize| submissions[index].event.alert.as_ref();
    let events: Vec<(usize, &EventAlert)> = (0..submissions.len())
        .filter(|index| is_new[*index])
        .filter_map(|index| Some((index, of_alert(index)?)))
        .collect();
    if events.is_empty() {
        return Ok(AlertChanges::default());
    }
    let team = |index: usize| submissions[index].event.team_id;
    let keys: BTreeSet<(TeamId, &AlertKey)> = events
        .iter()
        .map(|(index, alert)| (team(*index), &alert.key))
        .collect();
    let keys: Vec<_> = keys.into_iter().collect();
    let mut alerts = core.db.alerts_of(transaction, &keys).await?;
    let known: HashSet<Key> = alerts.keys().cloned().collect();
    let telling = telling(core, transaction, &alerts, submissions).await?;
    let mut reminders = ReminderChanges::read(&core.db, transaction, submissions).await?;
    let mut changed: BTreeSet<Key> = BTreeSet::new();
    let mut changes = AlertChanges::default();
    for (index, of) in events {
        let submission = &submissions[index];
        let key = (team(index), of.key.clone());
        let before = alerts.remove(&key);
        if let Some(due) = submission.due_reminder() {
            let Some(mut alert) = before else { continue };
            let now = submission.event.accepted_at;
            if alert.is_neglected(now) && reminders.is_due(&key, due) {
                let sent = reminders.send(&key, due, &mut alert, &telling, now);
                if sent.is_told_to_others {
                    changed.insert(key.clone());
                }
                let change = AlertChange::still_open(&alert, due, sent)?;
                changes.of.insert(index, change);
            }
            alerts.insert(key, alert);
            continue;
        }
        let mut claim = |told: &Told| {
            let claim = Claim::new(core, key.0, told);
            let is_free = claim.is_some();
            claims.extend(claim);
            is_free
        };
        let Some(applied) = apply(before, submission, of, &telling, &mut claim)? else {
            continue;
        };
        if applied.has_changed {
            changed.insert(key.clone());
        }
        match (applied.news, &submission.act) {
            (News::Begins | News::Changes | News::Repeats, _) => {
                let told = applied.change.told(&submission.routes);
                reminders.begin(&key, &applied.alert, submission, told);
            }
            (News::Ends, _) => reminders.clear(&key),
            (News::Handled, Some(act)) => reminders.act(&key, act),
            (News::Handled | News::Unrelated, _) => {}
        }
        let superseded = applied.superseded.into_iter();
        changes.superseded.extend(superseded.map(|id| (key.0, id)));
        alerts.insert(key, applied.alert);
        changes.of.insert(index, applied.change);
    }
    reminders.write(&core.db, transaction).await?;
    let (known, new): (Vec<Key>, Vec<Key>) = changed.into_iter().partition(|key| known.contains(key));
    let mut taken =
        |keys: Vec<Key>| -> Vec<Alert> { keys.iter().filter_map(|key| alerts.remove(key)).collect() };
    let (known, new) = (taken(known), taken(new));
    core.db.update_alerts(transaction, &known).await?;
    core.db.insert_alerts(transaction, &new).await?;
    changes.changed = [known, new].concat();
    if !changes.superseded.is_empty() {
        let ids: Vec<Uuid> = changes.superseded.iter().map(|(_, id)| id.as_uuid()).collect();
        core.db
            .supersede(transaction, &ids, SUPERSEDED, core.clock.now())
            .await?;
    }
    Ok(changes)
}

/// Applies an event to its alert; nothing when there still is none. `claim` says whether what told of the beginning, and is
/// kept back, has no job and will get none.
pub(crate) fn apply(
    before: Option<Alert>,
    submission: &Submission,
    of: &EventAlert,
    telling: &Telling,
    claim: &mut dyn FnMut(&Told) -> bool,
) -> Result<Option<Applied>, DbErr> {
    let was_known = before.is_some();
    let ended = before.as_ref().and_then(|alert| alert.resolved_at);
    let (after, news) = match &submission.act {
        Some(act) => Alert::act(before, act, submission.event.accepted_at),
        None => Alert::apply(before, &submission.event, &of.key, of.action),
    };
    let Some(mut alert) = after else { return Ok(None) };
    let mut change = AlertChange::new(&alert, news, was_known)?;
    let mut superseded = Vec::new();
    match news {
        News::Begins | News::Changes | News::Repeats => {
            change.tell(&mut alert, submission, news, telling);
        }
        News::Ends => superseded = change.end(&mut alert, submission, telling, claim),
        News::Handled => change.tell_handled(&alert, submission, telling),
        News::Unrelated => {}
    }
    Ok(Some(Applied {
        has_changed: news != News::Unrelated || alert.resolved_at != ended,
        alert,
        news,
        change,
        superseded,
    }))
}

/// How the deliveries that told of these alerts fare.
async fn telling<W: WriteTransaction>(
    core: &Core,
    transaction: &W,
    alerts: &HashMap<Key, Alert>,
    submissions: &[Submission],
) -> Result<Telling, DbErr> {
    let told = alerts.values().flat_map(|alert| &alert.told);
    let due = submissions.iter().filter_map(Submission::due_reminder);
    let reminded = due.flat_map(|due| {
        let routes = due.routes.iter();
        routes.filter_map(|route| Some(due.reminder.last_delivery(&route.target)?.as_uuid()))
    });
    let ids: Vec<Uuid> = told.map(|told| told.delivery).chain(reminded).collect();
    if ids.is_empty() {
        return Ok(Telling::default());
    }
    core.db.telling_deliveries(transaction, &ids).await
}

/// Whether a target knows of the alert, or will.
pub(crate) fn knows(told: &Told, telling: &Telling) -> bool {
    fate(told, telling) != Fate::GivenUp
}

/// What has become of what told of the beginning. What was purged was told long ago; what is not written yet is about to be.
fn fate(told: &Told, telling: &Telling) -> Fate {
    match telling.get(&told.delivery) {
        Some(delivery) if delivery.was_given_up() => Fate::GivenUp,
        Some(delivery) if delivery.is_kept_back => Fate::KeptBack,
        _ => Fate::Told,
    }
}

// === impl AlertChange ===

impl AlertChange {
    /// Whether the delivery of a route is not sent.
    pub(crate) fn is_repeat(&self, route: usize) -> bool {
        self.repeats.contains(&route)
    }

    /// Why the delivery of a route is not sent.
    pub(crate) fn repeat_message(&self, route: usize) -> Option<&str> {
        self.is_repeat(route).then_some(self.repeat_message.as_str())
    }

    fn new(alert: &Alert, news: News, was_known: bool) -> Result<Self, DbErr> {
        Self::of_status(alert.status(news), was_known)
    }

    /// Of a reminder or an escalation.
    fn still_open(alert: &Alert, due: &DueReminder, sent: Sent) -> Result<Self, DbErr> {
        let still_open = due.reminder.still_open();
        let status = AlertStatus {
            news: None,
            still_open: Some(still_open),
            ..alert.status(News::Repeats)
        };
        Ok(Self {
            followers: sent.deliveries,
            title: Some(titled(&alert.title, still_open)),
            ..Self::of_status(status, true)?
        })
    }

    /// The routes whose deliveries are sent.
    fn told<'r>(&self, routes: &'r [Planned]) -> impl Iterator<Item = &'r Route> {
        let sent = routes
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.is_repeat(*index));
        sent.map(|(_, planned)| &*planned.route)
    }

    fn of_status(status: AlertStatus, was_known: bool) -> Result<Self, DbErr> {
        Ok(Self {
            json: serde_json::to_string(&status).map_err(|error| DbErr::Custom(error.to_string()))?,
            status,
            was_known,
            repeats: HashSet::new(),
            repeat_message: String::new(),
            followers: Vec::new(),
            title: None,
        })
    }

    /// Notes who is told, and passes over those to whom it is no news.
    fn tell(&mut self, alert: &mut Alert, submission: &Submission, news: News, telling: &Telling) {
        let mut told = std::mem::take(&mut alert.told);
        let routes = submission.routes.iter().map(|planned| {
            let route = &planned.route;
            let is_counted = alert.is_counted(news, route.kind, route.tells_repeats);
            (Told::new(route, planned.id), is_counted)
        });
        self.repeats = tell(&mut told, routes, |told| fate(told, telling));
        alert.told = told;
        if !self.repeats.is_empty() {
            self.repeat_message = seen(&self.status);
        }
    }

    /// Tells the channels that know of the beginning what somebody does about the alert; of people, everyone would get it.
    fn tell_handled(&mut self, alert: &Alert, submission: &Submission, telling: &Telling) {
        let reached = reached(submission);
        for told in handled(&alert.told, &reached, |told| fate(told, telling)) {
            let route = follower(told, FOLLOWS_ACT);
            self.followers
                .extend(Planned::new(route, submission.event.accepted_at));
        }
    }

    /// Tells those of the end who know of the beginning. The deliveries that are still kept back and are not sent any
    /// more.
    fn end(
        &mut self,
        alert: &mut Alert,
        submission: &Submission,
        telling: &Telling,
        claim: &mut dyn FnMut(&Told) -> bool,
    ) -> Vec<DeliveryId> {
        let event = &submission.event;
        let mut superseded = Vec::new();
        let told = std::mem::take(&mut alert.told);
        for leave in end(told, &reached(submission), |told| fate(told, telling)) {
            let told = &leave.listener;
            if leave.supersedes && claim(told) {
                superseded.push(DeliveryId::from_uuid(told.delivery));
            }
            if leave.follows {
                let route = follower(told, FOLLOWS);
                self.followers.extend(Planned::new(route, event.accepted_at));
            }
        }
        if !superseded.is_empty()
            && let Some(opened) = &alert.opened
        {
            self.title = Some(titled_with_beginning(&event.title, opened, event.occurred_at));
        }
        superseded
    }
}

/// Where the routes of an event lead.
fn reached(submission: &Submission) -> HashSet<TargetKey> {
    let routes = submission.routes.iter();
    routes
        .filter_map(|planned| TargetKey::of(&planned.route.target))
        .collect()
}

/// A route to whoever was told of the beginning.
fn follower(told: &Told, why: &'static str) -> Route {
    Route {
        follows: Some(DeliveryId::from_uuid(told.delivery)),
        ..Route::new(told.kind, told.target.clone(), Reason::new(FOLLOWS_ALERT, why))
    }
}
