//! The links in emails (RFC 8058). A token is its own proof: no caller is asked for. By a token mail only becomes
//! less, or its own action is taken back, for a week and while nobody has changed the same since; everything else
//! takes a login. A token of an address that is no longer the member's does nothing, and whoever follows it is told
//! so. Doing something twice is doing it once, and a program that follows the link of somebody gone is told that all
//! is well.

use chrono::{DateTime, Utc};
use prost::Message;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    DigestSettings, InspectUnsubscribeTokenRequest, InspectUnsubscribeTokenResponse, Preference,
    UnsubscribeRequest, UnsubscribeResponse,
};
use watchbell_model::ids::{ChannelId, MemberId};
use watchbell_model::preference::Preference as Word;
use watchbell_model::unsubscribe::{LinkId, Subscription, Unsubscribe};
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{EmailAddress, Topic};
use watchbell_runtime::problem::Problem;

use super::Anyone;
use super::preferences::resolved;
use crate::check;
use crate::error::{Error, Result};
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::departures::List;
use crate::store::entities::{channel, member, preference};
use crate::store::{Resource, channels, departures, preferences, teams};

/// The request of a link.
enum Asked {
    /// To turn topics off, or to leave a list.
    Less,
    /// Of a member: these preferences, each within what is on already.
    Only(Vec<(Topic, Option<Word>)>),
    /// To take back what the link did.
    Undo,
}

/// A link at work.
struct Link<'a> {
    change: &'a Change,
    id: LinkId,
    /// The instant before which the link's actions can no longer be undone.
    since: DateTime<Utc>,
}

pub(super) async fn inspect(
    service: &Service,
    _caller: Anyone,
    request: InspectUnsubscribeTokenRequest,
) -> Result<InspectUnsubscribeTokenResponse> {
    let what = verified(service, &request.token)?;
    let masked_address = what.address().masked();
    let Unsubscribe { team, subscription } = what;
    let connection = service.store().reader();
    let topic = match &subscription {
        Subscription::Topic { topic, .. } => topic.to_string(),
        Subscription::ChannelRecipient { .. } => String::new(),
        Subscription::DigestRecipient { .. } => Topic::WeeklyDigest.to_string(),
    };
    let mut answer = InspectUnsubscribeTokenResponse {
        masked_address,
        topic,
        ..InspectUnsubscribeTokenResponse::default()
    };
    let found = async {
        teams::get(connection, team).await?;
        if let Subscription::Topic { member, address, .. } = &subscription {
            let row = member::Entity::get(connection, team, member).await?;
            still_theirs(&row, address)?;
            answer.preferences = resolved(connection, team, &row).await?;
            answer.member_id = member.to_string();
        } else if let Subscription::ChannelRecipient { channel, .. } = &subscription {
            channel::Entity::get(connection, team, channel).await?;
        }
        answer.team_id = team.to_string();
        Ok(())
    };
    match found.await {
        Err(Error::Problem(Problem::NotFound { .. })) => answer.outdated = true,
        found => found?,
    }
    Ok(answer)
}

