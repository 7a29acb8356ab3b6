//! Rules in their order, and mention rules.

use prost::Message;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ConnectionTrait, Value};
use watchbell_contracts::config::v1::{MentionRule, Rule};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{MentionRuleId, RuleId, TeamId};

use super::entities::{mention_rule, rule};
use super::{Resource, decode};
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

impl Resource for rule::Entity {
    type Active = rule::ActiveModel;
    type Id = RuleId;
    const NAME: &'static str = "rule";
    const TABLE: &'static str = "rules";
    const TEAM: rule::Column = rule::Column::TeamId;
    const ID: rule::Column = rule::Column::Id;
    const ORDER: rule::Column = rule::Column::Position;

    fn value(id: &RuleId) -> Value {
        id.as_uuid().into()
    }

    fn label(row: &rule::Model) -> String {
        row.id.to_string()
    }

    fn bytes(row: &rule::Model) -> usize {
        row.spec.len()
    }
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

impl Resource for mention_rule::Entity {
    type Active = mention_rule::ActiveModel;
    type Id = MentionRuleId;
    const NAME: &'static str = "mention rule";
    const TABLE: &'static str = "mention_rules";
    const TEAM: mention_rule::Column = mention_rule::Column::TeamId;
    const ID: mention_rule::Column = mention_rule::Column::Id;
    const ORDER: mention_rule::Column = mention_rule::Column::Id;

    fn value(id: &MentionRuleId) -> Value {
        id.as_uuid().into()
    }

    fn label(row: &mention_rule::Model) -> String {
        row.id.to_string()
    }

    fn bytes(row: &mention_rule::Model) -> usize {
        row.spec.len()
    }
}
