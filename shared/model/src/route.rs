//! A route: who gets an event, by what kind of channel, and why. The Router decides it, the Dispatcher keeps it as JSON
//! beside the event and each delivery, and what came in by `Submit` goes out unchanged by `GetDelivery`.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watchbell_contracts::event::v1 as wire;

use crate::convert::{FromWire as _, duration, required};
use crate::group::RouteGroup;
use crate::ids::{ChannelId, DeliveryId, MemberId};
use crate::mention::Mention;
use crate::remind::{MAX_ESCALATION_CHANNELS, Remind, after, microseconds};
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

/// This event goes to this channel or person, for this reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The kind of channel that carries it.
    #[serde(rename = "k")]
    pub kind: ChannelKind,
    /// Who gets it.
    #[serde(rename = "t")]
    pub target: Target,
    /// Why.
    #[serde(rename = "r", default)]
    pub reason: Reason,
    /// Who is called by name in a chat message.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
    /// Whether it takes every event of an alert that is open, not only news.
    #[serde(rename = "n", default, skip_serializing_if = "std::ops::Not::not")]
    pub tells_repeats: bool,
    /// Of the end of an alert: the delivery of its beginning to the same target, without which it is not sent.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<DeliveryId>,
    /// By which it is gathered with others into one message.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub group: Option<RouteGroup>,
    /// Reminders that go there while the event's alert is open.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Remind>,
    /// Who else is told when nobody acknowledges the event's alert; on one route of each rule.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
}

/// An escalation as the Router settled it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// How long after the event.
    #[serde(rename = "a", with = "microseconds")]
    pub after: Duration,
    /// One for each channel, also of email: who its recipients are is asked when it is due.
    #[serde(rename = "r")]
    pub routes: Vec<Route>,
}

/// Who gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A configured channel.
    Channel(ChannelId),
    /// A member, by email.
    Person {
        /// Who.
        member: MemberId,
        /// The address at the time of the decision.
        address: String,
        /// What the member can turn off.
        topic: String,
        /// An email channel that wants it as well, whatever the member says of the topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<ChannelId>,
    },
    /// An address, by email.
    Address {
        /// The address.
        address: String,
        /// The email channel that it is a recipient of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<ChannelId>,
    },
    /// The team's inbox.
    Inbox,
    /// Whoever gets the team's receipts when it is sent, by email.
    Receipts,
}

/// Where a target is: the same for a member's mailbox, whichever way leads there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TargetKey {
    /// A configured channel.
    Channel(ChannelId),
    /// An address, by [`EmailAddress::key`](crate::email::EmailAddress::key).
    Mailbox(String),
    /// The team's inbox.
    Inbox,
}

/// Why a route was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word.
    #[serde(rename = "c")]
    pub code: Cow<'static, str>,
    /// The same as one sentence.
    #[serde(rename = "s")]
    pub sentence: Cow<'static, str>,
    /// `rul_…`, or empty.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub rule_id: String,
}

/// The reason's word for the end of an alert whose beginning was told there.
pub const FOLLOWS_ALERT: &str = "follows_alert";
/// The reason's word for the one message of what a rule has gathered.
pub const GROUP: &str = "group";
/// The reason's word for a reminder of an alert that is still open.
pub const REMINDER: &str = "reminder";
/// The reason's word for what is told because nobody acknowledged an alert.
pub const ESCALATION: &str = "escalation";
/// The reason's word for mail to the operator.
pub const OPERATOR: &str = "operator";
/// The reason's word for mail that asks a recipient to confirm.
pub const RECIPIENT_CONFIRMATION: &str = "recipient_confirmation";

// === impl TargetKey ===

impl TargetKey {
    /// Where a target is; `None` when that is known only when it is sent.
    #[must_use]
    pub fn of(target: &Target) -> Option<Self> {
        Some(match target {
            Target::Channel(id) => Self::Channel(*id),
            Target::Person { address, .. } | Target::Address { address, .. } => {
                Self::Mailbox(address.to_ascii_lowercase())
            }
            Target::Inbox => Self::Inbox,
            Target::Receipts => return None,
        })
    }
}

// === impl Reason ===

impl Reason {
    /// A reason that no rule gave.
    #[must_use]
    pub fn new(code: &'static str, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: code.into(),
            sentence: sentence.into(),
            rule_id: String::new(),
        }
    }
}

// === impl Route ===

impl Route {
    /// A route that calls nobody by name.
    #[must_use]
    pub const fn new(kind: ChannelKind, target: Target, reason: Reason) -> Self {
        Self {
            kind,
            target,
            reason,
            mentions: Vec::new(),
            tells_repeats: false,
            follows: None,
            group: None,
            remind: None,
            escalate: None,
        }
    }

