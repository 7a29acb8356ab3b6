//! `SendTest`: a synthetic event, by the same code path as a real one, carried at once and answered with its attempt.
//! It waits in no lane, is not tried again, and nobody's health depends on it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::oneshot;
use tonic::Request;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::event::v1 as event_wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::{Catalog, RECEIPT};
use watchbell_model::convert::{FromWire, object};
use watchbell_model::ids::{ChannelId, DeliveryId, EventId, TeamId};
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, ChannelKind, Severity};
use watchbell_runtime::auth::{Principal, Scope, internal_request};
use watchbell_runtime::problem::Problem;

use super::drafts::drafted;
use super::{event_type as own_event_type, id, submit, team};
use crate::channel::cache::Lookup;
use crate::channel::mail_budget::by_platform;
use crate::channel::policy::ChannelPolicy;
use crate::delivery::pump::attempt;
use crate::encode;
use crate::error::Error;
use crate::event::InMemory as _;
use crate::job::{Job, JobOutcome, State};
use crate::lanes::LaneId;
use crate::senders::Via;
use crate::state::Core;

/// The type of events that nobody has chosen.
pub(super) const DEFAULT_TYPE: &str = "finding.created";

pub(super) async fn send_test(
    core: &Arc<Core>,
    request: Request<wire::SendTestRequest>,
) -> Result<wire::SendTestResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let principal = Principal::from_request(&request)?;
    let mut request = request.into_inner();
    let draft = request.channel.take();
    let unsaved = draft.is_some();
    let (channel, policy) = match draft {
        Some(draft) if request.channel_id.is_empty() => {
            // What a draft leads to is checked as for saving it, and so is who asks.
            principal.require(Scope::ConfigWrite)?;
            resolve_draft(core, team, draft).await?
        }
        Some(_) => {
            let why = "goes with no `channel_id`: give one of them";
            return Err(Violations::one("channel", reason::NOT_ALLOWED, why).into());
        }
        None => resolve(core, team, id("channel_id", &request.channel_id)?).await?,
    };
    let route = route(channel, &policy, &request.recipient)?;
    check_recipient(core, team, &policy, &route).await?;
    let now = core.clock.now();
    let (field, event) = match request.event.take() {
        Some(_) if !request.event_type.is_empty() => {
            let why = "goes with no `event_type`: give one of them";
            return Err(Violations::one("event", reason::NOT_ALLOWED, why).into());
        }
        Some(draft) => {
            // Its words are the caller's: only whoever may emit them, or write them into the catalog, sends them.
            if !principal.allows(Scope::Emit) {
                principal.require(Scope::ConfigWrite)?;
            }
            ("event.type", made_up(core, team, draft, now).await?)
        }
        None => {
            let event_type = match request.event_type.as_str() {
                "" => DEFAULT_TYPE,
                given => given,
            };
            ("event_type", synthetic(core, team, event_type, now).await?)
        }
    };
    if &*event.event_type == RECEIPT && route.kind != ChannelKind::Email {
        let why = "receipts go by email and never anywhere else";
        return Err(Violations::one(field, reason::NOT_ALLOWED, why).into());
    }
    if let Some(over) = core
        .budgets
        .spend(&policy, &route, messages(&policy, &route), event.accepted_at)
    {
        let retry_after = (over.until - event.accepted_at).to_std().unwrap_or_default();
        return Err(Problem::Overloaded { retry_after }.into());
    }
    if unsaved {
        return Ok(try_out(core, event, route, &policy).await);
    }
    let committed = submit::enter(core, Arc::new(event), vec![Arc::new(route)], true).await?;
    match committed.jobs.into_iter().next() {
        Some(job) => send_now(core, job, policy).await,
        None => Err(Problem::internal("a test was committed without anything to carry").into()),
    }
}

async fn resolve(
    core: &Core,
    team: TeamId,
    channel: ChannelId,
) -> Result<(ChannelId, Arc<ChannelPolicy>), Error> {
    // Somebody who has just saved a channel tests what was saved.
    core.channels.forget(team);
    match core.channels.channel(team, channel).await {
        Ok(Lookup::Found(policy)) => Ok((channel, policy)),
        Ok(Lookup::Deleted) => Err(Problem::not_found("channel", channel).into()),
        Err(_) => {
            Err(Problem::unavailable("the channel's configuration is unavailable at the moment").into())
        }
    }
}

