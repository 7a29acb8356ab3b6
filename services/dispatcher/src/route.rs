//! A route as the Dispatcher stores it: the target, the kind of channel, and the reason. It is JSON beside the event
//! and each delivery; `GetDelivery` returns it as `Submit` received it.

use serde::{Deserialize, Serialize};
use watchbell_contracts::event::v1 as wire;
use watchbell_model::ChannelKind;
use watchbell_model::convert::FromWire;
use watchbell_model::ids::{ChannelId, MemberId, TeamId};
use watchbell_model::violation::{Violations, reason};

use crate::lanes::LaneId;

/// This event goes to this channel or person, for this reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Route {
    /// The kind of channel that carries it.
    #[serde(rename = "k")]
    pub(crate) kind: ChannelKind,
    /// The target.
    #[serde(rename = "t")]
    pub(crate) target: Target,
    /// The reason.
    #[serde(rename = "r", default)]
    pub(crate) reason: Reason,
    /// People and groups mentioned in a chat message.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentions: Vec<Mention>,
}

/// Target of a route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// A configured channel.
    Channel(ChannelId),
    /// A member, by email.
    Person {
        /// The member.
        member: MemberId,
        /// The address at the time of the decision.
        address: String,
        /// The topic that the member can turn off; empty for notices.
        topic: String,
        /// An email channel that lists the same address, and still gets the event when the member has turned the
        /// topic off.
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
    /// The team's receipt recipients at the time of sending, by email.
    Receipts,
}

/// Why a route was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reason {
    /// A stable code.
    #[serde(rename = "c")]
    pub(crate) code: String,
    /// The reason as one sentence.
    #[serde(rename = "s")]
    pub(crate) sentence: String,
    /// `rul_…`, or empty.
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    pub(crate) rule_id: String,
}

/// A mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mention {
    /// `U…` or `W…`
    SlackUser(String),
    /// `S…`
    SlackGroup(String),
    /// `@here`
    Here,
    /// A Teams user.
    TeamsUser {
        /// Microsoft Entra object id or user principal name.
        id: String,
        /// The displayed name.
        name: String,
    },
}

/// The reason's word for mail to the operator.
pub(crate) const OPERATOR: &str = "operator";
/// The reason's word for mail that asks a recipient to confirm.
const CONFIRMATION: &str = "recipient_confirmation";

// === impl Route ===

impl Route {
    /// The channel, when it is one.
    pub(crate) fn channel_id(&self) -> Option<ChannelId> {
        match self.target {
            Target::Channel(id) => Some(id),
            Target::Address { channel, .. } => channel,
            Target::Person { .. } | Target::Inbox | Target::Receipts => None,
        }
    }

    /// Whether it is a notice of Watchbell's own: to Owners, who cannot turn it off, or to the operator.
    pub(crate) fn is_notice(&self) -> bool {
        match &self.target {
            Target::Person { topic, .. } => topic.is_empty(),
            _ => self.reason.code == OPERATOR,
        }
    }

    /// Whether it asks a recipient to confirm.
    pub(crate) fn is_confirmation(&self) -> bool {
        self.reason.code == CONFIRMATION
    }

    /// Whether it goes by the platform's mail server whatever the team's is: notices, and what the team must not read.
    pub(crate) fn is_the_platforms(&self) -> bool {
        self.is_notice() || self.is_confirmation()
    }

    /// The lane it goes by: its channel's, or the team's own for mail to people. The inbox has none.
    pub(crate) fn lane(&self, team: TeamId) -> Option<LaneId> {
        if self.kind == ChannelKind::InApp {
            return None;
        }
        Some(LaneId(
            self.channel_id().map_or(team.as_uuid(), |id| id.as_uuid()),
        ))
    }

    /// Reads a route; violations are named by fields under `route`.
    pub(crate) fn parse(route: wire::Route) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let kind = watchbell_model::convert::required::<ChannelKind>(route.kind, "kind", &mut violations);
        let target = violations.take(parse_target(route.target));
        let mentions = route.mentions.into_iter().filter_map(parse_mention).collect();
        let (Some(kind), Some(target)) = (kind, target) else {
            return Err(violations);
        };
        let fits = match target {
            Target::Channel(_) => true,
            Target::Person { .. } | Target::Address { .. } | Target::Receipts => kind == ChannelKind::Email,
            Target::Inbox => kind == ChannelKind::InApp,
        };
        if !fits {
            violations.add(
                "target",
                reason::NOT_ALLOWED,
                "does not match the kind of channel",
            );
        }
        let reason = route.reason.unwrap_or_default();
        violations.into_result(Self {
            kind,
            target,
            reason: Reason {
                code: reason.code,
                sentence: reason.sentence,
                rule_id: reason.rule_id,
            },
            mentions,
        })
    }
}

