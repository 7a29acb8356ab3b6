//! Rules in their order, and mention rules.

use prost::Message;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;
use watchbell_contracts::config::v1::{MentionRule, Rule};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{MentionRuleId, RuleId, TeamId};
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{Page, PageRequest};

use super::decode;
use super::entities::{mention_rule, rule};
use crate::error::{Error, Result};
use crate::etag;

// === impl rule::Model ===

impl rule::Model {
    pub(crate) fn rule_id(&self) -> RuleId {
        RuleId::from_uuid(self.id)
    }

    pub(crate) fn to_message(&self) -> Result<Rule> {
        Ok(Rule {
            id: self.rule_id().to_string(),
            team_id: TeamId::from_uuid(self.team_id).to_string(),
            position: self.position,
            etag: etag::from_version(self.version),
            create_time: Some(timestamp(self.create_time)),
            update_time: Some(timestamp(self.update_time)),
            ..decode("rules", &self.spec)?
        })
    }

    /// Takes over what an admin configures. The place in the order is not part of it.
    pub(crate) fn configure(&mut self, message: &Rule) {
        let spec = Rule {
            display_name: message.display_name.clone(),
            paused: message.paused,
            r#match: message.r#match.clone(),
            action: message.action.clone(),
            continues: message.continues,
            ..Rule::default()
        };
        self.spec = spec.encode_to_vec();
    }
}

pub(crate) async fn get(connection: &impl ConnectionTrait, team: TeamId, id: RuleId) -> Result<rule::Model> {
    of_team(team)
        .filter(rule::Column::Id.eq(id.as_uuid()))
        .one(connection)
        .await?
        .ok_or_else(|| Problem::not_found("rule", id).into())
}

pub(crate) async fn list(
    connection: &impl ConnectionTrait,
    team: TeamId,
    page: &PageRequest<i32>,
) -> Result<Page<rule::Model>> {
    let mut query = of_team(team).limit(page.limit());
    if let Some(after) = page.after {
        query = query.filter(rule::Column::Position.gt(after));
    }
    let rows = query.all(connection).await?;
    page.within(rows.iter().map(|row| row.spec.len()))
        .page(rows, |row| row.position)
        .map_err(|err| Error::corrupt("rules", err))
}

/// All rules of a team, in order.
pub(crate) async fn all(connection: &impl ConnectionTrait, team: TeamId) -> Result<Vec<rule::Model>> {
    Ok(of_team(team).all(connection).await?)
}

pub(crate) async fn insert(connection: &impl ConnectionTrait, row: &rule::Model) -> Result<()> {
    rule::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Writes the whole row, which was read under the team's lock.
pub(crate) async fn update(connection: &impl ConnectionTrait, row: &rule::Model) -> Result<()> {
    row.clone()
        .into_active_model()
        .reset_all()
        .update(connection)
        .await?;
    Ok(())
}

pub(crate) async fn delete(connection: &impl ConnectionTrait, team: TeamId, id: RuleId) -> Result<()> {
    rule::Entity::delete_by_id(id.as_uuid())
        .filter(rule::Column::TeamId.eq(team.as_uuid()))
        .exec(connection)
        .await?;
    Ok(())
}

/// Gives rules the positions from 1 in the order in which they stand; writes only those that moved.
pub(crate) async fn renumber(connection: &impl ConnectionTrait, rules: &mut [rule::Model]) -> Result<()> {
    for (position, row) in (1..).zip(rules) {
        if row.position != position {
            row.position = position;
            rule::ActiveModel {
                id: Set(row.id),
                position: Set(position),
                ..Default::default()
            }
            .update(connection)
            .await?;
        }
    }
    Ok(())
}

fn of_team(team: TeamId) -> sea_orm::Select<rule::Entity> {
    rule::Entity::find()
        .filter(rule::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(rule::Column::Position)
}

// === impl mention_rule::Model ===

impl mention_rule::Model {
    pub(crate) fn rule_id(&self) -> MentionRuleId {
        MentionRuleId::from_uuid(self.id)
    }

    pub(crate) fn to_message(&self) -> Result<MentionRule> {
        Ok(MentionRule {
            id: self.rule_id().to_string(),
            team_id: TeamId::from_uuid(self.team_id).to_string(),
            etag: etag::from_version(self.version),
            create_time: Some(timestamp(self.create_time)),
            update_time: Some(timestamp(self.update_time)),
            ..decode("mention_rules", &self.spec)?
        })
    }

    pub(crate) fn configure(&mut self, message: &MentionRule) {
        let spec = MentionRule {
            types: message.types.clone(),
            severities: message.severities.clone(),
            mentions: message.mentions.clone(),
            ..MentionRule::default()
        };
        self.spec = spec.encode_to_vec();
    }
}

pub(crate) async fn get_mention(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: MentionRuleId,
) -> Result<mention_rule::Model> {
    mentions_of_team(team)
        .filter(mention_rule::Column::Id.eq(id.as_uuid()))
        .one(connection)
        .await?
        .ok_or_else(|| Problem::not_found("mention rule", id).into())
}

pub(crate) async fn list_mentions(
    connection: &impl ConnectionTrait,
    team: TeamId,
    page: &PageRequest<Uuid>,
) -> Result<Page<mention_rule::Model>> {
    let mut query = mentions_of_team(team).limit(page.limit());
    if let Some(after) = page.after {
        query = query.filter(mention_rule::Column::Id.gt(after));
    }
    let rows = query.all(connection).await?;
    page.within(rows.iter().map(|row| row.spec.len()))
        .page(rows, |row| row.id)
        .map_err(|err| Error::corrupt("mention_rules", err))
}

pub(crate) async fn all_mentions(
    connection: &impl ConnectionTrait,
    team: TeamId,
) -> Result<Vec<mention_rule::Model>> {
    Ok(mentions_of_team(team).all(connection).await?)
}

pub(crate) async fn count_mentions(connection: &impl ConnectionTrait, team: TeamId) -> Result<u64> {
    Ok(mentions_of_team(team).count(connection).await?)
}

pub(crate) async fn insert_mention(
    connection: &impl ConnectionTrait,
    row: &mention_rule::Model,
) -> Result<()> {
    mention_rule::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Writes the whole row, which was read under the team's lock.
pub(crate) async fn update_mention(
    connection: &impl ConnectionTrait,
    row: &mention_rule::Model,
) -> Result<()> {
    row.clone()
        .into_active_model()
        .reset_all()
        .update(connection)
        .await?;
    Ok(())
}

pub(crate) async fn delete_mention(
    connection: &impl ConnectionTrait,
    team: TeamId,
    id: MentionRuleId,
) -> Result<()> {
    mention_rule::Entity::delete_by_id(id.as_uuid())
        .filter(mention_rule::Column::TeamId.eq(team.as_uuid()))
        .exec(connection)
        .await?;
    Ok(())
}

fn mentions_of_team(team: TeamId) -> sea_orm::Select<mention_rule::Entity> {
    mention_rule::Entity::find()
        .filter(mention_rule::Column::TeamId.eq(team.as_uuid()))
        .order_by_asc(mention_rule::Column::Id)
}
