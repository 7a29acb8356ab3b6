use watchbell_contracts::config::v1::EventFilter;

use std::time::Duration;

use watchbell_model::group::{GroupPath, GroupSpec};
use watchbell_model::remind::Escalate;

use super::*;
use crate::testing::{Team, everything, noon, types};

fn found(team: Team) -> Vec<(ConfigFindingKind, String)> {
    let findings = findings(&team.build(), noon());
    findings
        .into_iter()
        .map(|finding| (finding.kind(), finding.subject_name))
        .collect()
}

fn has(found: &[(ConfigFindingKind, String)], kind: ConfigFindingKind, name: &str) -> bool {
    found
        .iter()
        .any(|(known, subject)| *known == kind && subject == name)
}

fn expression(source: &str) -> Filter {
    Filter::written(&EventFilter {
        expression: source.to_owned(),
        ..EventFilter::default()
    })
    .unwrap()
}

#[test]
fn a_rule_behind_one_that_takes_everything_decides_nothing() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .rule("All", everything(), &["#alerts"])
        .rule("Scans", types("scan.*"), &["#alerts"]);
    let found = found(team);
    assert!(has(&found, ConfigFindingKind::RuleShadowed, "Scans"), "{found:?}");
    assert!(!has(&found, ConfigFindingKind::RuleShadowed, "All"), "{found:?}");
}

#[test]
fn a_rule_with_an_expression_may_decide_and_shadows_nothing() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .rule("Some", expression("event.source == 'cspm'"), &["#alerts"])
        .rule("Rest", everything(), &["#alerts"])
        .rule("Late", expression("event.source == 'k8s'"), &["#alerts"]);
    let found = found(team);
    assert!(!has(&found, ConfigFindingKind::RuleShadowed, "Some"), "{found:?}");
    assert!(!has(&found, ConfigFindingKind::RuleShadowed, "Rest"), "{found:?}");
    assert!(has(&found, ConfigFindingKind::RuleShadowed, "Late"), "{found:?}");
}

#[test]
fn a_rule_that_matches_no_type_or_leads_nowhere_is_unreachable() {
    let team = Team::new()
        .slack("#paused")
        .paused()
        .rule("Typo", types("fnding.*"), &["#paused"])
        .rule("Paused", types("scan.*"), &["#paused"]);
    let found = found(team);
    assert!(
        has(&found, ConfigFindingKind::RuleUnreachable, "Typo"),
        "{found:?}"
    );
    assert!(
        has(&found, ConfigFindingKind::RuleUnreachable, "Paused"),
        "{found:?}"
    );
}

#[test]
fn a_channel_that_nothing_leads_to_and_alerts_that_nobody_hears_are_found() {
    let quiet = found(Team::new().slack("#unused"));
    assert!(
        has(&quiet, ConfigFindingKind::ChannelUnused, "#unused"),
        "{quiet:?}"
    );
    assert!(
        has(&quiet, ConfigFindingKind::AlertUnheard, "finding.created"),
        "{quiet:?}"
    );
    let escalated = Team::new().slack("#later").slack("#alerts").by_default();
    let later = escalated.id_of("#later");
    let escalated = escalated
        .rule("All", everything(), &["#alerts"])
        .with_last_rule(|rule| {
            rule.escalate = Some(Escalate {
                after: Duration::from_secs(60),
                channels: vec![later],
            });
        });
    assert!(!has(
        &found(escalated),
        ConfigFindingKind::ChannelUnused,
        "#later"
    ));
    let loud = found(Team::new().slack("#alerts").by_default());
    assert_eq!(loud, []);
}

#[test]
fn an_expression_that_fails_on_every_example_is_found() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .rule("Wrong", expression("event.data.nonsense > 3"), &["#alerts"])
        .rule("Right", expression("event.severity == 'HIGH'"), &["#alerts"]);
    let found = found(team);
    let failing: Vec<_> = found
        .iter()
        .filter(|(kind, _)| *kind == ConfigFindingKind::ExpressionFails)
        .map(|(_, name)| name.as_str())
        .collect();
    assert_eq!(failing, ["rule “Wrong”"]);
}

#[test]
fn a_field_by_which_a_rule_gathers_and_that_no_type_has_is_named() {
    let by = |path: &str| {
        let team = Team::new()
            .slack("#alerts")
            .rule("Findings", types("finding.*"), &["#alerts"])
            .with_last_rule(|rule| {
                rule.group = Some(GroupSpec {
                    by: vec![path.parse().unwrap(), GroupPath::Type],
                    wait: Duration::from_secs(60),
                    at_most: 10,
                });
            });
        let findings = findings(&team.build(), noon());
        let of_group = findings
            .into_iter()
            .filter(|finding| finding.kind() == ConfigFindingKind::GroupFieldUnknown);
        of_group.map(|finding| finding.message).collect::<Vec<_>>()
    };
    assert!(by("data.scan_id").is_empty(), "some have it");
    let missing = "The rule “Findings” gathers by data.scanid, which no type has that it matches: events without it come together.";
    assert_eq!(by("data.scanid"), [missing]);
    let fraction = "The rule “Findings” gathers by data.score, which is a list, an object or a number that may be a fraction: such events count as if they had none.";
    assert_eq!(by("data.score"), [fraction]);
}
