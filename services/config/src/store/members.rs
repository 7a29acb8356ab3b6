//! Members.

use sea_orm::Value;
use watchbell_contracts::config::v1::Member;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::{Permission, Role};

use super::entities::member;
use super::{Resource, parse, split};
use crate::error::Result;
use crate::etag;

const TABLE: &str = "members";

// === impl member::Model ===

impl member::Model {
    pub(crate) fn member_id(&self) -> MemberId {
        MemberId::from_uuid(self.id)
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

impl Resource for member::Entity {
    type Active = member::ActiveModel;
    type Id = MemberId;
    const NAME: &'static str = "member";
    const TABLE: &'static str = "members";
    const TEAM: member::Column = member::Column::TeamId;
    const ID: member::Column = member::Column::Id;
    const ORDER: member::Column = member::Column::Id;

    fn value(id: &MemberId) -> Value {
        id.as_uuid().into()
    }

    fn label(row: &member::Model) -> String {
        row.email.clone()
    }
}
