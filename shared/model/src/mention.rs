//! Who is called by name in a Slack or Teams message. Only a team's mention rules make mentions, never the text of an
//! event; the ids are checked here, since they go into messages unescaped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use watchbell_contracts::config::v1 as wire;
use watchbell_contracts::event::v1 as event_wire;
use watchbell_contracts::event::v1::mention::Who;

use crate::convert::{FromWire, words};
use crate::event::Event;
use crate::filter::MAX_TYPES;
use crate::ids::{MemberId, MentionRuleId};
use crate::pattern::EventPattern;
use crate::severities::SeveritySet;
use crate::violation::{Violations, reason};
use crate::vocabulary::{ChannelKind, Severity};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MentionRule {
    /// The id.
    pub id: MentionRuleId,
    /// Any of these; at least one.
    pub types: Vec<EventPattern>,
    /// Any of these; all when empty.
    pub severities: SeveritySet,
    /// Whom.
    pub mentions: Vec<Mention>,
}

/// The most mentions of one rule.
pub const MAX_MENTIONS: usize = 20;

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
}

impl TryFrom<&event_wire::Mention> for Mention {
    type Error = Violations;

    fn try_from(message: &event_wire::Mention) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let mention = match &message.who {
            None => {
                violations.add("who", reason::REQUIRED, "must say who is mentioned");
                None
            }
            Some(Who::SlackUser(id)) => violations
                .parse("slack_user", reason::MALFORMED, id)
                .map(Self::SlackUser),
            Some(Who::SlackGroup(id)) => violations
                .parse("slack_group", reason::MALFORMED, id)
                .map(Self::SlackGroup),
            Some(Who::Here(_)) => Some(Self::Here),
            Some(Who::TeamsUser(user)) => violations
                .take_under("teams_user", user.try_into())
                .map(Self::TeamsUser),
            Some(Who::MemberId(id)) => violations
                .parse("member_id", reason::MALFORMED, id)
                .map(Self::Member),
        };
        mention.ok_or(violations)
    }
}

impl From<&Mention> for event_wire::Mention {
    fn from(mention: &Mention) -> Self {
        let who = match mention {
            Mention::SlackUser(id) => Who::SlackUser(id.to_string()),
            Mention::SlackGroup(id) => Who::SlackGroup(id.to_string()),
            Mention::Here => Who::Here(true),
            Mention::TeamsUser(user) => Who::TeamsUser(event_wire::TeamsUser {
                id: user.id.clone(),
                name: user.name.clone(),
            }),
            Mention::Member(id) => Who::MemberId(id.to_string()),
        };
        Self { who: Some(who) }
    }
}

// === impl TeamsUser ===

impl TryFrom<&event_wire::TeamsUser> for TeamsUser {
    type Error = Violations;

    fn try_from(user: &event_wire::TeamsUser) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        if !(1..=256).contains(&user.id.len()) || !user.id.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = "must be an Entra object id or a user principal name";
            violations.add("id", reason::MALFORMED, why);
        }
        if user.name.trim().is_empty() {
            violations.required("name");
        }
        violations.limit_chars("name", &user.name, 120);
        if user
            .name
            .contains(|c: char| c.is_control() || matches!(c, '<' | '>'))
        {
            let why = "must not have `<`, `>` or control characters";
            violations.add("name", reason::MALFORMED, why);
        }
        violations.into_result(Self {
            id: user.id.clone(),
            name: user.name.clone(),
        })
    }
}

// === impl MentionRule ===

impl MentionRule {
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

impl TryFrom<&wire::MentionRule> for MentionRule {
    type Error = Violations;

    fn try_from(message: &wire::MentionRule) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.parse("id", reason::MALFORMED, &message.id);
        for (field, len, limit) in [
            ("types", message.types.len(), MAX_TYPES),
            ("mentions", message.mentions.len(), MAX_MENTIONS),
        ] {
            if len == 0 {
                violations.required(field);
            }
            violations.limit_entries(field, len, limit);
        }
        let types = message.types.iter().map(|text| text.trim().to_owned());
        let types = violations.parse_each("types", &types.take(MAX_TYPES).collect::<Vec<_>>());
        let severities: Vec<Severity> = words(&message.severities, "severities", &mut violations);
        let mentions = violations.take_each("mentions", &message.mentions, Mention::try_from);
        match id {
            Some(id) if violations.is_empty() => Ok(Self {
                id,
                types,
                severities: severities.into(),
                mentions,
            }),
            _ => Err(violations),
        }
    }
}

impl From<&MentionRule> for wire::MentionRule {
    fn from(rule: &MentionRule) -> Self {
        Self {
            id: rule.id.to_string(),
            types: rule.types.iter().map(ToString::to_string).collect(),
            severities: rule.severities.iter().rev().map(FromWire::to_wire).collect(),
            mentions: rule.mentions.iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::sample;

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
    fn every_wrong_field_of_a_rule_is_named_and_a_right_one_reads_back() {
        let rule = rule(&["atlas.*"], SeveritySet::CRITICAL);
        assert_eq!(
            MentionRule::try_from(&wire::MentionRule::from(&rule)),
            Ok(rule.clone())
        );
        let mut message = wire::MentionRule {
            types: vec![],
            ..(&rule).into()
        };
        message.mentions = vec![event_wire::Mention {
            who: Some(Who::TeamsUser(event_wire::TeamsUser {
                id: "a b".to_owned(),
                name: "<at>".to_owned(),
            })),
        }];
        let violations = MentionRule::try_from(&message).unwrap_err();
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
        message.mentions.clear();
        assert_eq!(MentionRule::try_from(&message).unwrap_err().len(), 2);
    }
}
