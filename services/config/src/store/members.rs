//! Members.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::Member;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::{Permission, Role};
use watchbell_runtime::problem::Problem;
use watchbell_store::is_unique_violation;
use watchbell_store::paging::{Page, PageRequest};

use super::entities::member;
use super::{parse, split};
use crate::error::{Error, Result};
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

pub(crate) async fn get(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: MemberId,
) -> Result<member::Model> {
    find(connection, team, id)
        .await?
        .ok_or_else(|| Problem::not_found("member", id).into())
}

/// The member, who may be gone.
pub(crate) async fn find(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: MemberId,
) -> Result<Option<member::Model>> {
    Ok(member::Entity::find_by_id(id.as_uuid())
        .filter(member::Column::TeamId.eq(team.as_uuid()))
        .one(connection)
        .await?)
}

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: TeamId,
    page: &PageRequest<Uuid>,
) -> Result<Page<member::Model>> {
    let mut query = of_team(team).limit(page.limit());
    if let Some(after) = page.after {
        query = query.filter(member::Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    page.page(rows, |row| row.id)
        .map_err(|err| Error::corrupt(TABLE, err))
}

pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<member::Model>> {
    Ok(of_team(team).all(connection).await?)
}

pub(crate) async fn count(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
    Ok(of_team(team).count(connection).await?)
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: &member::Model) -> Result<()> {
    member::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(connection)
        .await
        .map_err(|err| taken(err, row))?;
    Ok(())
}

/// Writes the whole row, which was read under the team's lock.
pub(crate) async fn update(connection: &impl ConnectionTrait, row: &member::Model) -> Result<()> {
    row.clone()
        .into_active_model()
        .reset_all()
        .update(connection)
        .await
        .map_err(|err| taken(err, row))?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, team: TeamId, id: MemberId) -> Result<()> {
    member::Entity::delete_by_id(id.as_uuid())
        .filter(member::Column::TeamId.eq(team.as_uuid()))
        .exec(connection)
        .await?;
    Ok(())
}

fn of_team(team: TeamId) -> sea_orm::Select<member::Entity> {
    member::Entity::find()
        .filter(member::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(member::Column::Id)
}

fn taken(err: sea_orm::DbErr, row: &member::Model) -> Error {
    if is_unique_violation(&err) {
        return Problem::AlreadyExists {
            resource: "member",
            name: row.email.clone(),
        }
        .into();
    }
    err.into()
}