async fn resolve_draft(
    core: &Core,
    team: TeamId,
    draft: config::Channel,
) -> Result<(ChannelId, Arc<ChannelPolicy>), Error> {
    if matches!(draft.destination, Some(Destination::InApp(_))) {
        let why = "the inbox needs no test before it is saved";
        return Err(Violations::one("channel.in_app", reason::NOT_ALLOWED, why).into());
    }
    let request = config::ResolveDraftChannelRequest {
        team_id: team.to_string(),
        channel: Some(draft),
    };
    let resolved = core
        .channels
        .config()
        .resolve_draft_channel(internal_request(request))
        .await
        .map_err(|status| Problem::from_upstream("config", status))?
        .into_inner();
    let channel = resolved
        .channel
        .ok_or_else(|| Problem::internal("Config resolved a draft to nothing"))?;
    let id = channel.id.parse().map_err(Problem::internal)?;
    let secrets = resolved.secrets.unwrap_or_default();
    Ok((
        id,
        Arc::new(ChannelPolicy::for_channel(team, channel, secrets, None)),
    ))
}

/// Sends by a channel that is not saved, and notes nothing of it.
async fn try_out(
    core: &Core,
    event: AcceptedEvent,
    route: Route,
    policy: &ChannelPolicy,
) -> wire::SendTestResponse {
    let now = event.accepted_at;
    let event = Arc::new(event);
    let id = DeliveryId::generate(now);
    let job = Job {
        id,
        weight: event.weight_shared_by(1),
        lane: LaneId::of(&route, event.team_id).unwrap_or(LaneId(event.team_id.as_uuid())),
        event,
        route: Arc::new(route),
        epoch: 0,
        attempts: 0,
        tries: 0,
        first_attempt_at: None,
        created_at: now,
        due_at: now,
        allowed_since: Duration::ZERO,
        replay_of: None,
        held_by: None,
        _guard: None,
    };
    let outcome = attempt(core, job, policy).await;
    wire::SendTestResponse {
        delivery: Some(encode::outcome_delivery(&outcome)),
    }
}

/// How many emails a test sends, if it sends emails.
fn messages(policy: &ChannelPolicy, route: &Route) -> usize {
    match (&route.target, &policy.channel.via) {
        (Target::Channel(_), Via::Channel { channel, .. }) => match &channel.destination {
            Some(Destination::Email(email)) => email.recipients.len(),
            _ => 0,
        },
        _ => 1,
    }
}

/// Carries on even if the caller goes away meanwhile: what was sent must be noted.
async fn send_now(
    core: &Arc<Core>,
    job: Job,
    policy: Arc<ChannelPolicy>,
) -> Result<wire::SendTestResponse, Error> {
    let core = Arc::clone(core);
    if job.route.kind == ChannelKind::InApp {
        // In the inbox since the commit.
        let now = job.created_at;
        let delivery = encode::outcome_delivery(&job.ends(State::Delivered, "", now));
        return Ok(wire::SendTestResponse {
            delivery: Some(delivery),
        });
    }
    let carried = tokio::spawn(async move {
        let (answer, committed) = oneshot::channel();
        let outcome = JobOutcome {
            answer: Some(answer),
            ..attempt(&core, job, &policy).await
        };
        let delivery = encode::outcome_delivery(&outcome);
        core.outcomes.send(outcome).await.ok()?;
        committed.await.ok()?;
        Some(delivery)
    });
    match carried.await {
        Ok(Some(delivery)) => Ok(wire::SendTestResponse {
            delivery: Some(delivery),
        }),
        _ => {
            Err(Problem::unavailable("the test was sent, but the Dispatcher stopped before noting it").into())
        }
    }
}

fn unconfirmed(who: &str) -> Error {
    let message = format!("{who} confirmed yet that it wants the team's emails");
    Problem::Precondition {
        reason: "RECIPIENT_UNCONFIRMED",
        message,
    }
    .into()
}

