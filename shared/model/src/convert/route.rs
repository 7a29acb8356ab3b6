//! Routes and their reasons on the way out, and the steps of an explanation.

use crate::decision::{Outcome, Reason, Route, Step, Target};

use super::{FromWire as _, mention_message, timestamp};
use watchbell_contracts::{
    event::v1::{self as wire, route::Target as WireTarget},
    router::v1::{ExplanationStep, StepOutcome},
};

/// A route as a message.
#[must_use]
pub fn route_message(route: &Route) -> wire::Route {
    wire::Route {
        kind: route.target.kind().to_wire(),
        target: Some(target(&route.target)),
        reason: Some(reason_message(&route.reason)),
        mentions: route.mentions.iter().map(mention_message).collect(),
    }
}

fn target(target: &Target) -> WireTarget {
    match target {
        Target::Channel { id, .. } => WireTarget::Channel(wire::ChannelTarget {
            channel_id: id.to_string(),
        }),
        Target::Person {
            member_id,
            address,
            topic,
            channel,
        } => WireTarget::Person(wire::PersonTarget {
            member_id: member_id.to_string(),
            address: address.to_string(),
            topic: topic.to_string(),
            channel_id: channel.map(|id| id.to_string()).unwrap_or_default(),
        }),
        Target::Address { address, channel } => WireTarget::Address(wire::AddressTarget {
            address: address.to_string(),
            channel_id: channel.map(|id| id.to_string()).unwrap_or_default(),
        }),
        Target::Inbox => WireTarget::Inbox(wire::InboxTarget {}),
        Target::Receipts => WireTarget::Receipts(wire::ReceiptsTarget {}),
    }
}

/// A reason as a message.
#[must_use]
pub fn reason_message(reason: &Reason) -> wire::Reason {
    wire::Reason {
        code: reason.code().to_owned(),
        sentence: reason.to_string(),
        rule_id: reason.rule_id().map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// A step of an explanation as a message.
#[must_use]
pub fn step_message(step: &Step) -> ExplanationStep {
    let subject = step.subject.as_ref();
    ExplanationStep {
        stage: step.stage.to_string(),
        kind: step.kind.map(super::FromWire::to_wire).unwrap_or_default(),
        subject_id: subject.map(|subject| subject.id.clone()).unwrap_or_default(),
        subject_name: subject.map(|subject| subject.name.clone()).unwrap_or_default(),
        outcome: match step.outcome {
            Outcome::Routed => StepOutcome::Routed,
            Outcome::Silenced => StepOutcome::Silenced,
            Outcome::PassedOver => StepOutcome::PassedOver,
            Outcome::Rests => StepOutcome::Rests,
            Outcome::Held => StepOutcome::Held,
            Outcome::Parked => StepOutcome::Parked,
        }
        .into(),
        sentence: step.sentence.clone(),
        held_until: step.held_until.map(timestamp),
    }
}
