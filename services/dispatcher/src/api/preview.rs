//! `RenderPreview`: what an event would look like as a message. Nothing is sent, stored or signed with a team's secret.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tonic::Request;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::render_preview_response::Message;
use watchbell_contracts::event::v1 as event_wire;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::convert::FromWire as _;
use watchbell_model::ids::{ChannelId, EventId, TeamId};
use watchbell_model::mention::Mention;
use watchbell_model::route::Route;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

use super::drafts::drafted;
use super::tests::DEFAULT_TYPE;
use super::{id, team};
use crate::channel::cache::Lookup;
use crate::error::Error;
use crate::senders::preview::SECRET;
use crate::senders::{NoContent, Via};
use crate::state::Core;
use crate::store::DeliveryFilter;

/// Said in an email, whose foot says why it was sent.
const REASON: &str = "This is a preview: the email was not sent.";

/// By which kind of channel; of a webhook, its settings too.
struct By {
    kind: ChannelKind,
    channel: Option<ChannelId>,
    webhook: config::WebhookDestination,
}

/// The event, and why its message is sent, if it has been.
struct Subject {
    event: AcceptedEvent,
    mentions: Vec<Mention>,
    reason: String,
}

pub(super) async fn render(
    core: &Core,
    request: Request<wire::RenderPreviewRequest>,
) -> Result<wire::RenderPreviewResponse, Error> {
    let team = team(&request, &request.get_ref().team_id)?;
    let request = request.into_inner();
    let now = core.clock.now();
    let by = destination(core, team, &request).await?;
    let subject = match (request.event_id.as_str(), request.event) {
        ("", Some(draft)) => made_up(core, team, draft, now).await?,
        ("", None) => {
            let example = event_wire::Event {
                r#type: DEFAULT_TYPE.to_owned(),
                ..event_wire::Event::default()
            };
            made_up(core, team, example, now).await?
        }
        (event_id, None) => stored(core, team, event_id, &by).await?,
        (_, Some(_)) => {
            let why = "goes with no `event_id`: give one of them";
            return Err(Violations::one("event", reason::NOT_ALLOWED, why).into());
        }
    };
    if &*subject.event.event_type == RECEIPT && by.kind != ChannelKind::Email {
        let why = "receipts go by email and never anywhere else";
        return Err(Violations::one("event", reason::NOT_ALLOWED, why).into());
    }
    Ok(wire::RenderPreviewResponse {
        message: Some(message(core, &by, subject, now).await?),
    })
}

async fn message(core: &Core, by: &By, subject: Subject, now: DateTime<Utc>) -> Result<Message, Error> {
    let Subject {
        event,
        mentions,
        reason: why,
    } = subject;
    Ok(match by.kind {
        ChannelKind::Slack => Message::SlackJson(core.previews.slack(&event, &mentions).to_string()),
        ChannelKind::Teams => Message::TeamsJson(core.previews.teams(&event, &mentions).to_string()),
        ChannelKind::Email => {
            let email = core.previews.email(&event, &why);
            let email = email.map_err(Problem::internal)?;
            Message::Email(wire::RenderedEmail {
                subject: email.subject,
                text: email.text,
                html: email.html,
            })
        }
        ChannelKind::Webhook => {
            let (pool, event) = (&core.tenant_pool, Arc::new(event));
            let request = core.previews.webhook(pool, &event, &by.webhook, now).await;
            let request = request.map_err(|none| match none {
                NoContent::Busy => Error::from(Problem::unavailable(none.to_string())),
                _ => Violations::one("event", reason::NOT_ALLOWED, none.to_string()).into(),
            })?;
            let headers = request.headers.into_iter();
            Message::Webhook(wire::WebhookPreview {
                headers: headers
                    .map(|(name, value)| wire::RequestHeader { name, value })
                    .collect(),
                body: request.body,
                signing_secret: SECRET.to_owned(),
            })
        }
        ChannelKind::InApp => return Err(shown_as_it_is("kind").into()),
    })
}

fn shown_as_it_is(field: &str) -> Violations {
    let why = "is the inbox, which shows the event's title as it is";
    Violations::one(field, reason::NOT_ALLOWED, why)
}