/// A stranger gets no test by the platform's server.
async fn check_recipient(
    core: &Core,
    team: TeamId,
    policy: &ChannelPolicy,
    route: &Route,
) -> Result<(), Error> {
    let Target::Address { address, .. } = &route.target else {
        return Ok(());
    };
    if !by_platform(&policy.channel.via) {
        return Ok(());
    }
    match core.channels.people(team).await {
        Ok(Lookup::Found(policy)) if policy.people.trusts(address) => Ok(()),
        Ok(_) => Err(unconfirmed("the address is none of the team's own, and has not")),
        Err(_) => Err(Problem::unavailable("the team's members are unavailable at the moment").into()),
    }
}

fn route(channel: ChannelId, policy: &ChannelPolicy, recipient: &str) -> Result<Route, Error> {
    let Via::Channel {
        channel: configured, ..
    } = &policy.channel.via
    else {
        return Err(Problem::not_found("channel", channel).into());
    };
    let kind = ChannelKind::from_wire(configured.kind)
        .ok()
        .flatten()
        .unwrap_or(ChannelKind::Webhook);
    if let Some(Destination::Email(email)) = &configured.destination
        && email.recipients.is_empty()
        && !email.unconfirmed_recipients.is_empty()
    {
        return Err(unconfirmed("none of the recipients has"));
    }
    let nobody =
        matches!(&configured.destination, Some(Destination::Email(email)) if email.recipients.is_empty());
    let target = match (nobody, recipient) {
        (false, "") => Target::Channel(channel),
        (false, _) => {
            let why = "is only for an email channel without recipients of its own";
            return Err(Violations::one("recipient", reason::NOT_ALLOWED, why).into());
        }
        (true, "") => {
            let mut violations = Violations::new();
            violations.add(
                "recipient",
                reason::REQUIRED,
                "must be given: this channel has no recipients of its own",
            );
            return Err(violations.into());
        }
        (true, recipient) => Target::Address {
            address: recipient.to_owned(),
            channel: Some(channel),
        },
    };
    let reason = Reason::new("test", "Somebody asked for a test.");
    Ok(Route::new(kind, target, reason))
}

/// An event that the caller has made up. The id of one that was accepted would be answered as a repeat of it.
async fn made_up(
    core: &Core,
    team: TeamId,
    draft: event_wire::Event,
    now: DateTime<Utc>,
) -> Result<AcceptedEvent, Error> {
    let draft = event_wire::Event {
        id: String::new(),
        ..draft
    };
    Ok(AcceptedEvent {
        test: true,
        alert: None,
        ..drafted(core, team, draft, now).await?
    })
}

/// An event of any type of the team's catalog.
async fn synthetic(
    core: &Core,
    team: TeamId,
    event_type: &str,
    now: DateTime<Utc>,
) -> Result<AcceptedEvent, Error> {
    if let Some(event) = Catalog::built_in().synthetic(event_type, team, now) {
        return Ok(AcceptedEvent::new(event, None, now));
    }
    let Some(custom) = own_event_type(core, team, event_type).await? else {
        let why = "is neither a built-in event type nor one of the team's own";
        return Err(Violations::one("event_type", reason::UNKNOWN_VALUE, why).into());
    };
    let title = if custom.title.is_empty() {
        &custom.name
    } else {
        &custom.title
    };
    Ok(AcceptedEvent {
        team_id: team,
        id: EventId::generate(now),
        event_type: custom.name.as_str().into(),
        severity: Severity::from_wire(custom.default_severity)
            .ok()
            .flatten()
            .unwrap_or(Severity::Info),
        category: Category::from_wire(custom.category)
            .ok()
            .flatten()
            .unwrap_or(Category::SystemNotification),
        source: "test".to_owned(),
        occurred_at: now.trunc_subsecs(6),
        accepted_at: now.trunc_subsecs(6),
        title: title.clone(),
        url: String::new(),
        subject: String::new(),
        data: serde_json::Value::Object(object(custom.example.unwrap_or_default())).to_string(),
        test: true,
        alert: None,
        traceparent: None,
        email: None,
        body: OnceLock::new(),
        alert_status: OnceLock::new(),
    })
}
