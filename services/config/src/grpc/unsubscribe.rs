//! The links in emails (RFC 8058). A token is its own proof: no caller is asked for, and nothing but the one thing it
//! names can be turned off by it, or on again. Doing it twice is doing it once. What is gone meanwhile needs no
//! unsubscribing, and a program that follows the link is told that all is well.

use prost::Message;
use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::{
    DigestSettings, InspectUnsubscribeTokenRequest, InspectUnsubscribeTokenResponse, Preference,
    UnsubscribeRequest, UnsubscribeResponse, channel::Destination,
};
use watchbell_domain::ids::{ChannelId, MemberId, TeamId};
use watchbell_domain::preference::Preference as Word;
use watchbell_domain::unsubscribe::{Subscription, Unsubscribe};
use watchbell_domain::violation::reason;
use watchbell_domain::{EmailAddress, Topic};
use watchbell_runtime::problem::Problem;

use super::Anyone;
use super::preferences::resolved;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::preference;
use crate::store::{channels, decode, members, preferences, teams};

pub(super) async fn inspect(
    service: &Service,
    _caller: Anyone,
    request: InspectUnsubscribeTokenRequest,
) -> Result<InspectUnsubscribeTokenResponse> {
    let Unsubscribe { team, subscription } = verified(service, &request.token)?;
    let connection = service.store().reader();
    teams::get(connection, team).await?;
    let answer = |masked_address: String| InspectUnsubscribeTokenResponse {
        team_id: team.to_string(),
        masked_address,
        ..InspectUnsubscribeTokenResponse::default()
    };
    Ok(match subscription {
        Subscription::Topic { member, topic } => {
            let row = members::get(connection, team, member).await?;
            let address: EmailAddress = row.email.parse().map_err(|err| Error::corrupt("members", err))?;
            InspectUnsubscribeTokenResponse {
                member_id: member.to_string(),
                topic: topic.to_string(),
                preferences: resolved(connection, team, &row).await?,
                ..answer(address.masked())
            }
        }
        Subscription::ChannelRecipient { address, .. } => answer(address.masked()),
        Subscription::DigestRecipient { address } => InspectUnsubscribeTokenResponse {
            topic: Topic::WeeklyDigest.to_string(),
            ..answer(address.masked())
        },
    })
}

pub(super) async fn unsubscribe(
    service: &Service,
    _caller: Anyone,
    request: UnsubscribeRequest,
) -> Result<UnsubscribeResponse> {
    let Unsubscribe { team, subscription } = verified(service, &request.token)?;
    let done = async {
        let change = service.change(team).await?;
        let undo = request.undo;
        let answer = match subscription {
            Subscription::Topic { member, topic } => {
                let topics = if request.all_topics { Topic::ALL } else { &[topic] };
                set_topics(&change, team, member, topics, undo).await?
            }
            Subscription::ChannelRecipient { channel, address } => {
                set_channel(&change, team, channel, &address, undo).await?
            }
            Subscription::DigestRecipient { address } => set_digest(&change, team, &address, undo).await?,
        };
        change.finish(service, false).await?;
        Ok(answer)
    };
    match done.await {
        Err(Error::Problem(Problem::NotFound { .. })) => Ok(UnsubscribeResponse::default()),
        done => done,
    }
}

fn verified(service: &Service, token: &str) -> Result<Unsubscribe> {
    service
        .unsubscribe_keys()
        .and_then(|keys| keys.verify(token).ok())
        .ok_or_else(|| Problem::invalid("token", reason::MALFORMED, "the link is not valid").into())
}

/// Turns topics off, noting what was there; or back to what was there.
async fn set_topics(
    change: &Change,
    team: TeamId,
    member: MemberId,
    topics: &[Topic],
    undo: bool,
) -> Result<UnsubscribeResponse> {
    let connection = change.connection();
    let row = members::get(connection, team, member).await?;
    let said = preferences::of_member(connection, team, member).await?;
    let mut changed = Vec::new();
    for topic in topics {
        let now = said.iter().find(|row| row.topic == topic.as_str());
        let written = if undo {
            turn_back(connection, team, member, *topic, now).await?
        } else {
            turn_off(connection, team, member, *topic, now).await?
        };
        if written {
            changed.push(topic.to_string());
        }
    }
    Ok(UnsubscribeResponse {
        topics: changed,
        preferences: resolved(connection, team, &row).await?,
    })
}

async fn turn_off(
    connection: &impl ConnectionTrait,
    team: TeamId,
    member: MemberId,
    topic: Topic,
    now: Option<&preference::Model>,
) -> Result<bool> {
    let mut off = preference::Model::of(team, member, topic, Word::Off);
    if now.is_some_and(|now| now.setting == off.setting) {
        return Ok(false);
    }
    let before = now.map_or(Ok(Preference::default()), preference::Model::to_message)?;
    off.before = Some(before.encode_to_vec());
    preferences::put(connection, off).await?;
    Ok(true)
}

async fn turn_back(
    connection: &impl ConnectionTrait,
    team: TeamId,
    member: MemberId,
    topic: Topic,
    now: Option<&preference::Model>,
) -> Result<bool> {
    let Some(before) = now.and_then(|now| now.before.as_ref()) else {
        return Ok(false);
    };
    let before: Preference = decode("preferences", before)?;
    let word = watchbell_contracts::convert::preference(&Preference {
        topic: topic.to_string(),
        ..before
    });
    match word.map_err(|err| Error::corrupt("preferences", err))? {
        (_, None) => preferences::delete(connection, team, member, topic).await?,
        (_, Some(word)) => {
            preferences::put(connection, preference::Model::of(team, member, topic, word)).await?;
        }
    }
    Ok(true)
}

async fn set_channel(
    change: &Change,
    team: TeamId,
    id: ChannelId,
    address: &EmailAddress,
    undo: bool,
) -> Result<UnsubscribeResponse> {
    let mut row = channels::get(change.connection(), team, id).await?;
    let mut message = row.to_message(change.now())?;
    if let Some(Destination::Email(email)) = &mut message.destination
        && set_listed(&mut email.recipients, address, undo)
    {
        let read = row.version;
        row.configure(&message);
        row.version += 1;
        row.update_time = change.now();
        channels::update_if(change.connection(), &row, read).await?;
    }
    Ok(UnsubscribeResponse::default())
}

async fn set_digest(
    change: &Change,
    team: TeamId,
    address: &EmailAddress,
    undo: bool,
) -> Result<UnsubscribeResponse> {
    let mut row = teams::settings(change.connection(), team).await?;
    let mut digest: DigestSettings = row.digest()?;
    if set_listed(&mut digest.recipients, address, undo) {
        digest.etag = String::new();
        row.digest = digest.encode_to_vec();
        row.digest_version += 1;
        teams::put_settings(change.connection(), row).await?;
    }
    Ok(UnsubscribeResponse {
        topics: vec![Topic::WeeklyDigest.to_string()],
        ..UnsubscribeResponse::default()
    })
}

/// Whether the list had to change.
fn set_listed(list: &mut Vec<String>, address: &EmailAddress, listed: bool) -> bool {
    let before = list.len();
    let is_it = |other: &String| other.eq_ignore_ascii_case(address.as_str());
    if !listed {
        list.retain(|other| !is_it(other));
    } else if !list.iter().any(is_it) {
        list.push(address.as_str().to_owned());
    }
    list.len() != before
}
