//! Rules in their order, and mention rules. A rule is known by its name, and by its place among those of the same name;
//! a mention rule has none and is known by what it says.

use std::collections::HashSet;

use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{ConfigFieldChange, MentionRule, Rule};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::ChannelKind;
use watchbell_model::rule::named_channels;
use watchbell_model::violation::{Violations, reason};

use super::current::Current;
use super::plan_channels::{Channels, Known};
use super::steps::{ConfigPlan, Context, PlanStep};
use super::tree::{Map, Tree};
use super::{ChannelRef, Located, RuleDraft, entry, plan_channels};
use crate::store::entities::{mention_rule, rule};

/// Plans the rules; those that a document names send to `channels`.
pub(super) fn rules(
    plan: &mut ConfigPlan,
    current: &Current,
    drafts: &[RuleDraft],
    channels: Channels<'_>,
    context: Context,
    violations: &mut Violations,
) {
    let found = found(current, drafts);
    let unmoved = unmoved(&found);
    let present = plan_channels::present(current);
    let mut order = Vec::new();
    for (place, (draft, found)) in drafts.iter().zip(&found).enumerate() {
        let Some(message) = violations.take(with_channels(draft, channels)) else {
            continue;
        };
        let subject = format!("rule {}", message.display_name);
        let after = entry::rule(&message, |id| called(id, channels.known));
        match found.and_then(|index| Some((index, current.rules.get(index)?))) {
            None => {
                let row = rule::Model::new(context.team, &message, context.now);
                order.push(row.clone());
                plan.create(subject, PlanStep::InsertRule(row), after, Vec::new());
            }
            Some((index, (row, was))) => {
                let mut fields = entry::rule(was, |id| called(id, &present)).changes_to(&after);
                let mut row = row.clone();
                if !fields.is_empty() {
                    row.configure(&message, context.now);
                }
                order.push(row.clone());
                if !unmoved.contains(&index) {
                    fields.push(ConfigFieldChange {
                        field: "position".to_owned(),
                        before: was.position.to_string(),
                        after: (place + 1).to_string(),
                    });
                }
                if !fields.is_empty() {
                    plan.update(subject, PlanStep::UpdateRule(row), fields);
                }
            }
        }
    }
    for (index, (row, was)) in current.rules.iter().enumerate() {
        if !found.contains(&Some(index)) {
            plan.delete(
                format!("rule {}", was.display_name),
                PlanStep::DeleteRule(row.rule_id()),
            );
        }
    }
    plan.steps.push(PlanStep::OrderRules(order));
}

/// Which present rule each draft means: the first of its name that no draft before it means.
fn found(current: &Current, drafts: &[RuleDraft]) -> Vec<Option<usize>> {
    let mut taken = HashSet::new();
    let mut found = Vec::new();
    for draft in drafts {
        let free = |(index, (_, rule)): &(usize, &(rule::Model, Rule))| {
            rule.display_name == draft.message.display_name && !taken.contains(index)
        };
        let index = current
            .rules
            .iter()
            .enumerate()
            .find(free)
            .map(|(index, _)| index);
        taken.extend(index);
        found.push(index);
    }
    found
}

/// The most rules that can stay where they are while the others move around them: the longest rising sequence.
pub(super) fn unmoved(found: &[Option<usize>]) -> HashSet<usize> {
    let indexes: Vec<usize> = found.iter().copied().flatten().collect();
    // For each, the length of the longest sequence that ends with it, and what comes before it there.
    let mut best: Vec<(usize, Option<usize>)> = Vec::new();
    for (at, index) in indexes.iter().enumerate() {
        let before = (0..at)
            .filter(|other| indexes[*other] < *index)
            .max_by_key(|other| best[*other].0);
        best.push((before.map_or(1, |other| best[other].0 + 1), before));
    }
    let mut stay = HashSet::new();
    let mut at = (0..best.len()).max_by_key(|at| best[*at].0);
    while let Some(here) = at {
        stay.insert(indexes[here]);
        at = best[here].1;
    }
    stay
}

fn with_channels(draft: &RuleDraft, channels: Channels<'_>) -> Result<Rule, Violations> {
    let mut message = draft.message.clone();
    let mut violations = Violations::new();
    if let Some(Action::Send(send)) = &mut message.action {
        send.channel_ids = ids(&draft.send, channels, &mut violations);
    }
    if let Some(escalate) = &mut message.escalate {
        escalate.channel_ids = ids(&draft.escalate, channels, &mut violations);
    }
    violations.into_result(message)
}

/// The ids of channels that a document names.
fn ids(named: &[ChannelRef], channels: Channels<'_>, violations: &mut Violations) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for to in named {
        let id = match meant(to, channels.known) {
            Ok(known) => known.id.clone(),
            Err(_) if !channels.complete => continue,
            Err(wrong) => {
                violations.extend(wrong);
                continue;
            }
        };
        if ids.contains(&id) {
            violations.add(&to.path, reason::DUPLICATE, "is given twice");
        }
        ids.push(id);
    }
    ids
}

