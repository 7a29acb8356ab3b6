//! A member: a user of a team, with what the team lets them do and what they want to hear of.

use std::collections::{BTreeMap, BTreeSet};

use watchbell_contracts::config::v1 as wire;

use crate::convert::{optional, words};
use crate::email::EmailAddress;
use crate::ids::{MemberId, TeamId};
use crate::mention::SlackUserId;
use crate::preference::Preference;
use crate::rule::MAX_NAME_CHARS;
use crate::violation::{Violations, reason};
use crate::vocabulary::{Permission, Plan, Role, Topic};

/// A user of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id.
    pub id: MemberId,
    /// The team.
    pub team_id: TeamId,
    /// Where emails go; unique in the team.
    pub email: EmailAddress,
    /// The name shown; may be empty.
    pub name: String,
    /// What the member may do by default.
    pub role: Role,
    /// Who the member is in the team's Slack.
    pub slack_user_id: Option<SlackUserId>,
    /// Permissions beyond those of the role.
    pub permissions: BTreeSet<Permission>,
    /// Only what the member chose; see [`Member::preference`].
    pub preferences: BTreeMap<Topic, Preference>,
}

// === impl Member ===

impl Member {
    /// The preference that applies: the member's own choice, else the default. Marketing is never on by default.
    #[must_use]
    pub fn preference(&self, plan: Plan, topic: Topic) -> Preference {
        self.preferences
            .get(&topic)
            .copied()
            .unwrap_or_else(|| Preference::default_for(self.role, plan, topic))
    }

    /// Whether the member may, by role or by grant.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.role.permissions().contains(&permission) || self.permissions.contains(&permission)
    }

    /// Whether the member is an Owner.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.role == Role::Owner
    }
}

impl TryFrom<&wire::Member> for Member {
    type Error = Violations;

    /// Reads a member without preferences, which are messages of their own.
    fn try_from(message: &wire::Member) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.parse::<MemberId>("id", reason::MALFORMED, &message.id);
        let team_id = violations.parse::<TeamId>("team_id", reason::MALFORMED, &message.team_id);
        let email = match message.email.trim() {
            "" => {
                violations.required("email");
                None
            }
            text => violations.parse("email", reason::MALFORMED, text),
        };
        violations.limit_chars("display_name", &message.display_name, MAX_NAME_CHARS);
        let role = optional::<Role>(message.role, "role", &mut violations).unwrap_or(Role::Member);
        let slack_user_id = match message.slack_user_id.trim() {
            "" => None,
            id => violations.parse("slack_user_id", reason::MALFORMED, id),
        };
        let permissions: Vec<Permission> = words(&message.permissions, "permissions", &mut violations);
        match (id, team_id, email) {
            (Some(id), Some(team_id), Some(email)) if violations.is_empty() => Ok(Self {
                id,
                team_id,
                email,
                name: message.display_name.trim().to_owned(),
                role,
                slack_user_id,
                permissions: permissions.into_iter().collect(),
                preferences: BTreeMap::new(),
            }),
            _ => Err(violations),
        }
    }
}

impl TryFrom<&wire::MemberSnapshot> for Member {
    type Error = Violations;

    fn try_from(message: &wire::MemberSnapshot) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let member = message.member.clone().unwrap_or_default();
        let member = violations.take_under("member", Self::try_from(&member));
        let preferences = violations.take_each("preferences", &message.preferences, Preference::read);
        match member {
            Some(member) if violations.is_empty() => Ok(Self {
                preferences: preferences
                    .into_iter()
                    .filter_map(|(topic, preference)| preference.map(|preference| (topic, preference)))
                    .collect(),
                ..member
            }),
            _ => Err(violations),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn member(number: u128, role: Role) -> Member {
        Member {
            id: MemberId::from_uuid(Uuid::from_u128(number)),
            team_id: TeamId::from_uuid(Uuid::from_u128(1)),
            email: format!("m{number}@example.com").parse().unwrap(),
            name: String::new(),
            role,
            slack_user_id: None,
            permissions: BTreeSet::new(),
            preferences: BTreeMap::new(),
        }
    }

    #[test]
    fn integrations_are_for_owners_admins_and_whom_they_grant_it() {
        assert!(member(1, Role::Owner).may(Permission::ManageIntegrations));
        assert!(member(1, Role::Admin).may(Permission::ManageIntegrations));
        let mut plain = member(1, Role::Member);
        assert!(!plain.may(Permission::ManageIntegrations));
        plain.permissions.insert(Permission::ManageIntegrations);
        assert!(plain.may(Permission::ManageIntegrations));
    }

    #[test]
    fn every_wrong_field_of_a_member_is_named() {
        let message = wire::MemberSnapshot {
            member: Some(wire::Member {
                role: 99,
                slack_user_id: "ann".to_owned(),
                ..wire::Member::default()
            }),
            preferences: vec![wire::Preference::default()],
        };
        let violations = Member::try_from(&message).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(
            fields,
            [
                "member.id",
                "member.team_id",
                "member.email",
                "member.role",
                "member.slack_user_id",
                "preferences[0].topic"
            ]
        );
    }
}
