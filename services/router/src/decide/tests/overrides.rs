//! Routing of an event type in place of its default, and mentions.

use super::*;

// "Step 3 — Per-event routing (Team+). Override the default per event type".

fn qortrace() -> Team {
    Team::new()
        .slack("#qortrace-alerts")
        .by_default()
        .slack("#appsec")
        .slack("#incidents")
        .slack("#scan-firehose")
}

fn with_overrides(team: Team) -> Team {
    team.rule("Audits", types("audit.delivered"), &["#appsec"])
        .rule(
            "Atlas",
            types("atlas.alert.fired").severities(SeveritySet::CRITICAL),
            &["#incidents"],
        )
        .rule("Scans", types("scan.completed"), &["#scan-firehose"])
}

#[test]
fn each_event_goes_where_the_table_says_by_default_and_where_its_override_says() {
    let (default, overridden) = (qortrace().build(), with_overrides(qortrace()).build());
    let table: [(&str, Severity, &[&str], &[&str]); 3] = [
        ("audit.delivered", Info, &["#qortrace-alerts"], &["#appsec"]),
        (
            "atlas.alert.fired",
            Critical,
            &["#qortrace-alerts"],
            &["#incidents"],
        ),
        ("scan.completed", Info, &[], &["#scan-firehose"]),
    ];
    for (event_type, severity, by_default, by_override) in table {
        told(&default, &at(event_type, severity), by_default);
        told(&overridden, &at(event_type, severity), by_override);
    }
    // What no rule overrides stays as it was.
    told(&overridden, &event("audit.failed"), &["#qortrace-alerts"]);
    told(&overridden, &at("atlas.alert.fired", High), &[]);
}

#[test]
fn per_event_routing_is_for_team_plans_and_above() {
    let critical = at("atlas.alert.fired", Critical);
    for (plan, channel) in [
        (Plan::Free, "#qortrace-alerts"),
        (Plan::Team, "#incidents"),
        (Plan::Enterprise, "#incidents"),
    ] {
        told(
            &with_overrides(qortrace()).plan(plan).build(),
            &critical,
            &[channel],
        );
    }
    let free = with_overrides(qortrace()).plan(Plan::Free).build();
    told(&free, &event("scan.completed"), &[]);
    let said: Vec<_> = decide_and_explain(&free, &critical)
        .steps
        .into_iter()
        .map(|step| step.sentence)
        .collect();
    assert_eq!(
        said[0],
        "Rules need the TEAM plan or above; on FREE they are kept but not applied."
    );
}

// "Step 4 — Mention rules. Optional: tag specific Slack users on certain events."

fn slack_user(id: &str) -> Mention {
    Mention::SlackUser(id.parse().unwrap())
}

fn with_mentions(team: Team) -> Team {
    team.mention("audit.failed", SeveritySet::EMPTY, &[slack_user("U0LEAD")])
        .mention(
            "atlas.alert.fired",
            SeveritySet::CRITICAL,
            &[Mention::SlackGroup("S0ONCALL".parse().unwrap())],
        )
        .mention("account.plan.changed", SeveritySet::EMPTY, &[slack_user("U0CFO")])
}

#[test]
fn each_mention_rule_calls_whom_the_example_says() {
    let team = with_mentions(qortrace()).build();
    for (event, expected) in [
        (event("audit.failed"), "#qortrace-alerts (U0LEAD)"),
        (at("atlas.alert.fired", Critical), "#qortrace-alerts (S0ONCALL)"),
        (event("account.plan.changed"), "#qortrace-alerts (U0CFO)"),
        (event("audit.delivered"), "#qortrace-alerts"),
    ] {
        told(&team, &event, &[expected]);
    }
    let everything = with_mentions(qortrace())
        .rule("Loud", everything(), &["#incidents"])
        .build();
    told(&everything, &at("atlas.alert.fired", High), &["#incidents"]);
}

#[test]
fn mentions_go_with_chat_messages_only_each_kind_its_own_and_nobody_twice() {
    let ann = Mention::TeamsUser(TeamsUser {
        id: "ann@example.com".to_owned(),
        name: "Ann".to_owned(),
    });
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .teams("Alerts")
        .by_default()
        .webhook("siem", types("*"))
        .member("owner@example.com", Role::Owner)
        .mention("audit.*", SeveritySet::EMPTY, &[slack_user("U0LEAD"), ann])
        .mention("*", SeveritySet::EMPTY, &[Mention::Here, slack_user("U0LEAD")])
        .build();
    hears(
        &team,
        &event("audit.failed"),
        &[
            "#alerts (U0LEAD here)",
            "Alerts (Ann)",
            "webhook siem",
            "owner@example.com by audit_failed",
            "inbox",
        ],
    );
}