fn parse_target(target: Option<wire::route::Target>) -> Result<Target, Violations> {
    use wire::route::Target as Wire;
    let mut violations = Violations::new();
    let target = match target {
        Some(Wire::Channel(channel)) => violations
            .parse(
                "target.channel.channel_id",
                reason::MALFORMED,
                &channel.channel_id,
            )
            .map(Target::Channel),
        Some(Wire::Person(person)) => {
            let member = violations.parse("target.person.member_id", reason::MALFORMED, &person.member_id);
            let channel = violations.take(optional_channel("target.person.channel_id", &person.channel_id));
            member.zip(channel).map(|(member, channel)| Target::Person {
                member,
                address: person.address,
                topic: person.topic,
                channel,
            })
        }
        Some(Wire::Address(target)) => violations
            .take(optional_channel("target.address.channel_id", &target.channel_id))
            .map(|channel| Target::Address {
                address: target.address,
                channel,
            }),
        Some(Wire::Inbox(_)) => Some(Target::Inbox),
        Some(Wire::Receipts(_)) => Some(Target::Receipts),
        None => {
            violations.required("target");
            None
        }
    };
    target.ok_or(violations)
}

fn optional_channel(field: &str, text: &str) -> Result<Option<ChannelId>, Violations> {
    let mut violations = Violations::new();
    let channel = match text {
        "" => None,
        id => violations.parse(field, reason::MALFORMED, id),
    };
    violations.into_result(channel)
}

fn parse_mention(mention: wire::Mention) -> Option<Mention> {
    use wire::mention::Who;
    Some(match mention.who? {
        Who::SlackUser(id) => Mention::SlackUser(id),
        Who::SlackGroup(id) => Mention::SlackGroup(id),
        Who::Here(_) => Mention::Here,
        Who::TeamsUser(user) => Mention::TeamsUser {
            id: user.id,
            name: user.name,
        },
        // A decision names the Slack user.
        Who::MemberId(_) => return None,
    })
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
                code: route.reason.code.clone(),
                sentence: route.reason.sentence.clone(),
                rule_id: route.reason.rule_id.clone(),
            }),
            mentions: route.mentions.iter().map(wire::Mention::from).collect(),
        }
    }
}

impl From<&Mention> for wire::Mention {
    fn from(mention: &Mention) -> Self {
        use wire::mention::Who;
        let who = match mention {
            Mention::SlackUser(id) => Who::SlackUser(id.clone()),
            Mention::SlackGroup(id) => Who::SlackGroup(id.clone()),
            Mention::Here => Who::Here(true),
            Mention::TeamsUser { id, name } => Who::TeamsUser(wire::TeamsUser {
                id: id.clone(),
                name: name.clone(),
            }),
        };
        Self { who: Some(who) }
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
                mentions: vec![Mention::Here, Mention::SlackUser("U1".into())],
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
            },
            Route {
                kind: ChannelKind::InApp,
                target: Target::Inbox,
                reason: Reason::default(),
                mentions: vec![],
            },
            Route {
                kind: ChannelKind::Email,
                target: Target::Receipts,
                reason: Reason::default(),
                mentions: vec![],
            },
        ];
        for route in routes {
            assert_eq!(Route::parse(wire::Route::from(&route)).unwrap(), route);
            let json = serde_json::to_string(&route).unwrap();
            assert_eq!(serde_json::from_str::<Route>(&json).unwrap(), route);
        }
    }

    #[test]
    fn a_person_cannot_be_reached_by_a_webhook() {
        let route = wire::Route {
            kind: ChannelKind::Webhook.to_wire(),
            target: Some(wire::route::Target::Address(wire::AddressTarget {
                address: "a@example.com".into(),
                channel_id: String::new(),
            })),
            ..Default::default()
        };
        assert_eq!(
            Route::parse(route).unwrap_err().iter().next().unwrap().field,
            "target"
        );
    }
}
