//! Links of messages by which their readers take alerts on. A token is its own proof, bound to one life of one alert and to
//! the mailbox or channel that was told of it; it does nothing else, and nothing any more once its holder would not be told.

use std::sync::Arc;

use tonic::Request;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::alert_life::{Act, Alert};
use watchbell_model::alert_link::{AlertLink, LinkHolder};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::route::{Target, TargetKey};
use watchbell_model::violation::reason;
use watchbell_runtime::problem::Problem;

use super::alerts::{Asked, carry_out};
use super::internal;
use crate::channel::cache::{ConfigUnavailable, Lookup};
use crate::channel::people::lists;
use crate::channel::policy::ChannelPolicy;
use crate::encode;
use crate::error::Error;
use crate::senders::Via;
use crate::state::Core;

/// The link of a request of the Edge.
pub(super) fn read<T>(core: &Core, request: &Request<T>, token: &str) -> Result<AlertLink, Problem> {
    internal(request)?;
    AlertLink::verify(&core.link_keys, token).map_err(|_| invalid())
}

pub(super) async fn inspect(
    core: &Core,
    request: &Request<wire::InspectAlertLinkRequest>,
) -> Result<wire::InspectAlertLinkResponse, Error> {
    let link = read(core, request, &request.get_ref().token)?;
    Ok(wire::InspectAlertLinkResponse {
        link: Some(look(core, &link).await?),
    })
}

pub(super) async fn acknowledge(
    core: &Core,
    link: &AlertLink,
) -> Result<wire::AcknowledgeAlertByLinkResponse, Error> {
    let before = look(core, link).await?;
    let state = before.alert.as_ref().map(wire::Alert::state);
    if before.holder.is_empty() || state == Some(wire::AlertState::Acknowledged) {
        return Ok(wire::AcknowledgeAlertByLinkResponse {
            link: Some(before),
            acknowledged: false,
        });
    }
    let by = before.holder;
    let asked = Asked {
        team: link.team,
        key: link.key.clone(),
        by: by.clone(),
        comment: String::new(),
    };
    let acknowledged = match carry_out(core, asked, Act::Acknowledge { by: by.clone() }).await {
        Ok(alert) => alert.state() == wire::AlertState::Acknowledged && alert.acknowledged_by == by,
        // It has ended meanwhile.
        Err(Error::Refused(Problem::Precondition { .. })) => false,
        Err(error) => return Err(error),
    };
    Ok(wire::AcknowledgeAlertByLinkResponse {
        link: Some(look(core, link).await?),
        acknowledged,
    })
}

/// What a link still stands for.
///
/// # Errors
/// The link of whoever is not told of the alert any more is as good as a forged one.
async fn look(core: &Core, link: &AlertLink) -> Result<wire::AlertLink, Error> {
    let now = core.clock.now();
    let alert = match now < link.expires_at {
        true => core.db.alert(link.team, &link.key).await?,
        false => None,
    };
    let Some(alert) = alert else {
        return Ok(wire::AlertLink::default());
    };
    let ended = !alert.is_open() || alert.resolved_at.is_some_and(|ended| ended >= link.opened_at);
    if !ended {
        let holder = holder(core, link, &alert).await?.ok_or_else(invalid)?;
        return Ok(wire::AlertLink {
            alert: Some(encode::alert(&alert, now)),
            ended,
            holder,
        });
    }
    if found(core.channels.people(link.team).await)?.is_none() {
        return Err(invalid().into());
    }
    // Who was told of this life knows it. Of another life its holder may know nothing.
    let opened = alert.opened.as_ref();
    let is_this_life = !alert.is_open() && opened.is_some_and(|opened| opened.at <= link.opened_at);
    Ok(wire::AlertLink {
        alert: is_this_life.then(|| encode::alert(&alert, now)),
        ended,
        holder: String::new(),
    })
}

/// In whose name a link acts: a mailbox or channel that was told of the alert, and would still be.
async fn holder(core: &Core, link: &AlertLink, alert: &Alert) -> Result<Option<String>, Problem> {
    let key = match &link.holder {
        LinkHolder::Channel(id) => TargetKey::Channel(*id),
        LinkHolder::Mailbox(address) => TargetKey::Mailbox(address.key()),
    };
    let mut told = alert.told.iter().map(|told| &told.target);
    let target = told.find(|target| TargetKey::of(target).as_ref() == Some(&key));
    Ok(match target {
        Some(Target::Channel(id)) => {
            let policy = channel(core, link.team, *id).await?;
            policy.map(|policy| format!("the channel {}", policy.name))
        }
        Some(Target::Person { member, address, .. }) => {
            let policy = found(core.channels.people(link.team).await)?;
            let current = policy.as_ref().and_then(|policy| policy.people.address(*member));
            current
                .filter(|current| current.eq_ignore_ascii_case(address))
                .map(ToOwned::to_owned)
        }
        Some(Target::Address {
            address,
            channel: Some(id),
        }) => {
            let policy = channel(core, link.team, *id).await?;
            policy
                .filter(|policy| names(policy, address))
                .map(|_| address.clone())
        }
        _ => None,
    })
}

async fn channel(core: &Core, team: TeamId, id: ChannelId) -> Result<Option<Arc<ChannelPolicy>>, Problem> {
    found(core.channels.channel(team, id).await)
}

/// The policy, unless its channel or team was deleted.
fn found(answer: Result<Lookup, ConfigUnavailable>) -> Result<Option<Arc<ChannelPolicy>>, Problem> {
    match answer {
        Ok(Lookup::Found(policy)) => Ok(Some(policy)),
        Ok(Lookup::Deleted) => Ok(None),
        Err(ConfigUnavailable) => Err(Problem::unavailable("Config is unavailable")),
    }
}

/// Whether an email channel still has the recipient.
fn names(policy: &ChannelPolicy, address: &str) -> bool {
    let Via::Channel { channel, .. } = &policy.channel.via else {
        return false;
    };
    matches!(&channel.destination, Some(Destination::Email(email)) if lists(email, address))
}

fn invalid() -> Problem {
    Problem::invalid("token", reason::MALFORMED, "the link is not valid")
}
