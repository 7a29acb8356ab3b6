//! What comes of an event: who gets it and why, and everything that was asked on the way. Only the shapes; the deciding is the
//! Router's. Reasons are kept with each delivery, so their codes are stable and their sentences are for people.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use watchbell_contracts::router::v1::{ExplanationStep, StepOutcome};

use crate::convert::{FromWire, timestamp};
use crate::email::EmailAddress;
use crate::event::Event;
use crate::group::RouteGroup;
use crate::ids::{ChannelId, MemberId, RuleId};
use crate::mention::Mention;
use crate::pattern::EventPattern;
use crate::remind;
use crate::route::{self, TargetKey};
use crate::snapshot::TeamSnapshot;
use crate::vocabulary::{ChannelKind, Topic, vocabulary};

/// Who gets an event, and the way there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Who gets it; no target twice.
    pub routes: Vec<Route>,
    /// Everything that was asked, in order. Empty unless an explanation was asked for.
    pub steps: Vec<Step>,
    /// Expressions of filters that could not be evaluated, which counted as no match.
    pub failed_expressions: Vec<FailedExpression>,
}

/// How an event of a team with this configuration is decided: the Router's, which the binary hands to services that have
/// events of their own.
pub type Decide = fn(&TeamSnapshot, &Event) -> Decision;

/// An expression that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedExpression {
    /// Whose it is.
    pub owner: FilterOwner,
    /// Why, in words.
    pub error: String,
}

/// What has a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FilterOwner {
    /// A channel: a webhook's filter, or the triggers of a default channel.
    Channel(ChannelId),
    /// A rule.
    Rule(RuleId),
}

/// This event goes there, for this reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where.
    pub target: Target,
    /// Why.
    pub reason: Reason,
    /// Who is called by name. Slack and Teams only.
    pub mentions: Vec<Mention>,
    /// Whether it takes every event of an alert that is open, not only news.
    pub tells_repeats: bool,
    /// By which it is gathered with others into one message.
    pub group: Option<RouteGroup>,
    /// Reminders that go there while the event's alert is open.
    pub remind: Option<remind::Remind>,
    /// Who else is told when nobody acknowledges the event's alert; on one route of each rule.
    pub escalate: Option<Escalation>,
}

/// Who else is told of an alert that nobody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalation {
    /// How long after the event.
    pub after: Duration,
    /// To each channel.
    pub routes: Vec<Route>,
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A configured channel: Slack, Teams or a webhook.
    Channel {
        /// Which.
        id: ChannelId,
        /// Its kind.
        kind: ChannelKind,
    },
    /// A member, by email, who can turn the topic off.
    Person {
        /// Who.
        member_id: MemberId,
        /// The address at the time of the decision.
        address: EmailAddress,
        /// What the member asked for.
        topic: Topic,
        /// An email channel that a rule sends to as well and that lists the address: it counts when the member turns
        /// the topic off before the mail is sent.
        channel: Option<ChannelId>,
    },
    /// An address, by email: a recipient of an email channel, of receipts, of the digest, of a notice to Owners.
    Address {
        /// The address.
        address: EmailAddress,
        /// The email channel that it is a recipient of.
        channel: Option<ChannelId>,
    },
    /// The team's in-app inbox.
    Inbox,
    /// Whoever gets the team's receipts when it is sent, by email.
    Receipts,
}

/// Why a route was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A rule sends it there.
    RuleMatched {
        /// Which.
        rule_id: RuleId,
        /// Its name.
        name: String,
    },
    /// No rule decided it, and the catalog lets the event alert by default.
    DefaultChannel,
    /// No rule decided it, and the default channel's own triggers match.
    DefaultChannelTriggers,
    /// A webhook channel subscribes to it.
    Subscription {
        /// By this pattern.
        pattern: EventPattern,
    },
    /// A member wants the topic at this severity.
    Preference {
        /// The topic.
        topic: Topic,
        /// Whether it is the default and not the member's own word.
        by_default: bool,
    },
    /// A recipient that the team set for receipts.
    ReceiptRecipient,
    /// An Owner, since the team set no recipient for receipts.
    OwnerFallback,
    /// Nobody yet: the team has neither a recipient for receipts nor an Owner.
    ReceiptKept,
    /// The inbox shows whatever alerts by default.
    AlertsByDefault,
    /// A rule escalates to it.
    Escalation {
        /// Which.
        rule_id: RuleId,
        /// Its name.
        name: String,
    },
}

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub stage: Stage,
    /// The kind it concerns; all when absent.
    pub kind: Option<ChannelKind>,
    /// The rule, channel or member that was asked.
    pub subject: Option<StepSubject>,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, as one sentence.
    pub sentence: String,
    /// Of a hold: until when a delivery made now would wait.
    pub held_until: Option<DateTime<Utc>>,
}

