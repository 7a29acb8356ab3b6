//! Rules that are not saved, judged as if they were.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1 as wire;
use watchbell_model::ids::RuleId;
use watchbell_model::rule::Rule;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::vocabulary::ChannelKind;

/// The most rules of a draft.
const MAX_RULES: usize = 50;
const PATH: &str = "draft_rules";

/// The team as it would be with these rules: one with an id stands in for the rule of that id, one without is new. What is
/// wrong with them is what saving them would say.
pub(crate) fn with_draft_rules(
    snapshot: &TeamSnapshot,
    drafts: &[wire::Rule],
    now: DateTime<Utc>,
) -> Result<TeamSnapshot, Violations> {
    let mut violations = Violations::new();
    if drafts.len() > MAX_RULES {
        violations.add(
            PATH,
            reason::TOO_LONG,
            format!("must have at most {MAX_RULES} rules, not {}", drafts.len()),
        );
        return Err(violations);
    }
    let mut rules = snapshot.rules.clone();
    for (index, draft) in drafts.iter().enumerate() {
        let at = format!("{PATH}[{index}]");
        if let Some(rule) = violations.take_under(&at, read(snapshot, draft, now)) {
            put(&mut rules, rule);
        }
    }
    violations.into_result(())?;
    Ok(snapshot.with_rules(rules))
}

fn read(snapshot: &TeamSnapshot, draft: &wire::Rule, now: DateTime<Utc>) -> Result<Rule, Violations> {
    let is_new = draft.id.is_empty();
    let rule = if is_new {
        let id = RuleId::generate(now).to_string();
        Rule::try_from(&wire::Rule { id, ..draft.clone() })?
    } else {
        Rule::try_from(draft)?
    };
    let mut violations = Violations::new();
    if !is_new && snapshot.rules.iter().all(|known| known.id != rule.id) {
        violations.add("id", reason::UNKNOWN_VALUE, "is not a rule of this team");
    }
    let sent = rule.action.channels().iter().enumerate();
    let sent = sent.map(|(index, id)| (format!("send.channel_ids[{index}]"), id));
    let escalated = rule.escalation_channels().iter().enumerate();
    let escalated = escalated.map(|(index, id)| (format!("escalate.channel_ids[{index}]"), id));
    for (at, id) in sent.chain(escalated) {
        match snapshot.channel(*id) {
            None => violations.add(at, reason::UNKNOWN_VALUE, "is not a channel of this team"),
            Some(channel) if channel.kind == ChannelKind::Webhook => {
                violations.add(
                    at,
                    reason::NOT_ALLOWED,
                    "is a webhook, which has a filter of its own",
                );
            }
            Some(_) => {}
        }
    }
    violations.into_result(rule)
}

/// Puts a rule at its place, in the stead of the one of its id. The others close up.
fn put(rules: &mut Vec<Arc<Rule>>, rule: Rule) {
    let present = rules.iter().position(|known| known.id == rule.id);
    if let Some(present) = present {
        rules.remove(present);
    }
    let asked = usize::try_from(rule.position)
        .ok()
        .and_then(|place| place.checked_sub(1));
    let place = asked.or(present).unwrap_or(rules.len()).min(rules.len());
    rules.insert(place, Arc::new(rule));
}

#[cfg(test)]
mod tests {
    use watchbell_contracts::config::v1::rule::Action;
    use watchbell_contracts::config::v1::{EventFilter, SendAction};
    use watchbell_model::vocabulary::Severity;

    use super::*;
    use crate::explain::explain;
    use crate::testing::{Team, at, everything, noon, types};

    fn team() -> TeamSnapshot {
        Team::new()
            .slack("#alerts")
            .by_default()
            .slack("#security")
            .webhook("SIEM", types("finding.*"))
            .rule("Scans", types("scan.*"), &["#alerts"])
            .rule("Rest", everything(), &["#alerts"])
            .build()
    }

    fn draft(team: &TeamSnapshot, name: &str, pattern: &str, to: &str) -> wire::Rule {
        let channel = team.channels.values().find(|channel| channel.name == to).unwrap();
        wire::Rule {
            display_name: name.to_owned(),
            r#match: Some(EventFilter {
                types: vec![pattern.to_owned()],
                ..EventFilter::default()
            }),
            action: Some(Action::Send(SendAction {
                channel_ids: vec![channel.id.to_string()],
            })),
            ..wire::Rule::default()
        }
    }

    /// The reason of the one chat message that a finding makes.
    fn decided(team: &TeamSnapshot, drafts: &[wire::Rule]) -> String {
        let drafted = with_draft_rules(team, drafts, noon()).unwrap();
        let explanation = explain(&drafted, &at("finding.created", Severity::High), noon());
        let reasons = explanation
            .routes
            .iter()
            .map(|route| route.reason.as_ref().unwrap());
        let chat: Vec<_> = reasons.filter(|reason| !reason.rule_id.is_empty()).collect();
        assert_eq!(chat.len(), 1);
        chat[0].sentence.clone()
    }

    #[test]
    fn a_new_rule_is_asked_last_or_at_its_place() {
        let team = team();
        let mut new = draft(&team, "Findings", "finding.*", "#security");
        assert_eq!(
            decided(&team, std::slice::from_ref(&new)),
            "The rule “Rest” sends it here."
        );
        new.position = 1;
        assert_eq!(decided(&team, &[new]), "The rule “Findings” sends it here.");
        assert_eq!(team.rules.len(), 2, "the team's own are what they were");
    }

    #[test]
    fn a_changed_rule_stands_in_for_the_one_that_is_saved() {
        let team = team();
        let mut changed = draft(&team, "Scans and findings", "*", "#security");
        changed.id = team.rules[0].id.to_string();
        assert_eq!(
            decided(&team, std::slice::from_ref(&changed)),
            "The rule “Scans and findings” sends it here."
        );
        changed.position = 2;
        assert_eq!(decided(&team, &[changed]), "The rule “Rest” sends it here.");
    }

    #[test]
    fn what_is_wrong_is_said_as_saving_it_would() {
        let team = team();
        let mut foreign = draft(&team, "", "finding.*", "SIEM");
        foreign.id = RuleId::generate(noon()).to_string();
        let refused = |drafts: &[wire::Rule]| {
            let violations = with_draft_rules(&team, drafts, noon()).unwrap_err();
            let mut paths: Vec<_> = violations
                .iter()
                .map(|violation| violation.field.clone())
                .collect();
            paths.sort();
            paths
        };
        assert_eq!(
            refused(std::slice::from_ref(&foreign)),
            ["draft_rules[0].display_name"]
        );
        foreign.display_name = "Named".to_owned();
        assert_eq!(
            refused(&[foreign]),
            ["draft_rules[0].id", "draft_rules[0].send.channel_ids[0]"]
        );
        let many = vec![draft(&team, "Many", "*", "#alerts"); MAX_RULES + 1];
        assert_eq!(refused(&many), ["draft_rules"]);
    }
}
