//! Rules, and the default channels that alerts fall through to when no rule decides.

use std::sync::Arc;

use watchbell_domain::{channel::Channel, filter::Match, mention::Mention, rule::Rule};

use super::{About, ChannelKind, Deciding, Outcome, Reason, RuleAction, Stage, Target};

/// The kinds for which rules and default channels exist, each on its own.
const CHATS: [ChannelKind; 2] = [ChannelKind::Slack, ChannelKind::Teams];

/// What the rules have settled, for each kind of chat.
#[derive(Debug, Default)]
pub(super) struct Ruled {
    /// A rule said something: the default channel is not asked.
    said: [bool; CHATS.len()],
    /// A rule said the last word: later rules are not asked about the kind.
    closed: [bool; CHATS.len()],
}

impl Deciding<'_> {
    pub(super) fn rules(&mut self) -> Ruled {
        let mut ruled = Ruled::default();
        if self.snapshot.rules.is_empty() {
            return ruled;
        }
        let rest = !self.snapshot.plan.applies_rules();
        if rest {
            let plan = self.snapshot.plan;
            self.trace.say(Stage::Plan, None, None, Outcome::Rests, || {
                format!("Rules need the TEAM plan or above; on {plan} they are kept but not applied.")
            });
        }
        for rule in &self.snapshot.rules {
            if rest || !rule.enabled {
                let why = if rest {
                    "The team's plan does not apply rules."
                } else {
                    "The rule is paused."
                };
                self.trace
                    .say(Stage::Rule, None, About::rule(rule), Outcome::Rests, || {
                        why.to_owned()
                    });
                continue;
            }
            match rule.filter.matches_facts(&self.facts) {
                Match::Yes => self.apply(rule, &mut ruled),
                Match::No(mismatch) => {
                    let (event, filter) = (self.event, &rule.filter);
                    self.trace
                        .say(Stage::Rule, None, About::rule(rule), Outcome::PassedOver, || {
                            filter.sentence(&mismatch, event)
                        });
                }
            }
        }
        ruled
    }

    fn apply(&mut self, rule: &Rule, ruled: &mut Ruled) {
        match &rule.action {
            RuleAction::Silence { .. } => self.silence(rule, ruled),
            RuleAction::Send { channels } => {
                for id in channels {
                    // A channel that is gone was deleted after this rule was written.
                    if let Some(channel) = self.snapshot.channel(*id).cloned() {
                        self.send(rule, &channel, ruled);
                    }
                }
            }
        }
        for (index, kind) in CHATS.into_iter().enumerate() {
            let spoke = rule.action.silences(kind) || self.sends_to(rule, kind);
            ruled.said[index] |= spoke;
            ruled.closed[index] |= spoke && !rule.continue_;
        }
    }

    fn silence(&mut self, rule: &Rule, ruled: &Ruled) {
        for (index, kind) in CHATS.into_iter().enumerate() {
            if !rule.action.silences(kind) {
                continue;
            }
            if ruled.closed[index] {
                self.already_decided(rule, kind);
            } else {
                self.trace.say(
                    Stage::Rule,
                    Some(kind),
                    About::rule(rule),
                    Outcome::Silenced,
                    || format!("The rule “{}” keeps it silent here.", rule.name),
                );
            }
        }
    }

    fn send(&mut self, rule: &Rule, channel: &Arc<Channel>, ruled: &Ruled) {
        let kind = channel.kind;
        if CHATS
            .iter()
            .position(|chat| *chat == kind)
            .is_some_and(|index| ruled.closed[index])
        {
            self.already_decided(rule, kind);
            return;
        }
        if !channel.enabled {
            self.trace
                .say(Stage::Rule, Some(kind), About::rule(rule), Outcome::Rests, || {
                    format!("The rule sends it to “{}”, which is paused.", channel.name)
                });
            return;
        }
        let reason = Reason::RuleMatched {
            rule_id: rule.id,
            name: rule.name.clone(),
        };
        self.trace.say(
            Stage::Rule,
            Some(kind),
            About::rule(rule),
            Outcome::Routed,
            || format!("The rule “{}” sends it to “{}”.", rule.name, channel.name),
        );
        match kind {
            ChannelKind::Slack | ChannelKind::Teams => {
                self.route(Target::Channel { id: channel.id, kind }, reason)
            }
            ChannelKind::InApp => self.route(Target::Inbox, reason),
            ChannelKind::Email => {
                for address in &channel.recipients {
                    self.route(
                        Target::Address {
                            address: address.clone(),
                            channel: Some(channel.id),
                        },
                        reason.clone(),
                    );
                }
            }
            // Webhooks have filters of their own; Config refuses rules that name them.
            ChannelKind::Webhook => {}
        }
    }

    fn already_decided(&mut self, rule: &Rule, kind: ChannelKind) {
        self.trace.say(
            Stage::Rule,
            Some(kind),
            About::rule(rule),
            Outcome::PassedOver,
            || "An earlier rule has decided it.".to_owned(),
        );
    }

    fn sends_to(&self, rule: &Rule, kind: ChannelKind) -> bool {
        let channels = rule.action.channels().iter();
        channels
            .filter_map(|id| self.snapshot.channel(*id))
            .any(|channel| channel.kind == kind)
    }

    pub(super) fn default_channels(&mut self, ruled: &Ruled) {
        for (index, kind) in CHATS.into_iter().enumerate() {
            let Some(channel) = self.snapshot.default_channel(kind).cloned() else {
                continue;
            };
            if ruled.said[index] {
                self.default_step(&channel, Outcome::PassedOver, || {
                    "A rule has decided it.".to_owned()
                });
            } else if !channel.enabled {
                self.default_step(&channel, Outcome::Rests, || {
                    "The default channel is paused.".to_owned()
                });
            } else {
                self.default_channel(&channel);
            }
        }
    }

    fn default_channel(&mut self, channel: &Arc<Channel>) {
        let decided = match &channel.triggers {
            Some(triggers) => match triggers.matches_facts(&self.facts) {
                Match::Yes => Ok(Reason::DefaultChannelTriggers),
                Match::No(mismatch) => Err(format!(
                    "Its triggers do not match. {}",
                    triggers.sentence(&mismatch, self.event)
                )),
            },
            None if self.alerts_by_default() => Ok(Reason::DefaultChannel),
            None => Err(format!(
                "{} does not alert by default at {}.",
                self.event.event_type, self.event.severity
            )),
        };
        match decided {
            Ok(reason) => {
                self.default_step(channel, Outcome::Routed, || reason.to_string());
                self.route(
                    Target::Channel {
                        id: channel.id,
                        kind: channel.kind,
                    },
                    reason,
                );
            }
            Err(why) => self.default_step(channel, Outcome::PassedOver, || why),
        }
    }

    fn default_step(&mut self, channel: &Arc<Channel>, outcome: Outcome, why: impl FnOnce() -> String) {
        self.trace.say(
            Stage::DefaultChannel,
            Some(channel.kind),
            About::channel(channel),
            outcome,
            why,
        );
    }

    /// Who is called by name in a message of that kind: each once, in the order of the rules.
    pub(super) fn mentions(&self, kind: ChannelKind) -> Vec<Mention> {
        let mut mentions: Vec<Mention> = Vec::new();
        if !kind.is_chat() {
            return mentions;
        }
        for rule in self
            .snapshot
            .mention_rules
            .iter()
            .filter(|rule| rule.applies(self.event))
        {
            for mention in rule.mentions_in(kind) {
                if !mentions.contains(mention) {
                    mentions.push(mention.clone());
                }
            }
        }
        mentions
    }
}
