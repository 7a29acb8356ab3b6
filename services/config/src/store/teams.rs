//! Teams and what they set as a whole.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::{DigestSettings, Team};
use watchbell_model::Plan;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{Page, PageRequest};

use super::entities::{team, team_settings};
use super::parse;
use crate::check::TeamDraft;
use crate::error::{Error, Result};
use crate::etag;

const TABLE: &str = "teams";

// === impl team::Model ===

impl team::Model {
    pub(crate) fn team_id(&self) -> TeamId {
        TeamId::from_uuid(self.id)
    }

    /// Takes over what an admin configures.
    pub(crate) fn configure(&mut self, draft: TeamDraft, now: DateTime<Utc>) {
        self.display_name = draft.display_name;
        self.plan = draft.plan.to_string();
        self.time_zone = draft.time_zone;
        self.version += 1;
        self.update_time = now;
    }

    pub(crate) fn to_message(&self) -> Result<Team> {
        Ok(Team {
            id: self.team_id().to_string(),
            display_name: self.display_name.clone(),
            plan: parse::<Plan>(TABLE, &self.plan)?.to_wire(),
            time_zone: self.time_zone.clone(),
            etag: etag::from_version(self.version),
            create_time: Some(timestamp(self.create_time)),
            update_time: Some(timestamp(self.update_time)),
        })
    }
}

/// The team, which may be gone.
pub(crate) async fn find(connection: &impl ConnectionTrait, id: TeamId) -> Result<Option<team::Model>> {
    Ok(team::Entity::find_by_id(id.as_uuid()).one(connection).await?)
}

pub(crate) async fn get(connection: &impl ConnectionTrait, id: TeamId) -> Result<team::Model> {
    find(connection, id)
        .await?
        .ok_or_else(|| Problem::not_found("team", id).into())
}

pub(crate) async fn list_all_teams(
    connection: &impl ConnectionTrait,
    page: &PageRequest<Uuid>,
) -> Result<Page<team::Model>> {
    let mut query = team::Entity::find()
        .order_by_asc(team::Column::Id)
        .limit(page.limit());
    if let Some(after) = page.after {
        query = query.filter(team::Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    page.page(rows, |row| row.id)
        .map_err(|err| Error::corrupt(TABLE, err))
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: team::Model) -> Result<()> {
    team::Entity::insert(row.into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Writes what `UpdateTeam` may change; the revision is the change's own business.
pub(crate) async fn update(connection: &impl ConnectionTrait, row: &team::Model) -> Result<()> {
    team::ActiveModel {
        id: Set(row.id),
        display_name: Set(row.display_name.clone()),
        plan: Set(row.plan.clone()),
        time_zone: Set(row.time_zone.clone()),
        version: Set(row.version),
        update_time: Set(row.update_time),
        ..Default::default()
    }
    .update(connection)
    .await?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, id: TeamId) -> Result<()> {
    team::Entity::delete_by_id(id.as_uuid()).exec(connection).await?;
    Ok(())
}

// === impl team_settings::Model ===

impl team_settings::Model {
    /// Of a team that has set nothing yet.
    fn unset(team: TeamId) -> Self {
        Self {
            team_id: team.as_uuid(),
            compliance_recipients: String::new(),
            digest: Vec::new(),
            digest_version: 0,
        }
    }

    pub(crate) fn recipients(&self) -> Vec<String> {
        self.compliance_recipients
            .lines()
            .map(ToOwned::to_owned)
            .collect()
    }

    pub(crate) fn digest(&self) -> Result<DigestSettings> {
        let mut digest: DigestSettings = super::decode("team_settings", &self.digest)?;
        digest.etag = etag::from_version(self.digest_version);
        Ok(digest)
    }
}

pub(crate) async fn settings(
    connection: &impl ConnectionTrait,
    team: TeamId,
) -> Result<team_settings::Model> {
    let row = team_settings::Entity::find_by_id(team.as_uuid())
        .one(connection)
        .await?;
    Ok(row.unwrap_or_else(|| team_settings::Model::unset(team)))
}

pub(crate) async fn put_settings(connection: &impl ConnectionTrait, row: team_settings::Model) -> Result<()> {
    use team_settings::Column;
    team_settings::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::column(Column::TeamId)
                .update_columns([
                    Column::ComplianceRecipients,
                    Column::Digest,
                    Column::DigestVersion,
                ])
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}