/// The channel that a rule of a document means.
fn meant<'k>(to: &ChannelRef, channels: &'k [Known]) -> Result<&'k Known, Violations> {
    let named = to.among(channels);
    let routable: Vec<_> = named
        .iter()
        .filter(|known| known.kind != ChannelKind::Webhook)
        .copied()
        .collect();
    let (reason, why) = match (routable.as_slice(), named.is_empty()) {
        ([one], _) => return Ok(one),
        ([], true) => (reason::UNKNOWN_VALUE, to.is_none()),
        ([], false) => (
            reason::NOT_ALLOWED,
            "is a webhook, which has a filter of its own".to_owned(),
        ),
        (several, _) => (reason::UNKNOWN_VALUE, is_several(several)),
    };
    Err(Violations::one(&to.path, reason, why))
}

/// That a name alone means several channels.
pub(super) fn is_several(channels: &[&Known]) -> String {
    let kinds: Vec<_> = channels
        .iter()
        .map(|known| super::words::lower(known.kind))
        .collect();
    format!(
        "is the name of several channels ({}); say which as in {{slack: \"…\"}}",
        kinds.join(", ")
    )
}

/// The name of a channel in a difference, with its kind, since its name alone could mean two.
pub(super) fn called(id: &str, channels: &[Known]) -> Tree {
    match channels.iter().find(|known| known.id == id) {
        Some(known) => Map::default()
            .with(super::words::lower(known.kind), known.name.as_str())
            .into(),
        None => id.into(),
    }
}

/// That the channels which the present rules send or escalate to stay.
pub(super) fn keep_channels(current: &Current, channels: &[Known], violations: &mut Violations) {
    let present = plan_channels::present(current);
    for (_, rule) in &current.rules {
        for named in named_channels(rule) {
            let gone = |known: &&Known| known.id == named.id;
            if channels.iter().any(|known| gone(&known)) {
                continue;
            }
            let name = present.iter().find(gone).map(Known::subject);
            let why = format!(
                "leaves out the {}, which the rule `{}` {} to",
                name.unwrap_or_default(),
                rule.display_name,
                named.does,
            );
            violations.add("channels", reason::NOT_ALLOWED, why);
        }
    }
}

/// A mention rule with the ids of the members that it names by their addresses.
fn named(draft: &Located<MentionRule>, current: &Current, violations: &mut Violations) -> MentionRule {
    let mut rule = draft.message.clone();
    for (index, mention) in rule.mentions.iter_mut().enumerate() {
        let Some(Who::MemberId(member)) = &mut mention.who else {
            continue;
        };
        match current.member_at(member) {
            Some(row) => *member = row.member_id().to_string(),
            None => {
                let at = format!("{}.mention[{index}].member", draft.path);
                violations.add(at, reason::UNKNOWN_VALUE, "is no member of this team");
            }
        }
    }
    rule
}

/// Plans the mention rules. Their order means nothing.
pub(super) fn mentions(
    plan: &mut ConfigPlan,
    current: &Current,
    desired: &[Located<MentionRule>],
    context: Context,
    violations: &mut Violations,
) {
    let desired: Vec<_> = desired
        .iter()
        .map(|draft| named(draft, current, violations))
        .collect();
    let written = |rule: &MentionRule| entry::mention_rule(rule, |id| current.address_of(id).into());
    let mut left: Vec<_> = current
        .mentions
        .iter()
        .map(|(row, was)| (row, was, written(was)))
        .collect();
    let mut open = Vec::new();
    for rule in &desired {
        let after = written(rule);
        match left.iter().position(|(_, _, before)| *before == after) {
            Some(same) => drop(left.swap_remove(same)),
            None => open.push((rule, after)),
        }
    }
    // Of those that differ, the ones about the same events are the same rule.
    for (rule, after) in open {
        let about = |was: &MentionRule| (was.types == rule.types, was.severities == rule.severities);
        let closest = left
            .iter()
            .enumerate()
            .filter(|(_, (_, was, _))| about(was).0)
            .max_by_key(|(_, (_, was, _))| about(was))
            .map(|(index, _)| index);
        let subject = format!("mention rule {}", rule.types.join(", "));
        match closest {
            None => {
                let row = mention_rule::Model::new(context.team, rule, context.now);
                plan.create(subject, PlanStep::InsertMentionRule(row), after, Vec::new());
            }
            Some(index) => {
                let (row, _, before) = left.swap_remove(index);
                let mut row = row.clone();
                row.configure(rule, context.now);
                plan.update(
                    subject,
                    PlanStep::UpdateMentionRule(row),
                    before.changes_to(&after),
                );
            }
        }
    }
    for (row, was, _) in left {
        let subject = format!("mention rule {}", was.types.join(", "));
        plan.delete(subject, PlanStep::DeleteMentionRule(row.rule_id()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_moves_does_not_move_the_others() {
        let unmoved = |found: &[Option<usize>]| {
            let mut stay: Vec<_> = unmoved(found).into_iter().collect();
            stay.sort_unstable();
            stay
        };
        assert_eq!(unmoved(&[Some(0), None, Some(1), Some(2)]), [0, 1, 2]);
        assert_eq!(unmoved(&[Some(3), Some(0), Some(1), Some(2)]), [0, 1, 2]);
        assert_eq!(unmoved(&[Some(1), Some(2), Some(0)]), [1, 2]);
        assert_eq!(unmoved(&[None]), [0; 0]);
    }
}
