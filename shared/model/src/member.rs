//! A member: a user of a team, with what the team lets them do and what they want to hear of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::email::EmailAddress;
use crate::ids::{MemberId, TeamId};
use crate::mention::SlackUserId;
use crate::preference::Preference;
use crate::vocabulary::{Permission, Role, Topic};

/// A user of a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The id.
    pub id: MemberId,
    /// The team.
    pub team_id: TeamId,
    /// Where emails go; unique in the team.
    pub email: EmailAddress,
    /// The name shown; may be empty.
    #[serde(default)]
    pub name: String,
    /// What the member may do by default.
    pub role: Role,
    /// Who the member is in the team's Slack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_user_id: Option<SlackUserId>,
    /// Permissions beyond those of the role.
    #[serde(default)]
    pub permissions: BTreeSet<Permission>,
    /// Only what the member chose; see [`crate::preference::effective`].
    #[serde(default)]
    pub preferences: BTreeMap<Topic, Preference>,
}

// === impl Member ===

impl Member {
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
    fn a_member_reads_back_from_json() {
        let mut member = member(7, Role::Admin);
        member.preferences.insert(Topic::Marketing, Preference::On);
        let json = serde_json::to_string(&member).unwrap();
        assert_eq!(serde_json::from_str::<Member>(&json).unwrap(), member);
    }
}
