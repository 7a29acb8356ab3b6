//! Who hears of an event. One pure function of the team's snapshot and the event: no clock, no I/O, so that the same
//! question has the same answer wherever and whenever it is asked.
//!
//! The order: a receipt goes by email and nowhere else. For Slack and Teams, each on its own, rules are asked in order
//! and the first that says something of the kind decides, unless it says `continue`; if none does, the kind's default
//! channel is asked. Then webhooks, people's email preferences and the inbox, which rules do not silence.

mod chat;
mod trace;

use std::collections::HashSet;

use watchbell_domain::{
    catalog::EventTypeSpec,
    decision::{Decision, Outcome, Reason, Route, Stage, Target},
    event::Event,
    expression::Facts,
    filter::Match,
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
        targets: HashSet::new(),
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
    }
}

/// A decision under way.
struct Deciding<'a> {
    snapshot: &'a TeamSnapshot,
    event: &'a Event,
    facts: Facts<'a>,
    /// The event's type; absent only when it was deleted since the event was parsed.
    spec: Option<&'a EventTypeSpec>,
    routes: Vec<Route>,
    targets: HashSet<Target>,
    trace: Trace,
}

// === impl Deciding ===

impl Deciding<'_> {
    /// No target gets an event twice; the first reason stays.
    fn route(&mut self, target: Target, reason: Reason) {
        if self.targets.insert(target.clone()) {
            let mentions = self.mentions(target.kind());
            self.routes.push(Route {
                target,
                reason,
                mentions,
            });
        }
    }

    fn alerts_by_default(&self) -> bool {
        self.spec
            .is_some_and(|spec| spec.alert_policy.applies(self.event.severity))
    }

    fn receipt(&mut self) {
        let set = &self.snapshot.compliance_recipients;
        if set.is_empty() {
            for owner in self.snapshot.owners() {
                self.trace.say(
                    Stage::Receipt,
                    Some(ChannelKind::Email),
                    About::member(owner),
                    Outcome::Routed,
                    || Reason::OwnerFallback.to_string(),
                );
                self.route(
                    Target::Address {
                        address: owner.email.clone(),
                        channel: None,
                    },
                    Reason::OwnerFallback,
                );
            }
        }
        for address in set {
            self.trace.say(
                Stage::Receipt,
                Some(ChannelKind::Email),
                About::named(address.as_str()),
                Outcome::Routed,
                || Reason::ReceiptRecipient.to_string(),
            );
            self.route(
                Target::Address {
                    address: address.clone(),
                    channel: None,
                },
                Reason::ReceiptRecipient,
            );
        }
    }

    fn webhooks(&mut self) {
        for channel in self.snapshot.channels_of(ChannelKind::Webhook) {
            let about = || About::channel(channel);
            if !channel.enabled {
                self.trace.say(
                    Stage::Webhook,
                    Some(channel.kind),
                    about(),
                    Outcome::Rests,
                    || "The webhook is paused.".to_owned(),
                );
                continue;
            }
            match channel.filter.matches_facts(&self.facts) {
                Match::Yes => {
                    let Some(pattern) = channel.filter.matching_pattern(self.event).cloned() else {
                        continue;
                    };
                    let reason = Reason::Subscription { pattern };
                    self.trace.say(
                        Stage::Webhook,
                        Some(channel.kind),
                        about(),
                        Outcome::Routed,
                        || reason.to_string(),
                    );
                    self.route(
                        Target::Channel {
                            id: channel.id,
                            kind: channel.kind,
                        },
                        reason,
                    );
                }
                Match::No(mismatch) => {
                    self.trace.say(
                        Stage::Webhook,
                        Some(channel.kind),
                        about(),
                        Outcome::PassedOver,
                        || channel.filter.sentence(&mismatch, self.event),
                    );
                }
            }
        }
    }

    fn people(&mut self) {
        let kind = Some(ChannelKind::Email);
        let Some((spec, topic)) = self.spec.and_then(|spec| Some((spec, spec.topic?))) else {
            self.trace
                .say(Stage::Preference, kind, None, Outcome::PassedOver, || {
                    format!("No email topic covers {}.", self.event.event_type)
                });
            return;
        };
        for member in self.snapshot.members.values() {
            let wanted = preference::effective(member, self.snapshot.plan, topic);
            let by_default = !member.preferences.contains_key(&topic);
            if wanted.wants(self.event.severity, spec.is_failure()) {
                let reason = Reason::Preference { topic, by_default };
                self.trace.say(
                    Stage::Preference,
                    kind,
                    About::member(member),
                    Outcome::Routed,
                    || reason.to_string(),
                );
                self.route(
                    Target::Person {
                        member_id: member.id,
                        address: member.email.clone(),
                        topic,
                    },
                    reason,
                );
            } else {
                self.trace.say(
                    Stage::Preference,
                    kind,
                    About::member(member),
                    Outcome::PassedOver,
                    || {
                        let whose = if by_default {
                            "By default the member gets no"
                        } else {
                            "The member asked for no"
                        };
                        format!("{whose} emails on {topic} at this severity.")
                    },
                );
            }
        }
    }

    fn inbox(&mut self) {
        let kind = Some(ChannelKind::InApp);
        if self.targets.contains(&Target::Inbox) {
            return;
        }
        if self.alerts_by_default() {
            self.trace.say(Stage::Inbox, kind, None, Outcome::Routed, || {
                Reason::AlertsByDefault.to_string()
            });
            self.route(Target::Inbox, Reason::AlertsByDefault);
        } else {
            self.trace.say(Stage::Inbox, kind, None, Outcome::PassedOver, || {
                format!(
                    "{} does not alert by default at {}.",
                    self.event.event_type, self.event.severity
                )
            });
        }
    }
}
