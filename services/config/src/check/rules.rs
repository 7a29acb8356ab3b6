//! Rules and mention rules.

use std::collections::HashSet;

use watchbell_contracts::config::v1::{MentionRule, Rule, SendAction, SilenceAction, rule::Action};
use watchbell_model::ChannelKind;
use watchbell_model::convert::{self, FromWire, filter_message, mention_message, words};
use watchbell_model::ids::{ChannelId, MentionRuleId};
use watchbell_model::rule::MAX_CHANNELS;
use watchbell_model::violation::{Violations, reason};

use super::Checked;
use super::words::{filter, name};

/// A rule as it is kept. That its channels exist is asked elsewhere.
pub(crate) fn rule(rule: &Rule) -> Checked<Rule> {
    let mut violations = Violations::new();
    let display_name = name(&rule.display_name, "display_name", &mut violations);
    if rule.position < 0 {
        violations.add("position", reason::OUT_OF_RANGE, "must not be negative");
    }
    let matches = rule
        .r#match
        .as_ref()
        .map_or(Ok(None), |matches| filter(matches).map(Some));
    let matches = violations
        .take_under("match", matches)
        .flatten()
        .as_ref()
        .map(filter_message);
    let action = match &rule.action {
        None => {
            violations.add(
                "send",
                reason::REQUIRED,
                "either `send` or `silence` must be given",
            );
            None
        }
        Some(Action::Send(send)) => {
            let channels = channel_ids(send, &mut violations);
            Some(Action::Send(SendAction {
                channel_ids: channels.iter().map(ToString::to_string).collect(),
            }))
        }
        Some(Action::Silence(silence)) => Some(Action::Silence(silenced(silence, &mut violations))),
    };
    let kept = Rule {
        display_name,
        r#match: matches,
        action,
        ..rule.clone()
    };
    violations.into_result(kept)
}

fn channel_ids(send: &SendAction, violations: &mut Violations) -> Vec<ChannelId> {
    if send.channel_ids.is_empty() {
        violations.required("send.channel_ids");
    }
    if send.channel_ids.len() > MAX_CHANNELS {
        violations.add(
            "send.channel_ids",
            reason::TOO_LONG,
            format!("must have at most {MAX_CHANNELS} channels"),
        );
    }
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for (index, text) in send.channel_ids.iter().take(MAX_CHANNELS).enumerate() {
        let at = format!("send.channel_ids[{index}]");
        if let Some(id) = violations.parse::<ChannelId>(&at, reason::MALFORMED, text) {
            if seen.insert(id) {
                ids.push(id);
            } else {
                violations.add(at, reason::DUPLICATE, "is given twice");
            }
        }
    }
    ids
}

fn silenced(silence: &SilenceAction, violations: &mut Violations) -> SilenceAction {
    let kinds: Vec<ChannelKind> = words(&silence.kinds, "silence.kinds", violations);
    for (index, kind) in kinds.iter().enumerate() {
        if !kind.is_chat() {
            violations.add(
                format!("silence.kinds[{index}]"),
                reason::NOT_ALLOWED,
                "only Slack and Teams can be silenced by a rule",
            );
        }
    }
    SilenceAction {
        kinds: kinds.into_iter().map(FromWire::to_wire).collect(),
    }
}

/// A mention rule as it is kept.
pub(crate) fn mention_rule(rule: &MentionRule) -> Checked<MentionRule> {
    // The id is not the writer's to give, and the conversion wants one.
    let id = MentionRuleId::from_uuid(uuid::Uuid::nil()).to_string();
    let types = rule
        .types
        .iter()
        .map(|pattern| pattern.trim().to_owned())
        .collect();
    let parsed = convert::mention_rule(&MentionRule {
        id,
        types,
        ..rule.clone()
    })?;
    parsed.check()?;
    Ok(MentionRule {
        types: parsed.types.iter().map(ToString::to_string).collect(),
        mentions: parsed.mentions.iter().map(mention_message).collect(),
        ..rule.clone()
    })
}
