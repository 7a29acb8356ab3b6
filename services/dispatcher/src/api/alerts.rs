//! Alerts: which there are, and what people do about them. What somebody does is an event of its own, committed like any
//! other, so that it is in the log, changes the alert and reaches those who were told in one transaction.

use std::sync::OnceLock;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use tonic::Request;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertAction, AlertKey, AlertState, EventAlert};
use watchbell_model::alert_life::{Act, Alert, Told};
use watchbell_model::catalog::notices::{ALERT_ACKNOWLEDGED, ALERT_RESOLVED, ALERT_SNOOZED};
use watchbell_model::convert::{instant, words};
use watchbell_model::ids::{EventId, MemberId, TeamId};
use watchbell_model::route::{Reason, Route};
use watchbell_model::text::MAX_TITLE_CHARS;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, EventDraft, EventPattern, Severity};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageLimits, PageRequest};

use super::alert_pending::with_pending;
use super::forward::OfTeam;
use super::inbox::is_member;
use super::submit::enter_act;
use super::{exists, team};
use crate::channel::cache::Lookup;
use crate::encode;
use crate::error::Error;
use crate::maintenance::operational::routes;
use crate::senders::text::{cut, time_text};
use crate::state::Core;
use crate::store::{AlertFilter, Telling};

/// The longest comment, in characters.
const MAX_COMMENT_CHARS: usize = 500;
/// How long an alert can be snoozed.
const MAX_SNOOZE: TimeDelta = TimeDelta::days(30);

/// States of alerts that have not ended.
const OPEN: [AlertState; 3] = [AlertState::Open, AlertState::Acknowledged, AlertState::Snoozed];

/// What every request about one alert says.
pub(super) struct Asked {
    pub(super) team: TeamId,
    pub(super) key: AlertKey,
    /// Who asks, in words.
    pub(super) by: String,
    pub(super) comment: String,
}

pub(super) async fn list(
    core: &Core,
    request: Request<wire::ListAlertsRequest>,
) -> Result<wire::ListAlertsResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let request = request.into_inner();
    let mut violations = Violations::new();
    if !request.event_type.is_empty() {
        let _ = violations.parse::<EventPattern>("event_type", reason::MALFORMED, &request.event_type);
    }
    let mut filter = AlertFilter {
        states: words(&request.states, "states", &mut violations),
        severities: words(&request.severities, "severities", &mut violations),
        event_type: request.event_type,
        start: instant(request.start_time.as_ref(), "start_time", &mut violations),
        end: instant(request.end_time.as_ref(), "end_time", &mut violations),
        before: None,
    };
    let hash = FiltersHash::for_method("ListAlerts")
        .with(team)
        .with(format!("{filter:?}"));
    let page = PageRequest::<(i64, String)>::parse(
        request.page_size,
        &request.page_token,
        PageLimits::default(),
        hash,
    );
    let page = violations.take(page);
    let Some(page) = page.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    if filter.states.is_empty() {
        filter.states = OPEN.to_vec();
    }
    filter.before.clone_from(&page.after);
    let rows = core.db.alerts(team, &filter, page.limit()).await?;
    if rows.is_empty() {
        exists(core, principal, team).await?;
    }
    let position = |alert: &Alert| {
        let opened = alert.opened.as_ref();
        (
            opened.map_or(0, |opened| opened.at.timestamp_micros()),
            alert.key.to_string(),
        )
    };
    let sizes = rows
        .iter()
        .map(|alert| alert.title.len() + alert.url.len() + alert.subject.len());
    let now = core.clock.now();
    let page = page
        .within(sizes)
        .page(rows, position)
        .map_err(Problem::internal)?
        .map(|alert| encode::alert(&alert, now));
    Ok(wire::ListAlertsResponse {
        alerts: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    core: &Core,
    request: Request<wire::GetAlertRequest>,
) -> Result<wire::GetAlertResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let mut violations = Violations::new();
    let key = key(&request.get_ref().key, &mut violations);
    let key = key.ok_or(violations)?;
    let alert = find(core, team, &key).await?;
    let telling = core.db.telling_of(&alert).await?;
    let told = alert.told.iter().filter(|told| was_told(told, &telling));
    let told = told.map(|told| Route::new(told.kind, told.target.clone(), Reason::default()));
    Ok(wire::GetAlertResponse {
        alert: Some(wire::Alert {
            told: told.map(|route| (&route).into()).collect(),
            ..with_pending(core, &alert).await?
        }),
    })
}

