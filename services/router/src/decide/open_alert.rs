//! What rules want of an alert that stays open: repeats, reminders, and who else is told when nobody acknowledges it.

use watchbell_model::alert::{AlertAction, Repeat};
use watchbell_model::decision::{Escalation, Outcome, Reason, Route, Stage, Target};
use watchbell_model::remind::{Escalate, Remind};
use watchbell_model::rule::Rule;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::text::span_words;
use watchbell_model::vocabulary::ChannelKind;

use super::{About, Deciding};

/// What a rule wants of its routes besides sending; nothing of what no rule decides.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) repeat: Repeat,
    pub(super) remind: Option<Remind>,
    /// Until a route carries it.
    pub(super) escalate: Option<Escalation>,
    /// Whether a route carries anything of it.
    is_taken: bool,
}

/// `reminds every 4 h, at most 5 times, and escalates to “#security” after 30 min`
fn does(snapshot: &TeamSnapshot, rule: &Rule) -> String {
    let reminds = rule.remind.map(|remind| remind.words());
    let escalates = rule.escalate.as_ref().map(|escalate| {
        let channels = escalate.channels.iter();
        let channels = channels.filter_map(|id| snapshot.channel(*id));
        let names: Vec<_> = channels.map(|channel| format!("“{}”", channel.name)).collect();
        let after = span_words(escalate.after);
        match names.as_slice() {
            [] => format!("escalates after {after}, to channels that are gone"),
            names => format!("escalates to {} after {after}", names.join(", ")),
        }
    });
    let does: Vec<_> = reminds.into_iter().chain(escalates).collect();
    does.join(", and ")
}

// === impl Wanted ===

impl Wanted {
    /// What the next route carries: the escalation only the first.
    pub(super) fn take(&mut self) -> Self {
        self.is_taken = true;
        Self {
            escalate: self.escalate.take(),
            ..self.clone()
        }
    }
}

// === impl Deciding ===

impl Deciding<'_> {
    /// What a rule wants of the event's alert, of which nothing is told again once it has ended.
    pub(super) fn wanted(&self, rule: &Rule) -> Wanted {
        let goes_on = self.goes_on();
        Wanted {
            repeat: rule.repeat,
            remind: rule.remind.filter(|_| goes_on),
            escalate: rule
                .escalate
                .as_ref()
                .filter(|_| goes_on)
                .map(|escalate| self.escalation(rule, escalate)),
            is_taken: false,
        }
    }

    /// Says what a rule that has sent the event wants besides.
    pub(super) fn say_wanted(&mut self, rule: &Rule, wanted: &Wanted) {
        if !wanted.is_taken || (rule.remind.is_none() && rule.escalate.is_none()) {
            return;
        }
        let goes_on = self.goes_on();
        let outcome = match goes_on {
            true => Outcome::Routed,
            false => Outcome::Rests,
        };
        let (snapshot, name) = (self.snapshot, &rule.name);
        self.trace
            .record(Stage::Alert, None, About::rule(rule), outcome, || {
                let does = does(snapshot, rule);
                if goes_on {
                    format!(
                        "While the alert is open and nobody has acknowledged it, the rule “{name}” {does}."
                    )
                } else {
                    format!("The rule “{name}” {does}, but the event leaves no alert open.")
                }
            });
    }

    /// Whether the event belongs to an alert that it does not end.
    fn goes_on(&self) -> bool {
        let alert = self.event.alert.as_ref();
        alert.is_ok_and(|alert| alert.action != AlertAction::Resolve)
    }

    /// To the channels that there are; which of them are paused is asked when it is due.
    fn escalation(&self, rule: &Rule, escalate: &Escalate) -> Escalation {
        let channels = escalate.channels.iter();
        let channels = channels.filter_map(|id| self.snapshot.channel(*id));
        let routes = channels
            // Config refuses rules that name them.
            .filter(|channel| channel.kind != ChannelKind::Webhook)
            .map(|channel| Route {
                target: Target::Channel {
                    id: channel.id,
                    kind: channel.kind,
                },
                reason: Reason::Escalation {
                    rule_id: rule.id,
                    name: rule.name.clone(),
                },
                mentions: self.mentions(channel.kind),
                tells_repeats: false,
                group: None,
                remind: None,
                escalate: None,
            });
        Escalation {
            after: escalate.after,
            routes: routes.collect(),
        }
    }
}
