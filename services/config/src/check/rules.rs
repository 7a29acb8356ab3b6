//! Rules and mention rules.

use std::collections::HashSet;

use watchbell_contracts::config::v1::{MentionRule, Rule, SendAction, SilenceAction, rule::Action};
use watchbell_contracts::convert::{FromWire, words};
use watchbell_contracts::event::v1::{Mention, TeamsUser, mention::Who};
use watchbell_domain::ids::ChannelId;
use watchbell_domain::mention::{MAX_MENTIONS, SlackGroupId, SlackUserId};
use watchbell_domain::violation::{Violations, reason};
use watchbell_domain::{ChannelKind, EventPattern, Severity};

use super::Checked;
use super::filter::filter;
use super::words::name;

const MAX_CHANNELS: usize = 20;
const MAX_PATTERNS: usize = 100;

/// A rule as it is kept, and the channels that must exist for it.
pub(crate) fn rule(rule: &Rule) -> Checked<(Rule, Vec<ChannelId>)> {
    let mut violations = Violations::new();
    let display_name = name(&rule.display_name, "display_name", &mut violations);
    if rule.position < 0 {
        violations.add("position", reason::OUT_OF_RANGE, "must not be negative");
    }
    let matches = rule
        .r#match
        .as_ref()
        .map_or(Ok(None), |matches| filter(matches).map(Some));
    let matches = violations.take_under("match", matches).flatten();
    let mut channels = Vec::new();
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
            channels = channel_ids(send, &mut violations);
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
    violations.into_result((kept, channels))
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
    let mut violations = Violations::new();
    if rule.types.is_empty() {
        violations.required("types");
    }
    if rule.types.len() > MAX_PATTERNS {
        violations.add(
            "types",
            reason::TOO_LONG,
            format!("must have at most {MAX_PATTERNS} entries"),
        );
    }
    let mut types = Vec::new();
    for (index, text) in rule.types.iter().take(MAX_PATTERNS).enumerate() {
        let pattern =
            violations.parse::<EventPattern>(&format!("types[{index}]"), reason::MALFORMED, text.trim());
        types.extend(pattern.map(String::from));
    }
    let _: Vec<Severity> = words(&rule.severities, "severities", &mut violations);
    if rule.mentions.is_empty() {
        violations.required("mentions");
    }
    if rule.mentions.len() > MAX_MENTIONS {
        violations.add(
            "mentions",
            reason::TOO_LONG,
            format!("must have at most {MAX_MENTIONS} entries"),
        );
    }
    let mut mentions = Vec::new();
    for (index, mention) in rule.mentions.iter().take(MAX_MENTIONS).enumerate() {
        mentions.extend(violations.take_under(&format!("mentions[{index}]"), self::mention(mention)));
    }
    violations.into_result(MentionRule {
        types,
        mentions,
        ..rule.clone()
    })
}

fn mention(mention: &Mention) -> Checked<Mention> {
    let mut violations = Violations::new();
    let who = match &mention.who {
        None => {
            violations.add("who", reason::REQUIRED, "must say who is mentioned");
            None
        }
        Some(Who::SlackUser(id)) => violations
            .parse::<SlackUserId>("slack_user", reason::MALFORMED, id)
            .map(|id| Who::SlackUser(id.into())),
        Some(Who::SlackGroup(id)) => violations
            .parse::<SlackGroupId>("slack_group", reason::MALFORMED, id)
            .map(|id| Who::SlackGroup(id.into())),
        Some(Who::Here(here)) => {
            if !here {
                violations.add("here", reason::MALFORMED, "must be true when it is given");
            }
            Some(Who::Here(true))
        }
        Some(Who::TeamsUser(user)) => Some(Who::TeamsUser(TeamsUser {
            id: name(&user.id, "teams_user.id", &mut violations),
            name: name(&user.name, "teams_user.name", &mut violations),
        })),
    };
    violations.into_result(Mention { who })
}