/// Who was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSubject {
    /// The id, `rul_…`.
    pub id: String,
    /// The name for people; may be empty.
    pub name: String,
}

vocabulary! {
    /// What an explanation's step asked.
    Stage ("stage") {
        /// Whether it is a receipt, and whose.
        Receipt = "receipt",
        /// Whether the plan applies rules.
        Plan = "plan",
        /// A rule.
        Rule = "rule",
        /// The default channel of a kind.
        DefaultChannel = "default_channel",
        /// A webhook channel.
        Webhook = "webhook",
        /// A member's preference.
        Preference = "preference",
        /// The inbox.
        Inbox = "inbox",
        /// A channel's health or quiet hours.
        Hold = "hold",
        /// Who knows of the event's alert.
        Alert = "alert",
    }
}

vocabulary! {
    /// What came of an explanation's step.
    Outcome ("outcome") {
        /// It matched and routes.
        Routed = "ROUTED",
        /// It matched and keeps silent.
        Silenced = "SILENCED",
        /// It did not match.
        PassedOver = "PASSED_OVER",
        /// It is kept but does not apply, such as a rule on the FREE plan.
        Rests = "RESTS",
        /// It would be sent, but later.
        Held = "HELD",
        /// It would be kept and not tried: its channel is unhealthy.
        Parked = "PARKED",
        /// It would be counted and not sent: a repeat of an alert.
        Counted = "COUNTED",
    }
}

// === impl Target ===

impl Target {
    /// The kind of channel that carries it.
    #[must_use]
    pub const fn kind(&self) -> ChannelKind {
        match self {
            Self::Channel { kind, .. } => *kind,
            Self::Person { .. } | Self::Address { .. } | Self::Receipts => ChannelKind::Email,
            Self::Inbox => ChannelKind::InApp,
        }
    }

    /// The channel, if it is one.
    #[must_use]
    pub const fn channel_id(&self) -> Option<ChannelId> {
        match self {
            Self::Channel { id, .. } => Some(*id),
            Self::Address { channel, .. } => *channel,
            Self::Person { .. } | Self::Inbox | Self::Receipts => None,
        }
    }

    /// What the same target has in common; `None` when it is known only when it is sent.
    #[must_use]
    pub fn key(&self) -> Option<TargetKey> {
        Some(match self {
            Self::Channel { id, .. } => TargetKey::Channel(*id),
            Self::Person { address, .. } | Self::Address { address, .. } => TargetKey::Mailbox(address.key()),
            Self::Inbox => TargetKey::Inbox,
            Self::Receipts => return None,
        })
    }
}

// === impl Reason ===

impl Reason {
    /// The stable word for it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RuleMatched { .. } => "rule_matched",
            Self::DefaultChannel => "default_channel",
            Self::DefaultChannelTriggers => "default_channel_triggers",
            Self::Subscription { .. } => "subscription",
            Self::Preference { .. } => "preference",
            Self::ReceiptRecipient => "receipt_recipient",
            Self::OwnerFallback => "owner_fallback",
            Self::ReceiptKept => "receipt_kept",
            Self::AlertsByDefault => "alerts_by_default",
            Self::Escalation { .. } => route::ESCALATION,
        }
    }

    /// The rule that decided it, if one did.
    #[must_use]
    pub const fn rule_id(&self) -> Option<RuleId> {
        match self {
            Self::RuleMatched { rule_id, .. } | Self::Escalation { rule_id, .. } => Some(*rule_id),
            _ => None,
        }
    }
}

