use std::fmt::Write as _;

use watchbell_contracts::event::v1::{AlertAction, ChannelKind as WireKind};
use watchbell_contracts::router::v1::StepOutcome;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::quiet_hours::{QuietHours, Window};
use watchbell_model::severities::SeveritySet;
use watchbell_model::vocabulary::{ChannelKind, Plan, Role, Severity};

use super::*;
use crate::testing::{Also as _, Team, at, event, everything, noon, types};

/// As a terminal might show it.
fn read(explanation: &ExplainResponse) -> String {
    let mut text = String::new();
    for route in &explanation.routes {
        let _ = writeln!(
            text,
            "-> {}: {}",
            WireKind::try_from(route.kind)
                .unwrap()
                .as_str_name()
                .trim_start_matches("CHANNEL_KIND_"),
            route.reason.as_ref().unwrap().sentence
        );
    }
    for step in &explanation.steps {
        let outcome = StepOutcome::try_from(step.outcome).unwrap();
        let outcome = outcome.as_str_name().trim_start_matches("STEP_OUTCOME_");
        let kind = WireKind::try_from(step.kind).unwrap().as_str_name();
        let kind = kind
            .trim_start_matches("CHANNEL_KIND_")
            .replace("UNSPECIFIED", "");
        let _ = writeln!(
            text,
            "{outcome:<12} {:<15} {kind:<8} {:<19} {}",
            step.stage, step.subject_name, step.sentence
        );
    }
    text
}

fn nights() -> QuietHours {
    let night = Window {
        days: vec![],
        start: "22:00".parse().unwrap(),
        end: "07:00".parse().unwrap(),
    };
    QuietHours::try_new(
        chrono_tz::Europe::Berlin,
        vec![night],
        SeveritySet::CRITICAL,
        false,
    )
    .unwrap()
}

fn busy_team() -> Team {
    Team::new()
        .slack("#alerts")
        .by_default()
        .with_last(|channel| channel.quiet_hours = Some(nights()))
        .teams("Operations")
        .by_default()
        .slack("#security")
        .with_last(|channel| channel.quiet_hours = Some(nights()))
        .slack("#old")
        .paused()
        .email("Audit trail", &["trail@example.com"])
        .webhook("SIEM", types("finding.*"))
        .webhook("Tickets", types("exception.*"))
        .member("owner@example.com", Role::Owner)
        .rule("Scans", types("scan.*"), &["#old"])
        .rule(
            "Production",
            everything().sources(&["cspm"]).when("event.data.score > 9.0"),
            &["#security"],
        )
        .rule(
            "Findings",
            types("finding.*").severities(SeveritySet::HIGH_AND_ABOVE),
            &["#security", "#old", "Audit trail"],
        )
        .rule("Rest", everything(), &["#alerts"])
}

#[test]
fn an_explanation_goes_through_rules_channels_webhooks_and_people_in_order() {
    let explanation = explain(
        &busy_team().build(),
        &at("finding.created", Severity::High),
        noon(),
    );
    insta::assert_snapshot!(read(&explanation));
}

#[test]
fn conditions_that_fail_are_said_one_by_one() {
    let mut finding = at("finding.created", Severity::Low);
    finding.source = "cspm".to_owned();
    let mut data = finding.data.object().clone();
    data.remove("score");
    finding.data = watchbell_model::Data::of(data).unwrap();
    let explanation = explain(&busy_team().build(), &finding, noon());
    insta::assert_snapshot!(read(&explanation));
}

#[test]
fn on_free_the_rules_rest() {
    let team = busy_team().plan(Plan::Free).build();
    insta::assert_snapshot!(read(&explain(&team, &event("scan.completed"), noon())));
}

#[test]
fn a_receipt_is_asked_of_nobody_else() {
    let team = busy_team().receipts_to(&["officer@example.com"]).build();
    insta::assert_snapshot!(read(&explain(&team, &event(RECEIPT), noon())));
}

