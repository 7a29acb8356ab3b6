//! Rules, and the default channels that alerts fall through to when no rule decides.

use watchbell_model::channel::Channel;
use watchbell_model::email::EmailAddress;
use watchbell_model::filter::Match;
use watchbell_model::ids::ChannelId;
use watchbell_model::mention::Mention;
use watchbell_model::rule::Rule;
use watchbell_model::vocabulary::Severity;

use super::{
    About, ChannelKind, Deciding, FilterOwner, Outcome, Reason, RuleAction, Stage, Target, Wanted, no_alert,
    unconfirmed,
};

/// The kinds for which default channels exist, each on its own.
const KINDS: [ChannelKind; 3] = [ChannelKind::Slack, ChannelKind::Teams, ChannelKind::Email];

/// Something of each of them.
type OfKinds = [bool; KINDS.len()];

/// What the rules have decided, for each kind.
#[derive(Debug, Default)]
pub(super) struct Ruled {
    /// A rule applied: the default channel is not used.
    said: OfKinds,
    /// A rule was final: later rules do not apply to the kind. Never for email, where every rule adds.
    closed: OfKinds,
}

/// An email channel without recipients only configures the mail server.
fn nobody(channel: &Channel) -> bool {
    channel.kind == ChannelKind::Email && channel.recipients.is_empty()
}

/// Why it has none.
fn why_nobody(channel: &Channel) -> &'static str {
    if channel.unconfirmed.is_empty() {
        "has no recipients"
    } else {
        "has only recipients who have not confirmed yet"
    }
}

fn place(kind: ChannelKind) -> Option<usize> {
    KINDS.iter().position(|known| *known == kind)
}

// === impl Ruled ===

impl Ruled {
    fn is_closed(&self, kind: ChannelKind) -> bool {
        kind.is_chat() && place(kind).is_some_and(|index| self.closed[index])
    }
}

// === impl Deciding ===