/// Whether a message has told somebody of the beginning. What was purged was sent long ago.
fn was_told(told: &Told, telling: &Telling) -> bool {
    let delivery = telling.get(&told.delivery);
    delivery.is_none_or(|delivery| delivery.has_ended && !delivery.was_given_up())
}

pub(super) async fn acknowledge(
    core: &Core,
    request: Request<wire::AcknowledgeAlertRequest>,
) -> Result<wire::AcknowledgeAlertResponse, Error> {
    let asked = asked(core, &request, Violations::new()).await?;
    let act = Act::Acknowledge { by: asked.by.clone() };
    Ok(wire::AcknowledgeAlertResponse {
        alert: Some(carry_out(core, asked, act).await?),
    })
}

pub(super) async fn snooze(
    core: &Core,
    request: Request<wire::SnoozeAlertRequest>,
) -> Result<wire::SnoozeAlertResponse, Error> {
    let mut violations = Violations::new();
    let end = request.get_ref().end_time;
    let until = instant(end.as_ref(), "end_time", &mut violations).unwrap_or_default();
    let now = core.clock.now();
    if end.is_none() {
        violations.required("end_time");
    } else if violations.is_empty() && (until <= now || until > now + MAX_SNOOZE) {
        let why = "must be in the future and at most 30 days ahead";
        violations.add("end_time", reason::OUT_OF_RANGE, why);
    }
    let asked = asked(core, &request, violations).await?;
    let act = Act::Snooze {
        by: asked.by.clone(),
        until: until.trunc_subsecs(6),
    };
    Ok(wire::SnoozeAlertResponse {
        alert: Some(carry_out(core, asked, act).await?),
    })
}

pub(super) async fn resolve(
    core: &Core,
    request: Request<wire::ResolveAlertRequest>,
) -> Result<wire::ResolveAlertResponse, Error> {
    let asked = asked(core, &request, Violations::new()).await?;
    let act = Act::Resolve { by: asked.by.clone() };
    Ok(wire::ResolveAlertResponse {
        alert: Some(carry_out(core, asked, act).await?),
    })
}

/// A request to do something about an alert.
trait ToAct {
    fn key(&self) -> &str;
    fn member_id(&self) -> &str;
    fn comment(&self) -> &str;
}

macro_rules! to_act {
    ($($request:ty),+ $(,)?) => {$(
        impl ToAct for $request {
            fn key(&self) -> &str {
                &self.key
            }

            fn member_id(&self) -> &str {
                &self.member_id
            }

            fn comment(&self) -> &str {
                &self.comment
            }
        }
    )+};
}

to_act!(
    wire::AcknowledgeAlertRequest,
    wire::SnoozeAlertRequest,
    wire::ResolveAlertRequest,
);

/// Who asks, and for which alert; `violations` of other fields are answered with those of these.
async fn asked<T: OfTeam + ToAct>(
    core: &Core,
    request: &Request<T>,
    mut violations: Violations,
) -> Result<Asked, Error> {
    let principal = Principal::from_request(request)?;
    let message = request.get_ref();
    let team = principal.team(message.team_id())?;
    let key = key(message.key(), &mut violations);
    let member: Option<MemberId> = match message.member_id() {
        "" => None,
        id => violations.parse("member_id", reason::MALFORMED, id),
    };
    let comment = message.comment().trim();
    violations.limit_chars("comment", comment, MAX_COMMENT_CHARS);
    let Some(key) = key.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    Ok(Asked {
        by: actor(core, &principal, team, member).await?,
        team,
        key,
        comment: comment.to_owned(),
    })
}

fn key(text: &str, violations: &mut Violations) -> Option<AlertKey> {
    if text.is_empty() {
        violations.required("key");
        return None;
    }
    violations.parse("key", reason::MALFORMED, text)
}

