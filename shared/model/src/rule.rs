//! Routing rules: ordered, each a filter and what to do with what it matches. For Slack and Teams, each on its own, the first
//! rule that matches and says something on the kind wins, unless it says `continue`.

use watchbell_contracts::config::v1 as wire;
use watchbell_contracts::config::v1::rule::Action;

use crate::alert::Repeat;
use crate::convert::{FromWire, optional, words};
use crate::filter::{Filter, ReadFilter};
use crate::group::GroupSpec;
use crate::ids::{ChannelId, RuleId};
use crate::remind::{Escalate, MAX_ESCALATION_CHANNELS, Remind};
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

/// The longest name of a rule or channel, in characters.
pub const MAX_NAME_CHARS: usize = 120;
/// The most channels one rule sends to.
pub const MAX_CHANNELS: usize = 50;

/// One rule of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The id.
    pub id: RuleId,
    /// The name for people.
    pub name: String,
    /// The place in the order, from 1.
    pub position: u32,
    /// A rule that is not enabled is kept and passed over.
    pub enabled: bool,
    /// Which events.
    pub filter: Filter,
    /// What to do.
    pub action: RuleAction,
    /// Whether the rules after it are asked too.
    pub continue_: bool,
    /// What becomes of repeats.
    pub repeat: Repeat,
    /// Whether, and how, it sends one message instead of many.
    pub group: Option<GroupSpec>,
    /// Whether those whom it told of an alert are told again.
    pub remind: Option<Remind>,
    /// Whether others are told when nobody acknowledges.
    pub escalate: Option<Escalate>,
}

/// What a rule does with an event it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// Send it to these channels: Slack, Teams, email or in-app.
    Send {
        /// At least one.
        channels: Vec<ChannelId>,
    },
    /// Stay silent.
    Silence {
        /// In these kinds of chat; in both when empty.
        kinds: Vec<ChannelKind>,
    },
}

/// A channel that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedChannel<'r> {
    /// Its id, as it is given.
    pub id: &'r str,
    /// The path of its field.
    pub field: String,
    /// What the rule does: `sends`, or `escalates`.
    pub does: &'static str,
}

/// The channels that a rule names. At most as many of each as a rule may have.
#[must_use]
pub fn named_channels(rule: &wire::Rule) -> Vec<NamedChannel<'_>> {
    let sent: &[String] = match &rule.action {
        Some(Action::Send(send)) => &send.channel_ids,
        _ => &[],
    };
    let escalated: &[String] = rule
        .escalate
        .as_ref()
        .map_or(&[], |escalate| &escalate.channel_ids);
    let lists = [
        ("send", "sends", sent, MAX_CHANNELS),
        ("escalate", "escalates", escalated, MAX_ESCALATION_CHANNELS),
    ];
    let named = lists.into_iter().flat_map(|(field, does, ids, most)| {
        let ids = ids.iter().take(most).enumerate();
        ids.map(move |(index, id)| NamedChannel {
            id,
            field: format!("{field}.channel_ids[{index}]"),
            does,
        })
    });
    named.collect()
}

// === impl Rule ===

impl TryFrom<&wire::Rule> for Rule {
    type Error = Violations;

    /// Reads a rule that is kept; whether its channels exist is Config's to ask.
    fn try_from(message: &wire::Rule) -> Result<Self, Violations> {
        Self::read(message, Filter::kept)
    }
}