/// One sentence for people.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleMatched { name, .. } => write!(f, "The rule “{name}” sends it here."),
            Self::DefaultChannel => f.write_str(
                "No rule decided it, and it alerts by default, so it goes to the default channel.",
            ),
            Self::DefaultChannelTriggers => {
                f.write_str("No rule decided it, and the default channel's own triggers match.")
            }
            Self::Subscription { pattern } => write!(f, "The webhook subscribes to {pattern}."),
            Self::Preference {
                topic,
                by_default: true,
            } => {
                write!(
                    f,
                    "By default the member gets emails on {topic} at this severity."
                )
            }
            Self::Preference {
                topic,
                by_default: false,
            } => {
                write!(f, "The member asked for emails on {topic} at this severity.")
            }
            Self::ReceiptRecipient => f.write_str("It is a receipt, and this is a compliance recipient."),
            Self::OwnerFallback => f.write_str(
                "It is a receipt, and the team has set no compliance recipient, so it goes to the Owners.",
            ),
            Self::ReceiptKept => f.write_str(
                "It is a receipt, and the team has neither a compliance recipient nor an Owner: it is kept until there is one.",
            ),
            Self::AlertsByDefault => f.write_str("It alerts by default, so the inbox shows it."),
            Self::Escalation { name, .. } => write!(f, "The rule “{name}” escalates to it."),
        }
    }
}

// === conversions ===

impl From<&Route> for route::Route {
    fn from(route: &Route) -> Self {
        Self {
            kind: route.target.kind(),
            target: (&route.target).into(),
            reason: (&route.reason).into(),
            mentions: route.mentions.clone(),
            tells_repeats: route.tells_repeats,
            follows: None,
            group: route.group.clone(),
            remind: route.remind,
            escalate: route.escalate.as_ref().map(Into::into),
        }
    }
}

impl From<&Escalation> for route::Escalation {
    fn from(escalation: &Escalation) -> Self {
        Self {
            after: escalation.after,
            routes: escalation.routes.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Target> for route::Target {
    fn from(target: &Target) -> Self {
        match target {
            Target::Channel { id, .. } => Self::Channel(*id),
            Target::Person {
                member_id,
                address,
                topic,
                channel,
            } => Self::Person {
                member: *member_id,
                address: address.to_string(),
                topic: topic.to_string(),
                channel: *channel,
            },
            Target::Address { address, channel } => Self::Address {
                address: address.to_string(),
                channel: *channel,
            },
            Target::Inbox => Self::Inbox,
            Target::Receipts => Self::Receipts,
        }
    }
}

impl From<&Reason> for route::Reason {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code().into(),
            sentence: reason.to_string().into(),
            rule_id: reason.rule_id().map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl From<&Step> for ExplanationStep {
    fn from(step: &Step) -> Self {
        let subject = step.subject.as_ref();
        Self {
            stage: step.stage.to_string(),
            kind: step.kind.map(FromWire::to_wire).unwrap_or_default(),
            subject_id: subject.map(|subject| subject.id.clone()).unwrap_or_default(),
            subject_name: subject.map(|subject| subject.name.clone()).unwrap_or_default(),
            outcome: match step.outcome {
                Outcome::Routed => StepOutcome::Routed,
                Outcome::Silenced => StepOutcome::Silenced,
                Outcome::PassedOver => StepOutcome::PassedOver,
                Outcome::Rests => StepOutcome::Rests,
                Outcome::Held => StepOutcome::Held,
                Outcome::Parked => StepOutcome::Parked,
                Outcome::Counted => StepOutcome::Counted,
            }
            .into(),
            sentence: step.sentence.clone(),
            held_until: step.held_until.map(timestamp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::noon;

    fn reasons() -> Vec<Reason> {
        vec![
            Reason::RuleMatched {
                rule_id: RuleId::generate(noon()),
                name: "Critical".to_owned(),
            },
            Reason::DefaultChannel,
            Reason::DefaultChannelTriggers,
            Reason::Subscription {
                pattern: "finding.*".parse().unwrap(),
            },
            Reason::Preference {
                topic: Topic::Sla,
                by_default: true,
            },
            Reason::Preference {
                topic: Topic::Sla,
                by_default: false,
            },
            Reason::ReceiptRecipient,
            Reason::OwnerFallback,
            Reason::AlertsByDefault,
            Reason::Escalation {
                rule_id: RuleId::generate(noon()),
                name: "Critical".to_owned(),
            },
        ]
    }

    #[test]
    fn a_reason_is_a_sentence() {
        for reason in reasons() {
            let sentence = reason.to_string();
            assert!(
                sentence.ends_with('.') && sentence.starts_with(char::is_uppercase),
                "{sentence}"
            );
        }
    }

    #[test]
    fn stages_and_outcomes_are_the_words_of_the_contract() {
        assert_eq!(Stage::DefaultChannel.to_string(), "default_channel");
        assert_eq!(Outcome::PassedOver.to_string(), "PASSED_OVER");
    }
}
