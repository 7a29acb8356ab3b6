//! Warnings about configuration that is kept all the same: patterns that choose no event type of the team's catalog,
//! more often a typing mistake than a type to come; and email channels without a mail server.

use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{Channel, MentionRule, Rule, Silence};
use watchbell_model::catalog::Catalog;
use watchbell_model::ids::TeamId;
use watchbell_model::pattern::{EventPattern, EventType};

use crate::error::Result;
use crate::store::Resource;
use crate::store::entities::event_type;

/// The event types that a team can emit.
pub(crate) struct Known(Vec<EventType>);

/// Warns of an email channel that cannot send.
pub(crate) fn without_mail_server(channel: &Channel, platform_mail: bool) -> Option<String> {
    match &channel.destination {
        Some(Destination::Email(email)) if email.smtp.is_none() && !platform_mail => Some(format!(
            "The channel “{}” has no mail server: set one for the platform, or give the channel its own.",
            channel.display_name
        )),
        _ => None,
    }
}

// === impl Known ===

impl Known {
    /// Event types that a team can emit.
    pub(crate) async fn read(connection: &impl ConnectionTrait, team: TeamId) -> Result<Self> {
        let rows = event_type::Entity::all(connection, team).await?;
        Ok(Self::with(rows.iter().map(|row| row.name.as_str())))
    }

    /// The built-in types and these.
    pub(crate) fn with<'n>(custom: impl Iterator<Item = &'n str>) -> Self {
        let built_in = Catalog::built_in().iter().map(|spec| spec.event_type.clone());
        Self(
            built_in
                .chain(custom.filter_map(|name| name.parse().ok()))
                .collect(),
        )
    }

    /// Warnings about a rule, a sentence each.
    pub(crate) fn of_rule(&self, rule: &Rule) -> Vec<String> {
        let types = rule.r#match.iter().flat_map(|filter| &filter.types);
        self.unmatched(&format!("The rule “{}”", rule.display_name), types)
    }

    /// Warnings about a channel.
    pub(crate) fn of_channel(&self, channel: &Channel) -> Vec<String> {
        let own = match &channel.destination {
            Some(Destination::Webhook(webhook)) => webhook.filter.as_ref(),
            _ => None,
        };
        let types = own
            .into_iter()
            .chain(&channel.triggers)
            .flat_map(|filter| &filter.types);
        self.unmatched(&format!("The channel “{}”", channel.display_name), types)
    }

    /// Warnings about a mention rule.
    pub(crate) fn of_mention_rule(&self, rule: &MentionRule) -> Vec<String> {
        self.unmatched("The mention rule", rule.types.iter())
    }

    /// Warnings about a silence.
    pub(crate) fn of_silence(&self, silence: &Silence) -> Vec<String> {
        let types = silence.r#match.iter().flat_map(|filter| &filter.types);
        self.unmatched("The silence", types)
    }

    fn unmatched<'t>(&self, subject: &str, types: impl Iterator<Item = &'t String>) -> Vec<String> {
        let is_unmatched = |text: &&String| {
            text.parse::<EventPattern>()
                .is_ok_and(|pattern| !self.0.iter().any(|known| pattern.matches(known)))
        };
        types
            .filter(is_unmatched)
            .map(|text| format!("{subject} asks for `{text}`, which no event type of the catalog matches."))
            .collect()
    }
}