impl Rule {
    /// Reads a rule that is being saved, whose filter must be one that can match.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn written(message: &wire::Rule) -> Result<Self, Violations> {
        Self::read(message, Filter::written)
    }

    fn read(message: &wire::Rule, read_filter: ReadFilter) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.parse::<RuleId>("id", reason::MALFORMED, &message.id);
        let name = violations.name("display_name", &message.display_name, MAX_NAME_CHARS);
        let position = u32::try_from(message.position)
            .map_err(|_| violations.add("position", reason::OUT_OF_RANGE, "must not be negative"));
        let filter = message
            .r#match
            .as_ref()
            .map_or_else(|| Ok(Filter::default()), read_filter);
        let filter = violations.take_under("match", filter);
        let action = match &message.action {
            None => {
                violations.add(
                    "send",
                    reason::REQUIRED,
                    "either `send` or `silence` must be given",
                );
                None
            }
            Some(Action::Send(send)) => Some(RuleAction::Send {
                channels: channels(send, &mut violations),
            }),
            Some(Action::Silence(silence)) => Some(RuleAction::Silence {
                kinds: silenced(silence, &mut violations),
            }),
        };
        let repeat = optional(message.repeat, "repeat", &mut violations);
        if repeat == Some(Repeat::Notify) && matches!(action, Some(RuleAction::Silence { .. })) {
            let why = "goes with `send` only: a rule that stays silent tells of no event";
            violations.add("repeat", reason::NOT_ALLOWED, why);
        }
        let group = message.group.as_ref().map(GroupSpec::try_from).transpose();
        let group = violations.take_under("group", group).flatten();
        if message.group.is_some() && matches!(action, Some(RuleAction::Silence { .. })) {
            let why = "goes with `send` only: a rule that stays silent gathers nothing";
            violations.add("group", reason::NOT_ALLOWED, why);
        }
        let remind = message.remind.as_ref().map(Remind::try_from);
        let remind = remind.and_then(|read| violations.take_under("remind", read));
        let escalate = message.escalate.as_ref().map(Escalate::try_from);
        let escalate = escalate.and_then(|read| violations.take_under("escalate", read));
        if matches!(action, Some(RuleAction::Silence { .. })) {
            let given = [
                ("remind", message.remind.is_some()),
                ("escalate", message.escalate.is_some()),
            ];
            for (field, _) in given.into_iter().filter(|(_, given)| *given) {
                let why = "goes with `send` only: a rule that stays silent tells nobody";
                violations.add(field, reason::NOT_ALLOWED, why);
            }
        }
        match (id, filter, action, position) {
            (Some(id), Some(filter), Some(action), Ok(position)) if violations.is_empty() => Ok(Self {
                id,
                name,
                position,
                enabled: !message.paused,
                filter,
                action,
                continue_: message.continues,
                repeat: repeat.unwrap_or_default(),
                group,
                remind,
                escalate,
            }),
            _ => Err(violations),
        }
    }
}

fn channels(send: &wire::SendAction, violations: &mut Violations) -> Vec<ChannelId> {
    if send.channel_ids.is_empty() {
        violations.required("send.channel_ids");
    }
    if send.channel_ids.len() > MAX_CHANNELS {
        violations.add(
            "send.channel_ids",
            reason::TOO_LONG,
            format!("must have at most {MAX_CHANNELS} channels"),
        );
    }
    let mut channels = Vec::new();
    for (index, text) in send.channel_ids.iter().take(MAX_CHANNELS).enumerate() {
        let at = format!("send.channel_ids[{index}]");
        if let Some(id) = violations.parse::<ChannelId>(&at, reason::MALFORMED, text) {
            if channels.contains(&id) {
                violations.add(at, reason::DUPLICATE, "is given twice");
            } else {
                channels.push(id);
            }
        }
    }
    channels
}

fn silenced(silence: &wire::SilenceAction, violations: &mut Violations) -> Vec<ChannelKind> {
    let kinds: Vec<ChannelKind> = words(&silence.kinds, "silence.kinds", violations);
    for (index, kind) in kinds.iter().enumerate() {
        if !kind.is_chat() {
            violations.add(
                format!("silence.kinds[{index}]"),
                reason::NOT_ALLOWED,
                "only Slack and Teams can be silenced by a rule",
            );
        }
    }
    kinds
}

