//! Members and recipients of a team. Routes are decided when an event is emitted, but mail may wait for long:
//! membership, address and preferences at the time of sending decide.

use std::collections::{HashMap, HashSet};

use watchbell_contracts::config::v1::{EmailDestination, ListOptOutsResponse};
use watchbell_model::catalog::RECEIPT;
use watchbell_model::ids::{ChannelId, MemberId};

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::route::{Route, Target};

/// A team's members with their opt-outs, its receipt recipients and its digest recipients.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    members: HashMap<MemberId, Person>,
    /// As the team set them.
    receipts: Vec<String>,
    /// By key; empty: whichever members want it.
    digest: HashSet<String>,
    /// Recipients who have not confirmed, by key.
    unconfirmed: HashSet<String>,
    /// Who may be mailed without having been asked, where recipients confirm.
    trusted: Option<Trusted>,
}

/// Addresses that may be mailed without having been asked.
#[derive(Debug, Clone, Default)]
struct Trusted {
    domains: HashSet<String>,
    /// By key.
    confirmed: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Person {
    address: String,
    is_owner: bool,
    /// Topics turned off.
    off: HashSet<String>,
}

/// Why mail is not to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Whom it was for has left, has another address or was taken off.
    Gone(String),
    /// The member turned the topic off. An email channel may still want it.
    OptedOut {
        message: String,
        wanted_by: Option<ChannelId>,
    },
}

// === impl People ===

impl People {
    /// From Config's answer.
    pub(crate) fn from_response(answer: ListOptOutsResponse) -> Self {
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
                Err(_) => tracing::warn!(member = mailbox.member_id, "a mailbox belongs to no member"),
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
            digest: keys(&answer.digest_recipients),
            unconfirmed: keys(&answer.unconfirmed_recipients),
            trusted: answer.confirms_recipients.then(|| Trusted {
                domains: keys(&answer.member_domains),
                confirmed: keys(&answer.confirmed_recipients),
            }),
        }
    }

    /// Whether a member is in the team.
    pub(crate) fn has(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// The address of a member.
    pub(crate) fn address(&self, member: MemberId) -> Option<&str> {
        self.members.get(&member).map(|person| person.address.as_str())
    }

    /// Whether an address may get a test by the platform's server: one of the team's own, or one that has confirmed.
    pub(crate) fn trusts(&self, address: &str) -> bool {
        let key = key(address);
        let domain = key.rsplit('@').next().unwrap_or_default();
        let is_member = || {
            self.members
                .values()
                .any(|person| self::key(&person.address) == key)
        };
        self.trusted.as_ref().is_none_or(|trusted| {
            trusted.domains.contains(domain) || trusted.confirmed.contains(&key) || is_member()
        })
    }

    /// Recipients of the team's receipts: those configured, else its Owners.
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
        if let Target::Address { address, .. } = &route.target {
            let unconfirmed = self.unconfirmed.contains(&key(address));
            if route.is_confirmation() {
                return if unconfirmed {
                    None
                } else {
                    gone("Nobody waits for the address to confirm any more.")
                };
            }
            if unconfirmed {
                return gone(UNCONFIRMED);
            }
        }
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
                    return gone("The member's address has changed.");
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
                    return gone("The address was removed from the digest's recipients.");
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
                gone("The address is no longer a recipient of the team's receipts.")
            }
            Target::Address {
                address,
                channel: None,
            } if event.email.is_some() && !self.digest.contains(&key(address)) => {
                gone("The address was removed from the digest's recipients.")
            }
            Target::Address { .. } | Target::Channel(_) | Target::Inbox | Target::Receipts => None,
        }
    }
}

/// Why mail of an email channel must not be sent any more, if so. A test of a channel without recipients goes to the
/// requested address.
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
    let mut unconfirmed = channel.unconfirmed_recipients.iter();
    if unconfirmed.any(|recipient| key(&recipient.address) == key(address)) {
        return Some(Refusal::Gone(UNCONFIRMED.to_owned()));
    }
    if lists(channel, address) || (event.test && channel.recipients.is_empty()) {
        return None;
    }
    Some(Refusal::Gone(
        "The address was removed from the channel's recipients.".to_owned(),
    ))
}

/// What is said of a recipient who was asked and has not answered.
const UNCONFIRMED: &str = "The address has not confirmed yet that it wants these emails.";

/// Whether an email channel sends to an address.
pub(crate) fn lists(channel: &EmailDestination, address: &str) -> bool {
    channel.recipients.iter().any(|other| key(other) == key(address))
}

fn keys(addresses: &[String]) -> HashSet<String> {
    addresses.iter().map(|address| key(address)).collect()
}

/// Mailboxes are compared without regard to case.
fn key(address: &str) -> String {
    address.to_ascii_lowercase()
}

// === impl Refusal ===

impl Refusal {
    /// Explanation for users.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Gone(message) | Self::OptedOut { message, .. } => message,
        }
    }
}
