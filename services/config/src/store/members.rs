//! Members.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_contracts::config::v1::Member;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::member::Member as Checked;
use watchbell_model::{Permission, Role};

use super::entities::member;
use super::resource::resource;
use super::{join, parse, split};
use crate::error::Result;
use crate::etag;

const TABLE: &str = "members";

// === impl member::Model ===

impl member::Model {
    pub(crate) fn member_id(&self) -> MemberId {
        MemberId::from_uuid(self.id)
    }

    pub(crate) fn new(team: TeamId, member: Checked, now: DateTime<Utc>) -> Self {
        Self {
            id: MemberId::generate(now).as_uuid(),
            team_id: team.as_uuid(),
            email_key: member.email.key(),
            email: member.email.into(),
            display_name: member.name,
            role: member.role.to_string(),
            slack_user_id: member.slack_user_id.map(String::from).unwrap_or_default(),
            permissions: join(member.permissions),
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Takes over what an admin configures.
    pub(crate) fn configure(&mut self, member: Checked, now: DateTime<Utc>) {
        *self = Self {
            id: self.id,
            version: self.version + 1,
            create_time: self.create_time,
            ..Self::new(TeamId::from_uuid(self.team_id), member, now)
        };
    }

    pub(crate) fn role(&self) -> Result<Role> {
        parse(TABLE, &self.role)
    }

    pub(crate) fn to_message(&self) -> Result<Member> {
        let permissions = split::<Permission>(TABLE, &self.permissions)?;
        Ok(Member {
            id: self.member_id().to_string(),
            team_id: TeamId::from_uuid(self.team_id).to_string(),
            email: self.email.clone(),
            display_name: self.display_name.clone(),
            role: self.role()?.to_wire(),
            slack_user_id: self.slack_user_id.clone(),
            permissions: permissions.into_iter().map(FromWire::to_wire).collect(),
            etag: etag::from_version(self.version),
            create_time: Some(timestamp(self.create_time)),
            update_time: Some(timestamp(self.update_time)),
        })
    }
}

resource!(
    "member" in "members": member as Member, at most 5_000,
    by Id: MemberId, in order of Id: Uuid,
    |row, _now| row.email, row.id, row.to_message(), version row.version,
);
