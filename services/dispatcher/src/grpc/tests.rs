//! `SendTest`: a synthetic event, by the same code path as a real one, carried at once and answered with its attempt.
//! It waits in no lane, is not tried again, and nobody's health depends on it.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::oneshot;
use tonic::Request;
use watchbell_contracts::config::v1::{self as config, channel::Destination};
use watchbell_contracts::convert::{FromWire, object};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_domain::catalog::Catalog;
use watchbell_domain::ids::{ChannelId, EventId, TeamId};
use watchbell_domain::violation::{Violations, reason};
use watchbell_domain::{Category, ChannelKind, Severity};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use super::{id, submit, team};
use crate::channels::Known;
use crate::core::Core;
use crate::encode;
use crate::error::Error;
use crate::event::StoredEvent;
use crate::job::{Job, Outcome, State};
use crate::pump::attempt;
use crate::route::{Reason, Route, Target};
use crate::senders::Via;
use crate::terms::Terms;

const DEFAULT_TYPE: &str = "finding.created";

pub(super) async fn send_test(
    core: &Arc<Core>,
    request: Request<wire::SendTestRequest>,
) -> Result<wire::SendTestResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let request = request.into_inner();
    let channel: ChannelId = id("channel_id", &request.channel_id)?;
    // Somebody who has just saved a channel tests what was saved.
    core.channels.forget(team);
    let terms = match core.channels.channel(team, channel).await {
        Ok(Known::There(terms)) => terms,
        Ok(Known::Gone) => return Err(Problem::not_found("channel", channel).into()),
        Err(_) => {
            return Err(Problem::unavailable("the channel's configuration cannot be read at present").into());
        }
    };
    let event_type = match request.event_type.as_str() {
        "" => DEFAULT_TYPE,
        given => given,
    };
    let event = synthetic(core, team, event_type, core.clock.now()).await?;
    let route = route(channel, &terms, &request.recipient)?;
    let committed = submit::enter(core, event, vec![route], true).await?;
    match committed.jobs.into_iter().next() {
        Some(job) => carry(core, job, terms).await,
        None => Err(Problem::internal("a test was committed without anything to carry").into()),
    }
}

/// Carries on even if the caller goes away meanwhile: what was sent must be noted.
async fn carry(core: &Arc<Core>, job: Job, terms: Arc<Terms>) -> Result<wire::SendTestResponse, Error> {
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
        let outcome = Outcome {
            answer: Some(answer),
            ..attempt(&core, job, &terms).await
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

fn route(channel: ChannelId, terms: &Terms, recipient: &str) -> Result<Route, Error> {
    let Via::Channel {
        channel: configured, ..
    } = &terms.channel.via
    else {
        return Err(Problem::not_found("channel", channel).into());
    };
    let kind = ChannelKind::from_wire(configured.kind)
        .ok()
        .flatten()
        .unwrap_or(ChannelKind::Webhook);
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
    let reason = Reason {
        code: "test".to_owned(),
        sentence: "Somebody asked for a test.".to_owned(),
        rule_id: String::new(),
    };
    Ok(Route {
        kind,
        target,
        reason,
        mentions: vec![],
    })
}

/// An event of any type of the team's catalog.
async fn synthetic(
    core: &Core,
    team: TeamId,
    event_type: &str,
    now: DateTime<Utc>,
) -> Result<StoredEvent, Error> {
    if let Some(event) = Catalog::built_in().synthetic(event_type, team, now) {
        return Ok(StoredEvent {
            team_id: team,
            id: event.id,
            event_type: event.event_type.as_str().into(),
            severity: event.severity,
            category: event.category,
            source: event.source,
            occurred_at: event.occurred_at.trunc_subsecs(6),
            accepted_at: now.trunc_subsecs(6),
            title: event.title,
            url: event.url.unwrap_or_default(),
            subject: event.subject.unwrap_or_default(),
            data: event.data.into_text(),
            test: true,
            traceparent: None,
            email: None,
            body: OnceLock::new(),
        });
    }
    let request = config::GetTeamSnapshotRequest {
        team_id: team.to_string(),
    };
    let snapshot = core
        .channels
        .config()
        .get_team_snapshot(internal_request(request))
        .await
        .map_err(|status| Problem::from_upstream("config", status))?;
    let types = snapshot
        .into_inner()
        .snapshot
        .map(|snapshot| snapshot.event_types)
        .unwrap_or_default();
    let Some(custom) = types.into_iter().find(|custom| custom.name == event_type) else {
        let why = "is neither a built-in event type nor one of the team's own";
        return Err(Violations::one("event_type", reason::UNKNOWN_VALUE, why).into());
    };
    let title = if custom.title.is_empty() {
        &custom.name
    } else {
        &custom.title
    };
    Ok(StoredEvent {
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
        traceparent: None,
        email: None,
        body: OnceLock::new(),
    })
}