/// Who acts, in words: the member that is named, else the caller.
async fn actor(
    core: &Core,
    principal: &Principal,
    team: TeamId,
    member: Option<MemberId>,
) -> Result<String, Error> {
    if let Some(member) = member {
        principal.acts_for(member)?;
        is_member(core, team, member).await?;
    }
    let member = match principal {
        Principal::Member { member_id, .. } => Some(*member_id),
        _ => member,
    };
    Ok(match (member, principal) {
        (Some(member), _) => match core.channels.people(team).await {
            Ok(Lookup::Found(policy)) => policy.people.address(member).unwrap_or_default().to_owned(),
            _ => member.to_string(),
        },
        (None, Principal::ApiKey { key_id, .. }) => format!("the API key {key_id}"),
        (None, _) => "the platform".to_owned(),
    })
}

/// An alert of which the beginning is known.
async fn find(core: &Core, team: TeamId, key: &AlertKey) -> Result<Alert, Error> {
    let alert = core.db.alert(team, key).await?;
    let alert = alert.filter(|alert| alert.opened.is_some());
    Ok(alert.ok_or_else(|| Problem::not_found("alert", key))?)
}

/// Commits what somebody does, unless it was done already; the alert as it is then.
pub(super) async fn carry_out(core: &Core, asked: Asked, act: Act) -> Result<wire::Alert, Error> {
    let alert = find(core, asked.team, &asked.key).await?;
    if !alert.is_open() {
        return Err(Problem::Precondition {
            reason: "ALERT_RESOLVED",
            message: "the alert has ended".to_owned(),
        }
        .into());
    }
    if !(matches!(act, Act::Acknowledge { .. }) && alert.state == AlertState::Acknowledged) {
        let now = core.clock.now();
        let event = event(core, &asked, &alert, &act, now);
        let routes = routes(core, asked.team, draft(&event)).await;
        enter_act(core, event, routes, act).await?;
    }
    let alert = find(core, asked.team, &asked.key).await?;
    Ok(encode::alert(&alert, core.clock.now()))
}

/// The same as what is decided on.
fn draft(event: &AcceptedEvent) -> EventDraft {
    EventDraft {
        id: event.id.to_string(),
        event_type: event.event_type.to_string(),
        source: event.source.clone(),
        occurred_at: Some(event.occurred_at),
        title: event.title.clone(),
        url: event.url.clone(),
        subject: event.subject.clone(),
        data: event.data.parse().unwrap_or_default(),
        ..EventDraft::default()
    }
}

/// The event that tells what somebody does.
fn event(core: &Core, asked: &Asked, alert: &Alert, act: &Act, now: DateTime<Utc>) -> AcceptedEvent {
    let by = &asked.by;
    let (event_type, action, done, who) = match act {
        Act::Acknowledge { .. } => (
            ALERT_ACKNOWLEDGED,
            AlertAction::Update,
            format!("Acknowledged by {by}"),
            "acknowledger",
        ),
        Act::Snooze { until, .. } => (
            ALERT_SNOOZED,
            AlertAction::Update,
            format!("Snoozed by {by} until {}", time_text(*until)),
            "snoozed_by",
        ),
        Act::Resolve { .. } => (
            ALERT_RESOLVED,
            AlertAction::Resolve,
            format!("Resolved by {by}"),
            "resolved_by",
        ),
    };
    let opened = alert.opened.as_ref();
    let mut data = serde_json::json!({
        "key": alert.key.as_str(),
        who: by,
        "opened_event_id": opened.map(|opened| opened.event_id.as_str()),
        "event_type": &*alert.event_type,
    });
    // As the alert's own events name the thing, for whoever counts things.
    if let Some((field, value)) = alert.key.as_str().split_once('=') {
        data[field] = value.into();
    }
    if let Act::Snooze { until, .. } = act {
        data["until"] = until.to_rfc3339().into();
    }
    if !asked.comment.is_empty() {
        data["comment"] = asked.comment.as_str().into();
    }
    let now = now.trunc_subsecs(6);
    AcceptedEvent {
        team_id: asked.team,
        id: EventId::generate(now),
        event_type: event_type.into(),
        severity: Severity::Info,
        category: Category::SystemNotification,
        source: core.brand.source(),
        occurred_at: now,
        accepted_at: now,
        title: cut(&format!("{done}: {}", alert.title), MAX_TITLE_CHARS).into_owned(),
        url: alert.url.clone(),
        subject: alert.subject.clone(),
        data: data.to_string(),
        test: false,
        alert: Some(EventAlert {
            key: alert.key.clone(),
            action,
        }),
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    }
}