async fn destination(core: &Core, team: TeamId, request: &wire::RenderPreviewRequest) -> Result<By, Error> {
    let mut violations = Violations::new();
    let kind = match ChannelKind::from_wire(request.kind) {
        Ok(kind) => kind,
        Err(_) => {
            violations.add("kind", reason::UNKNOWN_VALUE, "is not a kind of channel");
            None
        }
    };
    match (request.channel_id.as_str(), kind) {
        ("", None) if violations.is_empty() => violations.required("channel_id"),
        ("", Some(ChannelKind::InApp)) => violations.extend(shown_as_it_is("kind")),
        ("", _) => {}
        (_, Some(_)) => {
            violations.add(
                "kind",
                reason::NOT_ALLOWED,
                "goes with no `channel_id`: give one of them",
            );
        }
        (_, None) => {}
    }
    violations.into_result(())?;
    if let Some(kind) = kind {
        return Ok(By {
            kind,
            channel: None,
            webhook: config::WebhookDestination::default(),
        });
    }
    configured(core, team, id("channel_id", &request.channel_id)?).await
}

async fn configured(core: &Core, team: TeamId, channel: ChannelId) -> Result<By, Error> {
    let policy = match core.channels.channel(team, channel).await {
        Ok(Lookup::Found(policy)) => policy,
        Ok(Lookup::Deleted) => return Err(Problem::not_found("channel", channel).into()),
        Err(_) => {
            return Err(
                Problem::unavailable("the channel's configuration is unavailable at the moment").into(),
            );
        }
    };
    let destination = match &policy.channel.via {
        Via::Channel { channel, .. } => channel.destination.as_ref(),
        Via::PlatformMail => None,
    };
    let mut by = By {
        kind: ChannelKind::Email,
        channel: Some(channel),
        webhook: config::WebhookDestination::default(),
    };
    by.kind = match destination {
        Some(Destination::Slack(_)) => ChannelKind::Slack,
        Some(Destination::Teams(_)) => ChannelKind::Teams,
        Some(Destination::Email(_)) => ChannelKind::Email,
        Some(Destination::Webhook(webhook)) => {
            by.webhook = webhook.clone();
            ChannelKind::Webhook
        }
        Some(Destination::InApp(_)) => return Err(shown_as_it_is("channel_id").into()),
        None => return Err(Problem::not_found("channel", channel).into()),
    };
    Ok(by)
}

/// Deliveries of an event that are looked at for where its alert stood.
const LOOKED_AT: u64 = 100;

/// An accepted event, with the mentions and the reason of its route to the channel, if it has one.
async fn stored(core: &Core, team: TeamId, event_id: &str, by: &By) -> Result<Subject, Error> {
    let _: EventId = id("event_id", event_id)?;
    let row = core.db.event(team, event_id).await?;
    let row = row.ok_or_else(|| Problem::not_found("event", event_id))?;
    let routes = row.parsed_routes()?;
    let own = |route: &&Route| by.channel.is_some() && route.channel_id() == by.channel;
    let route = routes.iter().find(own);
    let event = row.event()?;
    if event.alert.is_some() {
        // It is the same in all of them but reminders.
        let any = DeliveryFilter {
            event_id: Some(event_id.to_owned()),
            ..DeliveryFilter::default()
        };
        for delivery in core.db.deliveries(team, &any, LOOKED_AT, any.bound()).await?.rows {
            if let Some(status) = delivery
                .alert_status()?
                .filter(|status| status.still_open.is_none())
            {
                event.alert_status.get_or_init(|| status);
            }
        }
    }
    Ok(Subject {
        mentions: route.map(|route| route.mentions.clone()).unwrap_or_default(),
        reason: route.map_or_else(|| REASON.to_owned(), |route| route.reason.sentence.to_string()),
        event,
    })
}

async fn made_up(
    core: &Core,
    team: TeamId,
    draft: event_wire::Event,
    now: DateTime<Utc>,
) -> Result<Subject, Error> {
    Ok(Subject {
        event: drafted(core, team, draft, now).await?,
        mentions: vec![],
        reason: REASON.to_owned(),
    })
}
