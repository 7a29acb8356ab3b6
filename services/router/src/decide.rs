//! Routing decision. One pure function of the team's snapshot and the event: no clock, no I/O, so that the same input
//! gives the same decision everywhere.
//!
//! The order: a receipt goes by email and nowhere else. For Slack and Teams, separately, rules are evaluated in
//! order, and the first that names a channel of the kind decides, unless it says `continue`; without one, the kind's
//! default channel decides. A rule says nothing about a kind when it names none of its channels, or only paused ones.
//! The default email channel is used when no rule sends the event to an email channel. Then come webhooks, members'
//! email preferences and the inbox, which rules do not silence.

mod chat;
mod open_alert;
mod people;
mod trace;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use watchbell_model::alert::Repeat;
use watchbell_model::catalog::EventTypeSpec;
use watchbell_model::decision::{
    Decision, FailedExpression, FilterOwner, Outcome, Reason, Route, Stage, Target,
};
use watchbell_model::email::EmailAddress;
use watchbell_model::event::Event;
use watchbell_model::expression::Facts;
use watchbell_model::filter::{Filter, Match, Mismatch};
use watchbell_model::ids::ChannelId;
use watchbell_model::rule::RuleAction;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::ChannelKind;

use open_alert::Wanted;
use trace::{About, Trace};

/// Who gets the event.
#[must_use]
pub fn decide(snapshot: &TeamSnapshot, event: &Event) -> Decision {
    decide_with(snapshot, event, Trace::off())
}

/// The same, with every step of the way.
#[must_use]
pub(crate) fn decide_and_explain(snapshot: &TeamSnapshot, event: &Event) -> Decision {
    decide_with(snapshot, event, Trace::on())
}

fn decide_with(snapshot: &TeamSnapshot, event: &Event, trace: Trace) -> Decision {
    let mut deciding = Deciding {
        snapshot,
        event,
        facts: Facts::of(event),
        spec: snapshot.catalog.lookup(&event.event_type),
        routes: Vec::new(),
        shared: HashSet::new(),
        mailed: HashSet::new(),
        wanted_as_well: HashMap::new(),
        failed_expressions: Vec::new(),
        trace,
    };
    if deciding.spec.is_some_and(EventTypeSpec::is_receipt) {
        deciding.receipt();
    } else {
        let ruled = deciding.rules();
        deciding.default_channels(&ruled);
        deciding.webhooks();
        deciding.people();
        deciding.inbox();
    }
    Decision {
        routes: deciding.routes,
        steps: deciding.trace.into_steps(),
        failed_expressions: deciding.failed_expressions,
    }
}

/// Why the event does not alert by default.
fn no_alert(event: &Event) -> String {
    format!(
        "{} does not alert by default at {}.",
        event.event_type, event.severity
    )
}

/// Why a recipient gets nothing.
fn unconfirmed(address: &EmailAddress) -> String {
    format!("{address} was asked to confirm, and gets nothing until then.")
}

/// A decision under way.
struct Deciding<'a> {
    snapshot: &'a TeamSnapshot,
    event: &'a Event,
    facts: Facts<'a>,
    /// The event's type; absent only when it was deleted since the event was parsed.
    spec: Option<&'a EventTypeSpec>,
    routes: Vec<Route>,
    /// Those targets of the routes that can be reached in more than one way.
    shared: HashSet<Target>,
    /// Mailboxes that get the event already, by [`EmailAddress::key`], so that no recipient gets it twice.
    mailed: HashSet<String>,
    /// The email channels that want it for mailboxes of members who asked for it themselves, by the same key, and what their rules
    /// want besides.
    wanted_as_well: HashMap<String, (ChannelId, Wanted)>,
    failed_expressions: Vec<FailedExpression>,
    trace: Trace,
}

// === impl Deciding ===