#[test]
fn a_rule_that_comes_to_nothing_says_why() {
    let team = Team::new()
        .slack("#alerts")
        .teams("Operations")
        .email("Nobody", &[])
        .webhook("Empty", everything())
        .channel(ChannelKind::InApp, "Inbox")
        .by_default()
        .paused()
        .rule("Gone", everything(), &["#deleted"])
        .rule("Nobody", everything(), &["Nobody"])
        .rule("Hush", everything(), &[])
        .with_last_rule(|rule| rule.enabled = false)
        .silence("Quiet Slack", everything(), &[ChannelKind::Slack])
        .rule("Late", everything(), &["#alerts"])
        .silence("Late hush", everything(), &[ChannelKind::Slack])
        .build();
    insta::assert_snapshot!(read(&explain(&team, &event("audit.queued"), noon())));
}

#[test]
fn a_rule_whose_channels_are_paused_says_that_the_next_is_asked() {
    let explanation = explain(&busy_team().build(), &event("scan.completed"), noon());
    let steps: Vec<_> = explanation
        .steps
        .iter()
        .filter(|step| step.stage == "rule" && step.kind() == WireKind::Slack)
        .map(|step| step.sentence.as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "The rule sends it to “#old”, which is paused.",
            "Every channel of this kind that the rule sends to is paused: the next rules and the default channel are \
             asked.",
            "The rule “Rest” sends it to “#alerts”.",
        ]
    );
}

#[test]
fn what_goes_to_an_unhealthy_channel_is_said_to_be_parked() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .with_last(|channel| {
            channel.health = ChannelHealth::Unhealthy;
            channel.quiet_hours = Some(nights());
        })
        .build();
    let midnight = "2026-03-04T02:00:00Z".parse().unwrap();
    let explanation = explain(&team, &at("finding.created", Severity::High), midnight);
    let last: Vec<_> = explanation
        .steps
        .iter()
        .filter(|step| step.stage == "hold")
        .collect();
    assert_eq!(last.len(), 1);
    assert_eq!(
        (last[0].outcome(), last[0].held_until),
        (StepOutcome::Parked, None)
    );
    assert_eq!(
        last[0].sentence,
        "“#alerts” is unhealthy, so it is parked until the channel is enabled again."
    );
}

#[test]
fn quiet_hours_hold_what_a_delivery_at_that_moment_would_wait_for() {
    let team = busy_team().build();
    let held = |severity, instant: &str| -> Vec<_> {
        let explanation = explain(&team, &at("finding.created", severity), instant.parse().unwrap());
        explanation
            .steps
            .into_iter()
            .filter(|step| step.stage == "hold")
            .map(|step| {
                assert_eq!(step.outcome(), StepOutcome::Held);
                (step.subject_name, step.held_until.unwrap().seconds, step.sentence)
            })
            .collect()
    };
    let seven = "2026-03-04T06:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let sentence = "The quiet hours of “#security” hold it until Wed 07:00 CET.".to_owned();
    // 03:00 in Berlin.
    assert_eq!(
        held(Severity::High, "2026-03-04T02:00:00Z"),
        [("#security".to_owned(), seven.timestamp(), sentence)]
    );
    assert_eq!(held(Severity::Critical, "2026-03-04T02:00:00Z"), []);
    assert_eq!(held(Severity::High, "2026-03-04T06:00:00Z"), []);
}