pub(super) async fn unsubscribe(
    service: &Service,
    caller: Anyone,
    request: UnsubscribeRequest,
) -> Result<UnsubscribeResponse> {
    let what = verified(service, &request.token)?;
    let id = what.link_id();
    let address = what.address().to_string();
    let Unsubscribe { team, subscription } = what;
    let asked = asked(&request, &subscription)?;
    let member_id = match &subscription {
        Subscription::Topic { member, .. } => member.to_string(),
        Subscription::ChannelRecipient { .. } | Subscription::DigestRecipient { .. } => String::new(),
    };
    let author = caller.0.by_link(member_id, address);
    let done = async {
        let change = service.change(team, author).await?;
        let link = Link {
            since: change.now() - departures::UNDO,
            change: &change,
            id,
        };
        let answer = match subscription {
            Subscription::Topic {
                member,
                address,
                topic,
            } => {
                let topics = if request.all_topics { Topic::ALL } else { &[topic] };
                link.of_member(member, &address, topics, asked).await?
            }
            Subscription::ChannelRecipient { channel, address } => {
                link.of_channel(channel, &address, &asked).await?
            }
            Subscription::DigestRecipient { address } => link.of_digest(&address, &asked).await?,
        };
        // What changes nothing makes no new snapshot.
        if answer.changed {
            service.finish(change, false).await?;
        }
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

fn asked(request: &UnsubscribeRequest, subscription: &Subscription) -> Result<Asked> {
    if request.preferences.is_empty() {
        return Ok(if request.undo { Asked::Undo } else { Asked::Less });
    }
    let of_member = matches!(subscription, Subscription::Topic { .. });
    if request.undo || request.all_topics || !of_member {
        let why = "go with the link of a member's email, and with neither `undo` nor `all_topics`";
        return Err(Problem::invalid("preferences", reason::NOT_ALLOWED, why).into());
    }
    Ok(Asked::Only(check::preferences(&request.preferences)?))
}

/// As if the member were gone: the link says nothing of who has the mailbox now.
fn still_theirs(row: &member::Model, address: &EmailAddress) -> Result<()> {
    if row.email_key == address.key() {
        Ok(())
    } else {
        Err(Problem::not_found("member", row.member_id()).into())
    }
}

// === impl Link ===

impl Link<'_> {
    async fn of_member(
        &self,
        member: MemberId,
        address: &EmailAddress,
        topics: &[Topic],
        asked: Asked,
    ) -> Result<UnsubscribeResponse> {
        let (connection, team) = (self.change.connection(), self.change.team());
        let row = member::Entity::get(connection, team, &member).await?;
        still_theirs(&row, address)?;
        self.change.touch(member).await?;
        let said = preferences::of_member(connection, team, member).await?;
        let said_of = |topic: Topic| said.iter().find(|row| row.topic == topic.as_str());
        let mut changed = Vec::new();
        match asked {
            Asked::Undo => {
                for topic in topics {
                    if self.turn_back(member, *topic, said_of(*topic)).await? {
                        changed.push(topic.to_string());
                    }
                }
            }
            Asked::Less => {
                for topic in topics {
                    if self.turn_to(member, *topic, Word::Off, said_of(*topic)).await? {
                        changed.push(topic.to_string());
                    }
                }
            }
            Asked::Only(words) => {
                let now = resolved(connection, team, &row).await?;
                for (topic, word) in within(words, &now)? {
                    if self.turn_to(member, topic, word, said_of(topic)).await? {
                        changed.push(topic.to_string());
                    }
                }
            }
        }
        Ok(UnsubscribeResponse {
            changed: !changed.is_empty(),
            topics: changed,
            preferences: resolved(connection, team, &row).await?,
        })
    }

    async fn turn_to(
        &self,
        member: MemberId,
        topic: Topic,
        word: Word,
        now: Option<&preference::Model>,
    ) -> Result<bool> {
        let new = preference::Model::new(self.change.team(), member, topic, word);
        if now.is_some_and(|now| (now.setting, &now.severities) == (new.setting, &new.severities)) {
            return Ok(false);
        }
        let before = now.map_or(Ok(Preference::default()), preference::Model::to_message)?;
        let new = new.by_link(&before, &self.id, self.change.now());
        preferences::put(self.change.connection(), new).await?;
        Ok(true)
    }

    async fn turn_back(
        &self,
        member: MemberId,
        topic: Topic,
        now: Option<&preference::Model>,
    ) -> Result<bool> {
        let (connection, team) = (self.change.connection(), self.change.team());
        let before = now.map(|now| now.before_link(&self.id, self.since)).transpose()?;
        let Some(before) = before.flatten() else {
            return Ok(false);
        };
        let word = Word::read(&Preference {
            topic: topic.to_string(),
            ..before
        });
        match word.map_err(|err| Error::corrupt("preferences", err))? {
            (_, None) => preferences::delete(connection, team, member, topic).await?,
            (_, Some(word)) => {
                preferences::put(connection, preference::Model::new(team, member, topic, word)).await?;
            }
        }
        Ok(true)
    }

    async fn of_channel(
        &self,
        id: ChannelId,
        address: &EmailAddress,
        asked: &Asked,
    ) -> Result<UnsubscribeResponse> {
        let (connection, team) = (self.change.connection(), self.change.team());
        let mut row = channel::Entity::get(connection, team, &id).await?;
        let mut message = row.to_message(self.change.now())?;
        let mut changed = false;
        if let Some(Destination::Email(email)) = &mut message.destination {
            let list = List::of_channel(team, id, row.version);
            changed = self
                .set_listed(&list, &mut email.recipients, address, asked)
                .await?;
        }
        if changed {
            let read = row.version;
            row.configure(&message, self.change.now());
            channels::update_if(connection, &row, read).await?;
        }
        Ok(UnsubscribeResponse {
            changed,
            ..UnsubscribeResponse::default()
        })
    }

    async fn of_digest(&self, address: &EmailAddress, asked: &Asked) -> Result<UnsubscribeResponse> {
        let (connection, team) = (self.change.connection(), self.change.team());
        let mut row = teams::settings(connection, team).await?;
        let mut digest: DigestSettings = row.digest()?;
        let list = List::of_digest(team, row.digest_version);
        let changed = self
            .set_listed(&list, &mut digest.recipients, address, asked)
            .await?;
        if changed {
            digest.etag = String::new();
            row.digest = digest.encode_to_vec();
            row.digest_version += 1;
            teams::put_settings(connection, row).await?;
        }
        Ok(UnsubscribeResponse {
            changed,
            topics: vec![Topic::WeeklyDigest.to_string()],
            ..UnsubscribeResponse::default()
        })
    }

    /// Whether the list had to change. Only what left by its own link comes back: configuration alone adds recipients.
    async fn set_listed(
        &self,
        list: &List,
        recipients: &mut Vec<String>,
        address: &EmailAddress,
        asked: &Asked,
    ) -> Result<bool> {
        let connection = self.change.connection();
        let is_it = |other: &String| other.eq_ignore_ascii_case(address.as_str());
        let listed = recipients.iter().any(is_it);
        if matches!(asked, Asked::Undo) {
            if listed || !list.has_left(connection, address, self.since).await? {
                return Ok(false);
            }
            list.returns(connection, address).await?;
            list.moves_on(connection).await?;
            recipients.push(address.as_str().to_owned());
        } else {
            if !listed {
                return Ok(false);
            }
            list.moves_on(connection).await?;
            list.leaves(connection, address, self.change.now()).await?;
            recipients.retain(|other| !is_it(other));
        }
        Ok(true)
    }
}

/// Preferences that ask for no more than is on now; every other is a violation.
fn within(words: Vec<(Topic, Option<Word>)>, now: &[Preference]) -> Result<Vec<(Topic, Word)>> {
    let mut violations = Violations::new();
    let mut fewer = Vec::new();
    for (index, (topic, word)) in words.into_iter().enumerate() {
        let current = now.iter().find(|now| now.topic == topic.as_str());
        let current = current.map_or(Ok((topic, None)), Word::read);
        let (_, current) = current.map_err(|err| Error::corrupt("preferences", err))?;
        match word {
            Some(word) if word.is_within(current.unwrap_or(Word::Off)) => fewer.push((topic, word)),
            _ => violations.add(
                format!("preferences[{index}]"),
                reason::NOT_ALLOWED,
                "asks for more than is on: sign in to turn emails on",
            ),
        }
    }
    Ok(violations.into_result(fewer)?)
}
