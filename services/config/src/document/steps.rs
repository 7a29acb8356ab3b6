//! The steps from a team's configuration to what a document asks for, and the same in words.

use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1::{
    Channel, ChannelSecrets, ConfigChange, ConfigChangeAction, ConfigFieldChange,
};
use watchbell_model::Topic;
use watchbell_model::ids::{ChannelId, MemberId, MentionRuleId, RuleId, SilenceId, TeamId};
use watchbell_model::silence::Silence;

use super::tree::Map;
use crate::store::entities::{channel, event_type, mention_rule, preference, rule, team_settings};

/// One thing to do.
pub(crate) enum PlanStep {
    InsertEventType(event_type::Model),
    UpdateEventType(event_type::Model),
    DeleteEventType(String),
    InsertChannel {
        row: channel::Model,
        secrets: ChannelSecrets,
    },
    UpdateChannel {
        row: channel::Model,
        /// The version that was read.
        read: i64,
        /// The new secrets, if they differ.
        secrets: Option<ChannelSecrets>,
    },
    DeleteChannel(channel::Model),
    SetDefault(ChannelId),
    InsertRule(rule::Model),
    UpdateRule(rule::Model),
    DeleteRule(RuleId),
    /// All that are left, in the order that they get.
    OrderRules(Vec<rule::Model>),
    InsertMentionRule(mention_rule::Model),
    UpdateMentionRule(mention_rule::Model),
    DeleteMentionRule(MentionRuleId),
    InsertSilence(Silence),
    ExpireSilence(SilenceId),
    PutPreference(preference::Model),
    DeletePreference(MemberId, Topic),
    PutSettings(team_settings::Model),
}

/// A channel of which the egress guard is to be asked, if it leads somewhere new.
pub(crate) struct GuardCheck {
    /// The path in the document.
    pub(crate) path: String,
    /// With the URL that the document gives.
    pub(crate) channel: Channel,
    /// Which of the current ones it was.
    pub(crate) before: Option<usize>,
}

/// The steps that a document takes.
#[derive(Default)]
pub(crate) struct ConfigPlan {
    pub(crate) steps: Vec<PlanStep>,
    /// The steps in words, in the same order.
    pub(crate) changes: Vec<ConfigChange>,
    pub(crate) guard_checks: Vec<GuardCheck>,
    /// The members whose preferences change.
    pub(crate) members: Vec<MemberId>,
}

/// The team whose configuration changes, and the time of the change.
#[derive(Clone, Copy)]
pub(crate) struct Context {
    pub(crate) team: TeamId,
    pub(crate) now: DateTime<Utc>,
}

// === impl ConfigPlan ===

impl ConfigPlan {
    pub(super) fn create(
        &mut self,
        subject: String,
        step: PlanStep,
        after: Map,
        secrets: Vec<ConfigFieldChange>,
    ) {
        let mut fields = Map::default().changes_to(&after.without(&["name", "kind"]));
        fields.extend(secrets);
        self.step(ConfigChangeAction::Create, subject, fields, step);
    }

    pub(super) fn update(&mut self, subject: String, step: PlanStep, fields: Vec<ConfigFieldChange>) {
        self.step(ConfigChangeAction::Update, subject, fields, step);
    }

    pub(super) fn delete(&mut self, subject: String, step: PlanStep) {
        self.step(ConfigChangeAction::Delete, subject, Vec::new(), step);
    }

    fn step(
        &mut self,
        action: ConfigChangeAction,
        subject: String,
        fields: Vec<ConfigFieldChange>,
        step: PlanStep,
    ) {
        self.say(action, subject, fields);
        self.steps.push(step);
    }

    pub(super) fn say(
        &mut self,
        action: ConfigChangeAction,
        subject: String,
        fields: Vec<ConfigFieldChange>,
    ) {
        self.changes.push(ConfigChange {
            action: action.into(),
            subject,
            fields,
        });
    }
}
