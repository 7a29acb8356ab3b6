//! Rules and mention rules, as deciding sees them.

use crate::{
    ids::{ChannelId, MentionRuleId, RuleId},
    mention::{Mention, MentionRule, TeamsUser},
    rule::{Rule, RuleAction},
    violation::{Violations, reason},
};

use super::{channel::addresses, filter, words};
use watchbell_contracts::{
    config::v1::{self as wire, rule::Action},
    event::v1::{self as event, mention::Who},
};

/// A rule that Config keeps.
///
/// # Errors
/// Every field that does not parse.
pub fn rule(message: &wire::Rule) -> Result<Rule, Violations> {
    let mut violations = Violations::new();
    let id = violations.parse::<RuleId>("id", reason::MALFORMED, &message.id);
    let filter = message
        .r#match
        .as_ref()
        .map_or_else(|| Ok(crate::filter::Filter::default()), filter);
    let filter = violations.take_under("match", filter);
    let action = match &message.action {
        None => {
            violations.add(
                "send",
                reason::REQUIRED,
                "either `send` or `silence` must be given",
            );
            None
        }
        Some(Action::Send(send)) => {
            let channels = addresses::<ChannelId>(&send.channel_ids, "send.channel_ids", &mut violations);
            Some(RuleAction::Send { channels })
        }
        Some(Action::Silence(silence)) => Some(RuleAction::Silence {
            kinds: words(&silence.kinds, "silence.kinds", &mut violations),
        }),
    };
    match (id, filter, action) {
        (Some(id), Some(filter), Some(action)) if violations.is_empty() => Ok(Rule {
            id,
            name: message.display_name.clone(),
            position: u32::try_from(message.position).unwrap_or_default(),
            enabled: !message.paused,
            filter,
            action,
            continue_: message.continues,
        }),
        _ => Err(violations),
    }
}

/// A mention rule that Config keeps.
///
/// # Errors
/// Every field that does not parse.
pub fn mention_rule(message: &wire::MentionRule) -> Result<MentionRule, Violations> {
    let mut violations = Violations::new();
    let id = violations.parse::<MentionRuleId>("id", reason::MALFORMED, &message.id);
    let types = addresses(&message.types, "types", &mut violations);
    let severities = words(&message.severities, "severities", &mut violations)
        .into_iter()
        .collect();
    let mut mentions = Vec::new();
    for (index, written) in message.mentions.iter().enumerate() {
        mentions.extend(violations.take_under(&format!("mentions[{index}]"), mention(written)));
    }
    match id {
        Some(id) if violations.is_empty() => Ok(MentionRule {
            id,
            types,
            severities,
            mentions,
        }),
        _ => Err(violations),
    }
}

fn mention(message: &event::Mention) -> Result<Mention, Violations> {
    let mut violations = Violations::new();
    let mention = match &message.who {
        None => {
            violations.add("who", reason::REQUIRED, "must say who is mentioned");
            None
        }
        Some(Who::SlackUser(id)) => violations
            .parse("slack_user", reason::MALFORMED, id)
            .map(Mention::SlackUser),
        Some(Who::SlackGroup(id)) => violations
            .parse("slack_group", reason::MALFORMED, id)
            .map(Mention::SlackGroup),
        Some(Who::Here(_)) => Some(Mention::Here),
        Some(Who::TeamsUser(user)) => Some(Mention::TeamsUser(TeamsUser {
            id: user.id.clone(),
            name: user.name.clone(),
        })),
        Some(Who::MemberId(id)) => violations
            .parse("member_id", reason::MALFORMED, id)
            .map(Mention::Member),
    };
    mention.ok_or(violations)
}

/// Somebody called by name, as a message.
#[must_use]
pub fn mention_message(mention: &Mention) -> event::Mention {
    let who = match mention {
        Mention::SlackUser(id) => Who::SlackUser(id.to_string()),
        Mention::SlackGroup(id) => Who::SlackGroup(id.to_string()),
        Mention::Here => Who::Here(true),
        Mention::TeamsUser(user) => Who::TeamsUser(event::TeamsUser {
            id: user.id.clone(),
            name: user.name.clone(),
        }),
        Mention::Member(id) => Who::MemberId(id.to_string()),
    };
    event::Mention { who: Some(who) }
}
