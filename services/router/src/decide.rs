//! Who hears of an event. One pure function of the team's snapshot and the event: no clock, no I/O, so that the same
//! question has the same answer wherever and whenever it is asked.
//!
//! The order: a receipt goes by email and nowhere else. For Slack and Teams, each on its own, rules are asked in order
//! and the first that says something of the kind decides, unless it says `continue`; if none does, the kind's default
//! channel is asked. A rule says nothing of a kind when it names none of its channels, or paused ones alone. The default
//! email channel is asked when no rule sends it to an email channel. Then webhooks, people's email preferences and the
//! inbox, which rules do not silence.

mod chat;
mod people;
mod trace;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod specification;

use std::collections::{HashMap, HashSet};

use watchbell_model::{
    catalog::EventTypeSpec,
    decision::{Decision, FailedExpression, FilterOwner, Outcome, Reason, Route, Stage, Target},
    email::EmailAddress,
    event::Event,
    expression::Facts,
    filter::{Filter, Match, Mismatch},
    ids::ChannelId,
    preference,
    rule::RuleAction,
    snapshot::TeamSnapshot,
    vocabulary::ChannelKind,
};

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

/// Why nobody hears of it unasked.
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
    /// The mailboxes that get it already, by [`EmailAddress::key`]. Nobody gets the same email twice.
    mailed: HashSet<String>,
    /// The email channels that want it for mailboxes of members who asked for it themselves, by the same key.
    wanted_as_well: HashMap<String, ChannelId>,
    failed_expressions: Vec<FailedExpression>,
    trace: Trace,
}

// === impl Deciding ===

impl Deciding<'_> {
    /// A route to what other rules, too, may send to. No target gets an event twice; the first reason stays.
    fn route(&mut self, target: Target, reason: Reason) {
        let is_new = match &target {
            Target::Address { address, .. } => self.mailed.insert(address.key()),
            _ => self.shared.insert(target.clone()),
        };
        if is_new {
            let mentions = self.mentions(target.kind());
            self.routes.push(Route {
                target,
                reason,
                mentions,
            });
        }
    }

    /// A route to what only its own subscription or preference leads to, so that there is nothing to compare it with.
    /// Of these an event can have hundreds.
    fn route_alone(&mut self, target: Target, reason: Reason) {
        self.routes.push(Route {
            target,
            reason,
            mentions: Vec::new(),
        });
    }

    /// What a filter says of the event. An expression that fails is noted.
    fn ask(&mut self, filter: &Filter, owner: FilterOwner) -> Match {
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

    fn webhooks(&mut self) {
        for channel in self.snapshot.channels_of(ChannelKind::Webhook) {
            let (kind, about) = (Some(channel.kind), About::channel(channel));
            if !channel.enabled {
                let why = || "The webhook is paused.".to_owned();
                self.trace.say(Stage::Webhook, kind, about, Outcome::Rests, why);
                continue;
            }
            match self.ask(&channel.filter, FilterOwner::Channel(channel.id)) {
                Match::Yes => {
                    let Some(pattern) = channel.filter.matching_pattern(self.event).cloned() else {
                        // Config refuses a webhook without patterns; to guess that it means all would send everything.
                        let why = || "The webhook subscribes to nothing.".to_owned();
                        self.trace
                            .say(Stage::Webhook, kind, about, Outcome::PassedOver, why);
                        continue;
                    };
                    let reason = Reason::Subscription { pattern };
                    self.trace.say(Stage::Webhook, kind, about, Outcome::Routed, || {
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
                        .say(Stage::Webhook, kind, about, Outcome::PassedOver, why);
                }
            }
        }
    }
}
