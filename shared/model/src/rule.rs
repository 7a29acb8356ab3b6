//! Routing rules: ordered, each a filter and what to do with what it matches. For Slack and Teams, each on its own, the first
//! rule that matches and says something on the kind wins, unless it says `continue`.

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::ids::{ChannelId, RuleId};
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

/// The longest name of a rule or channel, in characters.
pub const MAX_NAME_CHARS: usize = 120;
/// The most channels one rule sends to.
pub const MAX_CHANNELS: usize = 50;

/// One rule of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(rename = "continue", default)]
    pub continue_: bool,
}

/// What a rule does with an event it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

// === impl Rule ===

impl Rule {
    /// Checks what its types do not; whether the channels exist is Config's to ask. Paths are those of the rule's own fields.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        if self.name.trim().is_empty() {
            violations.required("name");
        }
        violations.limit_chars("name", &self.name, MAX_NAME_CHARS);
        match &self.action {
            RuleAction::Send { channels } if channels.is_empty() => violations.required("channels"),
            RuleAction::Send { channels } if channels.len() > MAX_CHANNELS => {
                violations.add(
                    "channels",
                    reason::TOO_LONG,
                    format!("must have at most {MAX_CHANNELS}"),
                );
            }
            RuleAction::Send { .. } => {}
            RuleAction::Silence { kinds } => {
                for (index, kind) in kinds.iter().enumerate().filter(|(_, kind)| !kind.is_chat()) {
                    let why = format!("must be SLACK or TEAMS, not {kind}");
                    violations.add(format!("kinds[{index}]"), reason::NOT_ALLOWED, why);
                }
            }
        }
        violations.into_result(())
    }
}

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
    fn a_rule_must_do_something_that_rules_can_do() {
        assert_eq!(rule(RuleAction::Silence { kinds: vec![] }).check(), Ok(()));
        let mut wrong = rule(RuleAction::Send { channels: vec![] });
        wrong.name = " ".to_owned();
        assert_eq!(wrong.check().unwrap_err().len(), 2);
        let violations = rule(RuleAction::Silence {
            kinds: vec![ChannelKind::Email],
        })
        .check()
        .unwrap_err();
        assert_eq!(violations.iter().next().unwrap().field, "kinds[0]");
    }

    #[test]
    fn a_rule_reads_back_from_json() {
        let rule = rule(RuleAction::Send {
            channels: vec![ChannelId::generate(noon())],
        });
        let json = serde_json::to_value(&rule).unwrap();
        assert_eq!(json["continue"], false);
        assert_eq!(serde_json::from_value::<Rule>(json).unwrap(), rule);
    }
}