impl Deciding<'_> {
    /// A route to what other rules, too, may send to. No target gets an event twice; the first reason stays.
    fn route(&mut self, target: Target, reason: Reason, wanted: &mut Wanted) {
        let is_new = match &target {
            Target::Address { address, .. } => self.mailed.insert(address.key()),
            _ => self.shared.insert(target.clone()),
        };
        if is_new {
            let mentions = self.mentions(target.kind());
            let Wanted { remind, escalate, .. } = wanted.take();
            self.routes.push(Route {
                target,
                reason,
                mentions,
                tells_repeats: wanted.repeat == Repeat::Notify || self.type_tells_repeats(),
                remind,
                escalate,
                group: None,
            });
        }
    }

    /// A route to what only its own subscription or preference leads to, so that there is nothing to compare it with.
    /// Of these an event can have hundreds.
    fn route_alone(&mut self, target: Target, reason: Reason) {
        self.route_wanted_as_well(target, reason, Wanted::default());
    }

    /// Such a route to a mailbox that a rule wants, too.
    fn route_wanted_as_well(&mut self, target: Target, reason: Reason, wanted: Wanted) {
        self.routes.push(Route {
            target,
            reason,
            mentions: Vec::new(),
            tells_repeats: self.type_tells_repeats(),
            group: None,
            remind: wanted.remind,
            escalate: wanted.escalate,
        });
    }

    /// Whether the event's type wants its repeats to be told.
    fn type_tells_repeats(&self) -> bool {
        let alert = self.spec.and_then(|spec| spec.alert.as_ref());
        alert.is_some_and(|alert| alert.repeat == Repeat::Notify)
    }

    /// What a filter says of the event. An expression that fails is noted.
    fn ask(&mut self, filter: &Filter, owner: FilterOwner) -> Match {
        if self.is_operational() && filter.naming_pattern(self.event).is_none() {
            return Match::No(Mismatch::Unnamed);
        }
        let answer = filter.matches_facts(&self.facts);
        if let Match::No(Mismatch::ExpressionFailed(error)) = &answer {
            let error = error.clone();
            self.failed_expressions.push(FailedExpression { owner, error });
        }
        answer
    }

    fn alerts_by_default(&self) -> bool {
        self.spec
            .is_some_and(|spec| spec.alert_policy.applies(self.event.severity))
    }

    fn is_operational(&self) -> bool {
        self.spec.is_some_and(|spec| spec.operational)
    }

    fn webhooks(&mut self) {
        for channel in self.snapshot.channels_of(ChannelKind::Webhook) {
            let (kind, about) = (Some(channel.kind), About::channel(channel));
            if !channel.enabled {
                let why = || "The webhook is paused.".to_owned();
                self.trace
                    .record(Stage::Webhook, kind, about, Outcome::Rests, why);
                continue;
            }
            match self.ask(&channel.filter, FilterOwner::Channel(channel.id)) {
                Match::Yes => {
                    let filter = &channel.filter;
                    let named = filter
                        .naming_pattern(self.event)
                        .filter(|_| self.is_operational());
                    let Some(pattern) = named.or_else(|| filter.matching_pattern(self.event)).cloned() else {
                        // Config refuses a webhook without patterns; to guess that it means all would send everything.
                        let why = || "The webhook subscribes to nothing.".to_owned();
                        self.trace
                            .record(Stage::Webhook, kind, about, Outcome::PassedOver, why);
                        continue;
                    };
                    let reason = Reason::Subscription { pattern };
                    self.trace
                        .record(Stage::Webhook, kind, about, Outcome::Routed, || {
                            reason.to_string()
                        });
                    let target = Target::Channel {
                        id: channel.id,
                        kind: channel.kind,
                    };
                    self.route_alone(target, reason);
                }
                Match::No(mismatch) => {
                    let why = || channel.filter.sentence(&mismatch, self.event);
                    self.trace
                        .record(Stage::Webhook, kind, about, Outcome::PassedOver, why);
                }
            }
        }
    }
}