impl From<&Rule> for wire::Rule {
    fn from(rule: &Rule) -> Self {
        let action = match &rule.action {
            RuleAction::Send { channels } => Action::Send(wire::SendAction {
                channel_ids: channels.iter().map(ToString::to_string).collect(),
            }),
            RuleAction::Silence { kinds } => Action::Silence(wire::SilenceAction {
                kinds: kinds.iter().map(|kind| kind.to_wire()).collect(),
            }),
        };
        Self {
            id: rule.id.to_string(),
            display_name: rule.name.clone(),
            position: i32::try_from(rule.position).unwrap_or(i32::MAX),
            paused: !rule.enabled,
            r#match: (rule.filter != Filter::default()).then(|| (&rule.filter).into()),
            action: Some(action),
            continues: rule.continue_,
            repeat: rule.repeat.to_spec(),
            group: rule.group.as_ref().map(Into::into),
            remind: rule.remind.as_ref().map(Into::into),
            escalate: rule.escalate.as_ref().map(Into::into),
            ..Self::default()
        }
    }
}

impl Rule {
    /// The channels that it escalates to.
    #[must_use]
    pub fn escalation_channels(&self) -> &[ChannelId] {
        self.escalate.as_ref().map_or(&[], |escalate| &escalate.channels)
    }
}

// === impl RuleAction ===

impl RuleAction {
    /// Whether it silences that kind.
    #[must_use]
    pub fn silences(&self, kind: ChannelKind) -> bool {
        match self {
            Self::Send { .. } => false,
            Self::Silence { kinds } if kinds.is_empty() => kind.is_chat(),
            Self::Silence { kinds } => kinds.contains(&kind),
        }
    }

    /// The channels it sends to.
    #[must_use]
    pub fn channels(&self) -> &[ChannelId] {
        match self {
            Self::Send { channels } => channels,
            Self::Silence { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::tests::noon;

    fn rule(action: RuleAction) -> Rule {
        Rule {
            id: RuleId::generate(noon()),
            name: "Critical".to_owned(),
            position: 1,
            enabled: true,
            filter: Filter::default(),
            action,
            continue_: false,
            repeat: Repeat::Notify,
            group: Some(crate::group::tests::spec()),
            remind: Some(Remind {
                every: Duration::from_secs(4 * 3600),
                at_most: 5,
            }),
            escalate: Some(Escalate {
                after: Duration::from_secs(1800),
                channels: vec![ChannelId::generate(noon())],
            }),
        }
    }

    #[test]
    fn silence_without_kinds_is_for_both_chats_and_for_nothing_else() {
        let both = RuleAction::Silence { kinds: vec![] };
        let silenced: Vec<_> = ChannelKind::ALL
            .iter()
            .filter(|kind| both.silences(**kind))
            .collect();
        assert_eq!(silenced, [&ChannelKind::Slack, &ChannelKind::Teams]);
        let one = RuleAction::Silence {
            kinds: vec![ChannelKind::Teams],
        };
        assert!(one.silences(ChannelKind::Teams) && !one.silences(ChannelKind::Slack));
    }

    #[test]
    fn every_wrong_field_of_a_rule_is_named_and_a_right_one_reads_back() {
        let right = rule(RuleAction::Send {
            channels: vec![ChannelId::generate(noon())],
        });
        assert_eq!(Rule::try_from(&wire::Rule::from(&right)), Ok(right));
        let fields = |action| {
            let message = wire::Rule {
                display_name: " ".to_owned(),
                position: -1,
                ..(&rule(action)).into()
            };
            let violations = Rule::try_from(&message).unwrap_err().into_iter();
            violations.map(|violation| violation.field).collect::<Vec<_>>()
        };
        let send = RuleAction::Send { channels: vec![] };
        assert_eq!(fields(send), ["display_name", "position", "send.channel_ids"]);
        let send = RuleAction::Send {
            channels: vec![ChannelId::generate(noon())],
        };
        let mut message = wire::Rule::from(&rule(send));
        message.group = Some(wire::Group::default());
        let violations = Rule::try_from(&message).unwrap_err();
        assert_eq!(violations.iter().next().unwrap().field, "group.wait");
        let silence = RuleAction::Silence {
            kinds: vec![ChannelKind::Email],
        };
        assert_eq!(
            fields(silence),
            [
                "display_name",
                "position",
                "silence.kinds[0]",
                "repeat",
                "group",
                "remind",
                "escalate"
            ]
        );
    }
}