    /// The channel, when it is one.
    #[must_use]
    pub fn channel_id(&self) -> Option<ChannelId> {
        match self.target {
            Target::Channel(id) => Some(id),
            Target::Address { channel, .. } => channel,
            Target::Person { .. } | Target::Inbox | Target::Receipts => None,
        }
    }

    /// The same for all that is gathered into one message with it; nothing when it comes by itself.
    #[must_use]
    pub fn gathers_as(&self) -> Option<Uuid> {
        let group = self.group.as_ref()?;
        Some(group.at(&match TargetKey::of(&self.target)? {
            TargetKey::Channel(id) => id.to_string(),
            TargetKey::Mailbox(address) => address,
            TargetKey::Inbox => String::new(),
        }))
    }

    /// Whether it is one of Watchbell's own notices: to Owners, who cannot turn it off, or to the operator.
    #[must_use]
    pub fn is_notice(&self) -> bool {
        match &self.target {
            Target::Person { topic, .. } => topic.is_empty(),
            _ => self.reason.code == OPERATOR,
        }
    }

    /// Whether it tells of an alert only because that is still open and nobody has acknowledged it.
    #[must_use]
    pub fn is_of_open_alert(&self) -> bool {
        [REMINDER, ESCALATION].contains(&&*self.reason.code)
    }

    /// Whether it asks a recipient to confirm.
    #[must_use]
    pub fn is_confirmation(&self) -> bool {
        self.reason.code == RECIPIENT_CONFIRMATION
    }

    /// Whether it goes by the platform's mail server even if the team has its own: notices, which may be about the team's
    /// server, and confirmations, which the team must not read.
    #[must_use]
    pub fn is_the_platforms(&self) -> bool {
        self.is_notice() || self.is_confirmation()
    }
}

impl TryFrom<wire::Route> for Route {
    type Error = Violations;

    /// Reads a route that another service has settled: only what must be parsed is looked at.
    fn try_from(route: wire::Route) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let kind = required::<ChannelKind>(route.kind, "kind", &mut violations);
        let target = match route.target {
            Some(target) => violations.take_under("target", target.try_into()),
            None => {
                violations.required("target");
                None
            }
        };
        let mentions = violations.take_each("mentions", &route.mentions, Mention::try_from);
        let group = route.group.map(RouteGroup::try_from).transpose();
        let group = violations.take_under("group", group).flatten();
        let remind = route.remind.as_ref().map(Remind::try_from);
        let remind = remind.and_then(|read| violations.take_under("remind", read));
        let escalate = route.escalate.map(Escalation::try_from);
        let escalate = escalate.and_then(|read| violations.take_under("escalate", read));
        let reason = route.reason.unwrap_or_default();
        match (kind, target) {
            (Some(kind), Some(target)) if violations.is_empty() => Ok(Self {
                kind,
                target,
                reason: Reason {
                    code: reason.code.into(),
                    sentence: reason.sentence.into(),
                    rule_id: reason.rule_id,
                },
                mentions,
                tells_repeats: route.tells_repeats,
                follows: None,
                group,
                remind,
                escalate,
            }),
            _ => Err(violations),
        }
    }
}

// === impl Escalation ===

impl TryFrom<wire::Escalation> for Escalation {
    type Error = Violations;

    /// Reads what another service has settled. A route of it has neither reminders nor an escalation of its own.
    fn try_from(message: wire::Escalation) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let after = after(message.after.as_ref(), &mut violations);
        violations.limit_entries("routes", message.routes.len(), MAX_ESCALATION_CHANNELS);
        let mut routes = Vec::new();
        for (index, route) in message
            .routes
            .into_iter()
            .take(MAX_ESCALATION_CHANNELS)
            .enumerate()
        {
            let route = wire::Route {
                remind: None,
                escalate: None,
                ..route
            };
            routes.extend(violations.take_under(&format!("routes[{index}]"), Route::try_from(route)));
        }
        match after {
            Some(after) if violations.is_empty() => Ok(Self { after, routes }),
            _ => Err(violations),
        }
    }
}

impl From<&Escalation> for wire::Escalation {
    fn from(escalation: &Escalation) -> Self {
        Self {
            after: Some(duration(escalation.after)),
            routes: escalation.routes.iter().map(Into::into).collect(),
        }
    }
}

// === impl Target ===

impl TryFrom<wire::route::Target> for Target {
    type Error = Violations;