#[test]
fn a_silence_is_named_with_its_author_reason_and_end() {
    let silence = |mode| Silence {
        id: watchbell_model::ids::SilenceId::generate(noon()),
        filter: watchbell_model::filter::Filter::of_types(vec!["finding.*".parse().unwrap()]),
        channels: vec![],
        kinds: vec![ChannelKind::Slack],
        start: noon(),
        end: noon() + chrono::TimeDelta::hours(2),
        comment: "patch window".to_owned(),
        author: "ann@example.com".to_owned(),
        mode,
    };
    let steps = |mode, at, event_type| -> Vec<_> {
        let team = busy_team().silenced_by(silence(mode)).build();
        let steps = explain(&team, &self::at(event_type, Severity::High), at).steps;
        let held = steps.into_iter().filter(|step| step.stage == "hold");
        held.map(|step| (step.outcome(), step.held_until.is_some(), step.sentence))
            .collect()
    };
    let sentence = |does: &str| format!("The silence “patch window” of ann@example.com {does} it until ");
    let held = steps(SilenceMode::Hold, noon(), "finding.created");
    assert_eq!((held[0].0, held[0].1), (StepOutcome::Held, true));
    assert!(held[0].2.starts_with(&sentence("holds")), "{held:?}");
    let dropped = steps(SilenceMode::Drop, noon(), "finding.created");
    assert_eq!((dropped[0].0, dropped[0].1), (StepOutcome::Silenced, false));
    assert!(dropped[0].2.starts_with(&sentence("drops")), "{dropped:?}");
    let later = noon() + chrono::TimeDelta::hours(2);
    assert_eq!(steps(SilenceMode::Hold, later, "finding.created"), []);
    assert_eq!(steps(SilenceMode::Hold, noon(), "scan.failed"), []);
}

#[test]
fn it_says_which_alert_an_event_belongs_to_or_why_to_none() {
    let explained = |event_type: &str, data: &str| {
        let team = Team::new().build();
        let draft = EventDraft {
            event_type: event_type.to_owned(),
            data: data.parse().unwrap(),
            ..EventDraft::default()
        };
        let event = Event::parse(draft, team.team_id, &team.catalog, noon()).unwrap();
        let alert = explain(&team, &event, noon()).alert.unwrap();
        let action = alert.action();
        (alert.key, action, alert.sentence)
    };
    let (key, action, sentence) = explained("finding.resolved", r#"{"finding_id": "F-1"}"#);
    assert_eq!((key.as_str(), action), ("finding_id=F-1", AlertAction::Resolve));
    assert_eq!(sentence, "It resolves the alert finding_id=F-1.");
    for (event_type, data, expected) in [
        (
            "scan.failed",
            r#"{"scan_id": "S-1"}"#,
            "It belongs to no alert: `data.target` is missing.",
        ),
        (
            "user.login",
            r#"{"user": "ann"}"#,
            "It belongs to no alert: neither its type nor the event names one.",
        ),
    ] {
        let (key, action, sentence) = explained(event_type, data);
        assert_eq!((key.as_str(), action), ("", AlertAction::Unspecified));
        assert_eq!(sentence, expected);
    }
}

#[test]
fn what_gathers_an_event_and_why_it_does_not_is_said() {
    let team = Team::new()
        .slack("#security")
        .rule("Scans", everything(), &["#security"])
        .with_last_rule(|rule| {
            rule.group = Some(watchbell_model::group::GroupSpec {
                by: vec!["data.scan_id".parse().unwrap(), "subject".parse().unwrap()],
                wait: std::time::Duration::from_secs(120),
                at_most: 1_000,
            });
        })
        .build();
    let said = |severity| -> Vec<_> {
        let mut event = at("finding.created", severity);
        event.subject = None;
        event.data = r#"{"scan_id": "nightly"}"#.parse().unwrap();
        let steps = explain(&team, &event, noon()).steps.into_iter();
        steps
            .filter(|step| step.kind() == WireKind::Slack)
            .map(|step| (step.stage.clone(), step.outcome(), step.sentence))
            .collect()
    };
    let sent = "The rule “Scans” sends it to “#security”.";
    assert_eq!(
        said(Severity::Low),
        [
            ("rule".to_owned(), StepOutcome::Routed, sent.to_owned()),
            (
                "hold".to_owned(),
                StepOutcome::Held,
                "It would be gathered with others of the same data.scan_id and subject for 2 min. It has no subject, which \
                 counts as a value of its own."
                    .to_owned()
            ),
        ]
    );
    let at_once = format!("{sent} It is CRITICAL, so it goes at once and is not gathered.");
    assert_eq!(
        said(Severity::Critical),
        [("rule".to_owned(), StepOutcome::Routed, at_once)]
    );
}
