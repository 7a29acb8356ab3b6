//! Who is called by name in a Slack or Teams message. Only a team's mention rules make mentions, never the text of an
//! event; the ids are checked here, since they go into messages unescaped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::ids::{MemberId, MentionRuleId};
use crate::pattern::EventPattern;
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// A Slack user.
    SlackUser(SlackUserId),
    /// A Slack user group.
    SlackGroup(SlackGroupId),
    /// Everybody active in the Slack channel.
    Here,
    /// A Teams user.
    TeamsUser(TeamsUser),
    /// A member of the team, by the member's Slack user id. Only in rules: a decision names the Slack user.
    Member(MemberId),
}

/// A Teams user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TeamsUser {
    /// The Microsoft Entra object id or the user principal name.
    pub id: String,
    /// The name shown.
    pub name: String,
}

/// Calls people when an event of these types and severities is delivered to Slack or Teams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MentionRule {
    /// The id.
    pub id: MentionRuleId,
    /// Any of these; at least one.
    pub types: Vec<EventPattern>,
    /// Any of these; all when empty.
    #[serde(default)]
    pub severities: SeveritySet,
    /// Whom.
    pub mentions: Vec<Mention>,
}

/// The most mentions of one rule.
pub const MAX_MENTIONS: usize = 20;
const MAX_TYPES: usize = 100;

/// Writes a type for ids of Slack, which begin with certain letters.
macro_rules! slack_id {
    ($(#[$meta:meta])* $name:ident, $error:ident, $letters:expr, $words:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        #[doc = concat!("A text that is not such an id: it ", $words, ".")]
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
        #[error($words)]
        pub struct $error;

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let rest = text.strip_prefix($letters).ok_or($error)?;
                let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
                if !(2..=31).contains(&rest.len()) || !rest.bytes().all(allowed) {
                    return Err($error);
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slack_id!(
    /// A user of Slack, `U012AB3CD` (`W…` in an Enterprise Grid).
    SlackUserId, InvalidSlackUserId, ['U', 'W'], "must be a Slack user id like U012AB3CD"
);
slack_id!(
    /// A user group of Slack, `S012AB3CD`.
    SlackGroupId, InvalidSlackGroupId, ['S'], "must be a Slack user group id like S012AB3CD"
);

// === impl Mention ===

impl Mention {
    /// The only kind of channel it can be used in.
    #[must_use]
    pub const fn kind(&self) -> ChannelKind {
        match self {
            Self::SlackUser(_) | Self::SlackGroup(_) | Self::Here | Self::Member(_) => ChannelKind::Slack,
            Self::TeamsUser(_) => ChannelKind::Teams,
        }
    }

    /// Checks what its type does not. Paths are those of the mention's own fields.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        if let Self::TeamsUser(user) = self {
            if !(1..=256).contains(&user.id.len()) || !user.id.bytes().all(|byte| byte.is_ascii_graphic()) {
                let why = "must be an Entra object id or a user principal name";
                violations.add("teams_user.id", reason::MALFORMED, why);
            }
            if user.name.trim().is_empty() {
                violations.required("teams_user.name");
            }
            violations.limit_chars("teams_user.name", &user.name, 120);
            if user
                .name
                .contains(|c: char| c.is_control() || matches!(c, '<' | '>'))
            {
                let why = "must not have `<`, `>` or control characters";
                violations.add("teams_user.name", reason::MALFORMED, why);
            }
        }
        violations.into_result(())
    }
}

// === impl MentionRule ===

impl MentionRule {
    /// Checks what its types do not. Paths are those of the rule's own fields.
    pub fn check(&self) -> Result<(), Violations> {
        let mut violations = Violations::new();
        for (field, len, limit) in [
            ("types", self.types.len(), MAX_TYPES),
            ("mentions", self.mentions.len(), MAX_MENTIONS),
        ] {
            if len == 0 {
                violations.required(field);
            } else if len > limit {
                violations.add(
                    field,
                    reason::TOO_LONG,
                    format!("must have at most {limit} entries"),
                );
            }
        }
        for (index, mention) in self.mentions.iter().enumerate() {
            violations.take_under(&format!("mentions[{index}]"), mention.check());
        }
        violations.into_result(())
    }

    /// Whether it applies to the event.
    #[must_use]
    pub fn applies(&self, event: &Event) -> bool {
        self.types
            .iter()
            .any(|pattern| pattern.matches(&event.event_type))
            && (self.severities.is_empty() || self.severities.contains(event.severity))
    }

    /// Whom it calls in a channel of that kind.
    pub fn mentions_in(&self, kind: ChannelKind) -> impl Iterator<Item = &Mention> {
        self.mentions.iter().filter(move |mention| mention.kind() == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::sample;
    use crate::vocabulary::Severity;

    #[test]
    fn only_ids_of_slack_can_be_called() {
        assert_eq!("U012AB3CD".parse::<SlackUserId>().unwrap().as_str(), "U012AB3CD");
        assert!("W012AB3CD".parse::<SlackUserId>().is_ok() && "S012AB3CD".parse::<SlackGroupId>().is_ok());
        for text in [
            "",
            "U",
            "S012AB3CD",
            "U012ab",
            "U01>|<!channel",
            "@ann",
            "U012AB3CD ",
        ] {
            assert_eq!(text.parse::<SlackUserId>(), Err(InvalidSlackUserId), "{text}");
        }
        assert!("U012AB3CD".parse::<SlackGroupId>().is_err());
        assert!(serde_json::from_str::<Mention>(r#"{"slack_user":"<!channel>"}"#).is_err());
    }

    fn rule(types: &[&str], severities: SeveritySet) -> MentionRule {
        MentionRule {
            id: MentionRuleId::generate(crate::event::tests::noon()),
            types: types.iter().map(|text| text.parse().unwrap()).collect(),
            severities,
            mentions: vec![
                Mention::Here,
                Mention::TeamsUser(TeamsUser {
                    id: "ann@example.com".to_owned(),
                    name: "Ann".to_owned(),
                }),
            ],
        }
    }

    #[test]
    fn a_rule_applies_by_type_and_severity_and_calls_each_kind_its_own() {
        let event = sample("atlas.alert.fired");
        assert!(rule(&["atlas.*"], SeveritySet::EMPTY).applies(&event));
        assert!(!rule(&["atlas.*"], SeveritySet::CRITICAL).applies(&event));
        assert!(!rule(&["audit.*"], SeveritySet::of(&[Severity::High])).applies(&event));
        let rule = rule(&["*"], SeveritySet::EMPTY);
        assert_eq!(
            rule.mentions_in(ChannelKind::Slack).collect::<Vec<_>>(),
            [&Mention::Here]
        );
        assert_eq!(rule.mentions_in(ChannelKind::Teams).count(), 1);
        assert_eq!(rule.mentions_in(ChannelKind::Email).count(), 0);
    }

    #[test]
    fn a_rule_that_calls_nobody_or_never_is_refused() {
        let mut rule = rule(&[], SeveritySet::EMPTY);
        rule.mentions = vec![Mention::TeamsUser(TeamsUser {
            id: "a b".to_owned(),
            name: "<at>".to_owned(),
        })];
        let violations = rule.check().unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "types",
                "mentions[0].teams_user.id",
                "mentions[0].teams_user.name"
            ]
        );
        rule.mentions.clear();
        assert_eq!(rule.check().unwrap_err().len(), 2);
    }
}