    fn try_from(target: wire::route::Target) -> Result<Self, Violations> {
        use wire::route::Target as Wire;
        let mut violations = Violations::new();
        let target = match target {
            Wire::Channel(channel) => violations
                .parse("channel.channel_id", reason::MALFORMED, &channel.channel_id)
                .map(Self::Channel),
            Wire::Person(person) => {
                let member = violations.parse("person.member_id", reason::MALFORMED, &person.member_id);
                let channel = violations.take(optional_channel("person.channel_id", &person.channel_id));
                member.zip(channel).map(|(member, channel)| Self::Person {
                    member,
                    address: person.address,
                    topic: person.topic,
                    channel,
                })
            }
            Wire::Address(target) => violations
                .take(optional_channel("address.channel_id", &target.channel_id))
                .map(|channel| Self::Address {
                    address: target.address,
                    channel,
                }),
            Wire::Inbox(_) => Some(Self::Inbox),
            Wire::Receipts(_) => Some(Self::Receipts),
        };
        target.ok_or(violations)
    }
}

fn optional_channel(field: &str, text: &str) -> Result<Option<ChannelId>, Violations> {
    let mut violations = Violations::new();
    let channel = match text {
        "" => None,
        id => violations.parse(field, reason::MALFORMED, id),
    };
    violations.into_result(channel)
}

impl From<&Route> for wire::Route {
    fn from(route: &Route) -> Self {
        use wire::route::Target as Wire;
        let target = match &route.target {
            Target::Channel(id) => Wire::Channel(wire::ChannelTarget {
                channel_id: id.to_string(),
            }),
            Target::Person {
                member,
                address,
                topic,
                channel,
            } => Wire::Person(wire::PersonTarget {
                member_id: member.to_string(),
                address: address.clone(),
                topic: topic.clone(),
                channel_id: channel.map(|id| id.to_string()).unwrap_or_default(),
            }),
            Target::Address { address, channel } => Wire::Address(wire::AddressTarget {
                address: address.clone(),
                channel_id: channel.map(|id| id.to_string()).unwrap_or_default(),
            }),
            Target::Inbox => Wire::Inbox(wire::InboxTarget {}),
            Target::Receipts => Wire::Receipts(wire::ReceiptsTarget {}),
        };
        Self {
            kind: route.kind.to_wire(),
            target: Some(target),
            reason: Some(wire::Reason {
                code: route.reason.code.to_string(),
                sentence: route.reason.sentence.to_string(),
                rule_id: route.reason.rule_id.clone(),
            }),
            mentions: route.mentions.iter().map(Into::into).collect(),
            tells_repeats: route.tells_repeats,
            group: route.group.as_ref().map(Into::into),
            remind: route.remind.as_ref().map(Into::into),
            escalate: route.escalate.as_ref().map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_comes_back_as_it_came_from_the_wire_and_from_json() {
        let now = chrono::DateTime::UNIX_EPOCH;
        let routes = [
            Route {
                kind: ChannelKind::Slack,
                target: Target::Channel(ChannelId::generate(now)),
                reason: Reason {
                    code: "rule_matched".into(),
                    sentence: "A rule.".into(),
                    rule_id: "rul_1".into(),
                },
                mentions: vec![Mention::Here, Mention::SlackUser("U012AB3CD".parse().unwrap())],
                tells_repeats: true,
                follows: None,
                group: Some(crate::group::tests::group()),
                remind: Some(Remind {
                    every: Duration::from_secs(300),
                    at_most: 5,
                }),
                escalate: Some(Escalation {
                    after: Duration::from_secs(60),
                    routes: vec![Route::new(ChannelKind::InApp, Target::Inbox, Reason::default())],
                }),
            },
            Route {
                kind: ChannelKind::Email,
                target: Target::Person {
                    member: MemberId::generate(now),
                    address: "a@example.com".into(),
                    topic: "findings".into(),
                    channel: Some(ChannelId::generate(now)),
                },
                reason: Reason::default(),
                mentions: vec![],
                tells_repeats: false,
                follows: None,
                group: None,
                remind: None,
                escalate: None,
            },
            Route {
                kind: ChannelKind::InApp,
                target: Target::Inbox,
                reason: Reason::default(),
                mentions: vec![],
                tells_repeats: false,
                follows: None,
                group: None,
                remind: None,
                escalate: None,
            },
            Route {
                kind: ChannelKind::Email,
                target: Target::Receipts,
                reason: Reason::default(),
                mentions: vec![],
                tells_repeats: false,
                follows: None,
                group: None,
                remind: None,
                escalate: None,
            },
        ];
        for route in routes {
            assert_eq!(Route::try_from(wire::Route::from(&route)).unwrap(), route);
            let json = serde_json::to_string(&route).unwrap();
            assert_eq!(serde_json::from_str::<Route>(&json).unwrap(), route);
        }
    }
}