impl Deciding<'_> {
    pub(super) fn rules(&mut self) -> Ruled {
        let mut ruled = Ruled::default();
        let snapshot = self.snapshot;
        if snapshot.rules.is_empty() {
            return ruled;
        }
        let applied = snapshot.plan.applies_rules();
        if !applied {
            self.trace.record(Stage::Plan, None, None, Outcome::Rests, || {
                let plan = snapshot.plan;
                format!("Rules need the TEAM plan or above; on {plan} they are kept but not applied.")
            });
        }
        for rule in &snapshot.rules {
            if !applied {
                self.rule_step(rule, None, Outcome::Rests, || {
                    "The team's plan does not apply rules.".to_owned()
                });
            } else if !rule.enabled {
                self.rule_step(rule, None, Outcome::Rests, || "The rule is paused.".to_owned());
            } else {
                match self.ask(&rule.filter, FilterOwner::Rule(rule.id)) {
                    Match::Yes => self.apply(rule, &mut ruled),
                    Match::No(mismatch) => {
                        let event = self.event;
                        self.rule_step(rule, None, Outcome::PassedOver, || {
                            rule.filter.sentence(&mismatch, event)
                        });
                    }
                }
            }
        }
        ruled
    }

    fn apply(&mut self, rule: &Rule, ruled: &mut Ruled) {
        let spoke = match &rule.action {
            RuleAction::Silence { .. } => self.silence(rule, ruled),
            RuleAction::Send { channels } => self.send(rule, channels, ruled),
        };
        for (index, spoke) in spoke.into_iter().enumerate() {
            ruled.said[index] |= spoke;
            ruled.closed[index] |= spoke && !rule.continue_;
        }
    }

    /// Of which kinds the rule spoke.
    fn silence(&mut self, rule: &Rule, ruled: &Ruled) -> OfKinds {
        let spoke = KINDS.map(|kind| rule.action.silences(kind));
        for kind in KINDS.into_iter().filter(|kind| rule.action.silences(*kind)) {
            if ruled.is_closed(kind) {
                self.decided_before(rule, kind);
            } else {
                self.rule_step(rule, Some(kind), Outcome::Silenced, || {
                    format!("The rule “{}” keeps it silent here.", rule.name)
                });
            }
        }
        spoke
    }

    /// The kinds of chat to which the rule applied: those of which it names a channel that can get the event. Paused
    /// and deleted channels do not count, so that the next rules and the default channel apply. An unhealthy channel
    /// counts; its deliveries wait.
    fn send(&mut self, rule: &Rule, channels: &[ChannelId], ruled: &Ruled) -> OfKinds {
        let mut spoke = OfKinds::default();
        let mut named = OfKinds::default();
        let mut found = false;
        let mut wanted = self.wanted(rule);
        for id in channels {
            if let Some(channel) = self.snapshot.channel(*id) {
                found = true;
                if let Some(index) = place(channel.kind) {
                    spoke[index] |= channel.enabled && !nobody(channel);
                    named[index] = true;
                }
                self.send_to(rule, channel, ruled, &mut wanted);
            }
        }
        self.say_wanted(rule, &wanted);
        for (index, kind) in KINDS.into_iter().enumerate() {
            if kind.is_chat() && named[index] && !spoke[index] && !ruled.is_closed(kind) {
                self.rule_step(rule, Some(kind), Outcome::PassedOver, || {
                    "Every channel of this kind that the rule sends to is paused: the next rules and the default channel \
                     are asked."
                        .to_owned()
                });
            }
        }
        if !found {
            self.rule_step(rule, None, Outcome::Rests, || {
                "The rule matches, but the channels that it sends to are gone.".to_owned()
            });
        }
        spoke
    }

    fn send_to(&mut self, rule: &Rule, channel: &Channel, ruled: &Ruled, wanted: &mut Wanted) {
        let kind = channel.kind;
        if ruled.is_closed(kind) {
            return self.decided_before(rule, kind);
        }
        let rests = if !channel.enabled {
            Some("is paused")
        } else if nobody(channel) {
            Some(why_nobody(channel))
        } else if kind == ChannelKind::Webhook {
            // Config refuses rules that name them.
            Some("is a webhook and has a filter of its own")
        } else {
            None
        };
        if let Some(why) = rests {
            return self.rule_step(rule, Some(kind), Outcome::Rests, || {
                format!("The rule sends it to “{}”, which {why}.", channel.name)
            });
        }
        let event = self.event;
        let recipients = self.recipients(channel, wanted);
        if kind == ChannelKind::Email && recipients.is_empty() {
            return self.rule_step(rule, Some(kind), Outcome::PassedOver, || {
                format!("Every mailbox of “{}” gets it already.", channel.name)
            });
        }
        self.rule_step(rule, Some(kind), Outcome::Routed, || {
            let sent = format!("The rule “{}” sends it to “{}”.", rule.name, channel.name);
            match &rule.group {
                Some(_) if event.severity == Severity::Critical => {
                    format!("{sent} It is CRITICAL, so it goes at once and is not gathered.")
                }
                _ => sent,
            }
        });
        for address in &channel.unconfirmed {
            self.rule_step(rule, Some(kind), Outcome::Rests, || unconfirmed(address));
        }
        let reason = Reason::RuleMatched {
            rule_id: rule.id,
            name: rule.name.clone(),
        };
        let before = self.routes.len();
        match kind {
            ChannelKind::Slack | ChannelKind::Teams => {
                self.route(Target::Channel { id: channel.id, kind }, reason, wanted);
            }
            ChannelKind::InApp => self.route(Target::Inbox, reason, wanted),
            ChannelKind::Email => {
                for address in recipients {
                    let channel = Some(channel.id);
                    self.route(Target::Address { address, channel }, reason.clone(), wanted);
                }
            }
            ChannelKind::Webhook => {}
        }
        if let Some(spec) = &rule.group {
            let group = spec.of((rule.id, &rule.name), event);
            for route in &mut self.routes[before..] {
                route.group.clone_from(&group);
            }
        }
    }

    /// The recipients of an email channel who do not get the event yet: from an earlier rule, or as members who asked
    /// for it themselves, by mail without quiet hours and with an unsubscribe link. For the latter it is recorded
    /// that the channel wants the mail, too, in case they turn it off before it is sent.
    fn recipients(&mut self, channel: &Channel, wanted: &mut Wanted) -> Vec<EmailAddress> {
        if channel.recipients.is_empty() {
            return Vec::new();
        }
        let own = self.own_mailboxes();
        let mut recipients = Vec::new();
        for address in &channel.recipients {
            let key = address.key();
            if own.contains(&key) {
                self.wanted_as_well
                    .entry(key)
                    .or_insert_with(|| (channel.id, wanted.take()));
            } else if !self.mailed.contains(&key) {
                recipients.push(address.clone());
            }
        }
        recipients
    }

    fn decided_before(&mut self, rule: &Rule, kind: ChannelKind) {
        self.rule_step(rule, Some(kind), Outcome::PassedOver, || {
            "An earlier rule has decided it.".to_owned()
        });
    }

    fn rule_step(
        &mut self,
        rule: &Rule,
        kind: Option<ChannelKind>,
        outcome: Outcome,
        why: impl FnOnce() -> String,
    ) {
        self.trace
            .record(Stage::Rule, kind, About::rule(rule), outcome, why);
    }

    pub(super) fn default_channels(&mut self, ruled: &Ruled) {
        let snapshot = self.snapshot;
        for (index, kind) in KINDS.into_iter().enumerate() {
            let Some(channel) = snapshot.default_channel(kind) else {
                // A team that does not use the kind need not read of it.
                if snapshot.channels_of(kind).next().is_some() && !ruled.said[index] {
                    self.trace.record(
                        Stage::DefaultChannel,
                        Some(kind),
                        None,
                        Outcome::PassedOver,
                        || "The team has set no default channel of this kind.".to_owned(),
                    );
                }
                continue;
            };
            if ruled.said[index] {
                self.default_step(channel, Outcome::PassedOver, || {
                    "A rule has decided it.".to_owned()
                });
            } else if !channel.enabled {
                self.default_step(channel, Outcome::Rests, || {
                    "The default channel is paused.".to_owned()
                });
            } else if nobody(channel) {
                self.default_step(channel, Outcome::Rests, || {
                    format!("The default channel {}.", why_nobody(channel))
                });
            } else {
                self.default_channel(channel);
            }
        }
    }

    fn default_channel(&mut self, channel: &Channel) {
        let event = self.event;
        let reason = match &channel.triggers {
            Some(triggers) => match self.ask(triggers, FilterOwner::Channel(channel.id)) {
                Match::Yes => Reason::DefaultChannelTriggers,
                Match::No(mismatch) => {
                    return self.default_step(channel, Outcome::PassedOver, || {
                        let why = triggers.sentence(&mismatch, event);
                        format!("Its triggers do not match. {why}")
                    });
                }
            },
            None if self.alerts_by_default() => Reason::DefaultChannel,
            None => return self.default_step(channel, Outcome::PassedOver, || no_alert(event)),
        };
        let recipients = self.recipients(channel, &mut Wanted::default());
        if channel.kind == ChannelKind::Email && recipients.is_empty() {
            return self.default_step(channel, Outcome::PassedOver, || {
                "Each of its mailboxes gets it already.".to_owned()
            });
        }
        self.default_step(channel, Outcome::Routed, || reason.to_string());
        for address in &channel.unconfirmed {
            self.default_step(channel, Outcome::Rests, || unconfirmed(address));
        }
        if channel.kind == ChannelKind::Email {
            for address in recipients {
                let channel = Some(channel.id);
                self.route(
                    Target::Address { address, channel },
                    reason.clone(),
                    &mut Wanted::default(),
                );
            }
            return;
        }
        let target = Target::Channel {
            id: channel.id,
            kind: channel.kind,
        };
        self.route(target, reason, &mut Wanted::default());
    }

    fn default_step(&mut self, channel: &Channel, outcome: Outcome, why: impl FnOnce() -> String) {
        let (kind, about) = (Some(channel.kind), About::channel(channel));
        self.trace
            .record(Stage::DefaultChannel, kind, about, outcome, why);
    }

    /// Resolves a member to the Slack user; `None` when the member has left or has none.
    fn called(&self, mention: &Mention) -> Option<Mention> {
        match mention {
            Mention::Member(id) => {
                let member = self.snapshot.members.get(id)?;
                member.slack_user_id.clone().map(Mention::SlackUser)
            }
            other => Some(other.clone()),
        }
    }

    /// The mentions in a message of that kind: each once, in the order of the rules.
    pub(super) fn mentions(&self, kind: ChannelKind) -> Vec<Mention> {
        let mut mentions: Vec<Mention> = Vec::new();
        if !kind.is_chat() {
            return mentions;
        }
        let rules = self.snapshot.mention_rules.iter();
        for rule in rules.filter(|rule| rule.applies(self.event)) {
            for mention in rule.mentions_in(kind) {
                if let Some(mention) = self.called(mention)
                    && !mentions.contains(&mention)
                {
                    mentions.push(mention);
                }
            }
        }
        mentions
    }
}
