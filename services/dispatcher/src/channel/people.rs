//! Who of a team may be mailed, and about what. Routes are decided when an event is emitted, but mail may wait for long:
//! who is in the team, under which address, and what they want at the time of sending is what counts.

use std::collections::{HashMap, HashSet};

use watchbell_contracts::config::v1::{EmailDestination, ListOptOutsResponse};
use watchbell_model::catalog::RECEIPT;
use watchbell_model::ids::{ChannelId, MemberId};

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::route::{Route, Target};

/// A team's members, what they turned off, and who gets its receipts and its digest.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    members: HashMap<MemberId, Person>,
    /// As the team set them.
    receipts: Vec<String>,
    /// By key; empty: whichever members want it.
    digest: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Person {
    address: String,
    is_owner: bool,
    /// Topics.
    off: HashSet<String>,
}

/// Why mail is not to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Whom it was for has left, has another address or was taken off.
    Gone(String),
    /// The member turned the topic off. An email channel may want it all the same.
    OptedOut {
        message: String,
        wanted_by: Option<ChannelId>,
    },
}

// === impl People ===

impl People {
    /// As Config tells them.
    pub(crate) fn of(answer: ListOptOutsResponse) -> Self {
        let mut members = HashMap::new();
        for mailbox in answer.members {
            match mailbox.member_id.parse() {
                Ok(member) => {
                    let person = Person {
                        address: mailbox.email,
                        is_owner: mailbox.is_owner,
                        off: HashSet::new(),
                    };
                    members.insert(member, person);
                }
                Err(_) => tracing::warn!(member = mailbox.member_id, "a mailbox is of no member"),
            }
        }
        for opt_out in answer.opt_outs {
            let member = opt_out.member_id.parse().ok();
            if let Some(person) = member.and_then(|member: MemberId| members.get_mut(&member)) {
                person.off.extend(opt_out.topics);
            }
        }
        Self {
            members,
            receipts: answer.compliance_recipients,
            digest: answer
                .digest_recipients
                .iter()
                .map(|address| key(address))
                .collect(),
        }
    }

    /// Whether somebody is in the team.
    pub(crate) fn has(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// Who gets the team's receipts: its recipients, else its Owners.
    pub(crate) fn receipt_recipients(&self) -> Vec<String> {
        if !self.receipts.is_empty() {
            return self.receipts.clone();
        }
        let owners = self.members.values().filter(|person| person.is_owner);
        let mut owners: Vec<_> = owners.map(|owner| owner.address.clone()).collect();
        owners.sort_unstable();
        owners
    }

    /// Why a mail that goes by no channel is not to be sent any more, if it is not.
    pub(crate) fn refuse(&self, event: &AcceptedEvent, route: &Route) -> Option<Refusal> {
        let gone = |message: &str| Some(Refusal::Gone(message.to_owned()));
        match &route.target {
            Target::Person {
                member,
                address,
                topic,
                channel,
            } => {
                let Some(person) = self.members.get(member) else {
                    return gone("The member was removed from the team.");
                };
                if key(&person.address) != key(address) {
                    return gone("The member has another address now.");
                }
                // Without a topic it is a notice to Owners.
                if topic.is_empty() && !person.is_owner {
                    return gone("The member is no longer an Owner.");
                }
                if person.off.contains(topic) {
                    return Some(Refusal::OptedOut {
                        message: format!("The member turned emails on {topic} off."),
                        wanted_by: *channel,
                    });
                }
                let named = self.digest.is_empty() || self.digest.contains(&key(address));
                if event.email.is_some() && !named {
                    return gone("The address was taken off the digest's recipients.");
                }
                None
            }
            Target::Address {
                address,
                channel: None,
            } if &*event.event_type == RECEIPT => {
                let is_owner = |person: &Person| person.is_owner && key(&person.address) == key(address);
                let listed = self.receipts.iter().any(|other| key(other) == key(address));
                if listed || self.members.values().any(is_owner) {
                    return None;
                }
                gone("The address no longer gets the team's receipts.")
            }
            Target::Address {
                address,
                channel: None,
            } if event.email.is_some() && !self.digest.contains(&key(address)) => {
                gone("The address was taken off the digest's recipients.")
            }
            Target::Address { .. } | Target::Channel(_) | Target::Inbox | Target::Receipts => None,
        }
    }
}

/// Why a mail by an email channel is not to be sent any more, if it is not. A test of a channel without recipients goes
/// where it was asked to.
pub(crate) fn refuse_recipient(
    channel: &EmailDestination,
    event: &AcceptedEvent,
    route: &Route,
) -> Option<Refusal> {
    let Target::Address {
        address,
        channel: Some(_),
    } = &route.target
    else {
        return None;
    };
    if lists(channel, address) || (event.test && channel.recipients.is_empty()) {
        return None;
    }
    Some(Refusal::Gone(
        "The address was taken off the channel's recipients.".to_owned(),
    ))
}

/// Whether an email channel sends to an address.
pub(crate) fn lists(channel: &EmailDestination, address: &str) -> bool {
    channel.recipients.iter().any(|other| key(other) == key(address))
}

/// Mailboxes are compared without regard to case.
fn key(address: &str) -> String {
    address.to_ascii_lowercase()
}

// === impl Refusal ===

impl Refusal {
    /// For people.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Gone(message) | Self::OptedOut { message, .. } => message,
        }
    }
}
