//! Rules in their order, and mention rules.

use chrono::{DateTime, Utc};
use prost::Message;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait};
use uuid::Uuid;
use watchbell_contracts::config::v1::{MentionRule, Rule};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{MentionRuleId, RuleId, TeamId};

use super::decode;
use super::entities::{mention_rule, rule};
use super::resource::resource;
use crate::error::Result;
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

    pub(crate) fn new(team: TeamId, message: &Rule, now: DateTime<Utc>) -> Self {
        let spec = Rule {
            display_name: message.display_name.clone(),
            paused: message.paused,
            r#match: message.r#match.clone(),
            action: message.action.clone(),
            continues: message.continues,
            repeat: message.repeat,
            group: message.group.clone(),
            remind: message.remind,
            escalate: message.escalate.clone(),
            ..Rule::default()
        };
        Self {
            id: RuleId::generate(now).as_uuid(),
            team_id: team.as_uuid(),
            position: 0,
            spec: spec.encode_to_vec(),
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Takes over what an admin configures. The place in the order is not part of it.
    pub(crate) fn configure(&mut self, message: &Rule, now: DateTime<Utc>) {
        *self = Self {
            id: self.id,
            position: self.position,
            version: self.version + 1,
            create_time: self.create_time,
            ..Self::new(TeamId::from_uuid(self.team_id), message, now)
        };
    }
}

resource!(
    "rule" in "rules": rule as Rule, at most 500,
    by Id: RuleId, in order of Position: i32,
    |row, _now| row.id, row.position, row.to_message(), version row.version, bytes row.spec.len(),
);

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

    pub(crate) fn new(team: TeamId, message: &MentionRule, now: DateTime<Utc>) -> Self {
        let spec = MentionRule {
            types: message.types.clone(),
            severities: message.severities.clone(),
            mentions: message.mentions.clone(),
            ..MentionRule::default()
        };
        Self {
            id: MentionRuleId::generate(now).as_uuid(),
            team_id: team.as_uuid(),
            spec: spec.encode_to_vec(),
            version: 1,
            create_time: now,
            update_time: now,
        }
    }

    /// Takes over what an admin configures.
    pub(crate) fn configure(&mut self, message: &MentionRule, now: DateTime<Utc>) {
        *self = Self {
            id: self.id,
            version: self.version + 1,
            create_time: self.create_time,
            ..Self::new(TeamId::from_uuid(self.team_id), message, now)
        };
    }
}

resource!(
    "mention rule" in "mention_rules": mention_rule as MentionRule, at most 200,
    by Id: MentionRuleId, in order of Id: Uuid,
    |row, _now| row.id, row.id, row.to_message(), version row.version, bytes row.spec.len(),
);
