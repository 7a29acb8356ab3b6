//! Default channels, the inbox and webhooks.

use super::*;

// "Out of the box, the platform automatically alerts on the events that matter most".

#[test]
fn out_of_the_box_the_default_channels_and_the_inbox_hear_what_matters_most() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .teams("Alerts")
        .by_default()
        .build();
    let alerting = |event_type: &str, severity: Severity| match event_type {
        "finding.created" => severity >= High,
        "atlas.alert.fired" => severity == Critical,
        "sla.warning" | "sla.breached" | "compliance.drift_detected" | "scan.failed" => true,
        "audit.delivered" | "audit.failed" | "account.plan.changed" => true,
        _ => false,
    };
    for spec in Catalog::built_in().iter().filter(|spec| !spec.is_receipt()) {
        for severity in [Info, Low, Medium, High, Critical] {
            let expected: &[_] = if alerting(spec.event_type.as_str(), severity) {
                &["#alerts", "Alerts", "inbox"]
            } else {
                &[]
            };
            hears(&team, &at(spec.event_type.as_str(), severity), expected);
        }
    }
}

#[test]
fn a_default_email_channel_hears_what_alerts_by_default_and_no_rule_sends_by_mail() {
    let team = Team::new()
        .email("Security", &["soc@example.com", "cto@example.com"])
        .by_default()
        .email("Audit trail", &["trail@example.com"])
        .rule("Audits", types("audit.*"), &["Audit trail"])
        .build();
    let default = [
        "soc@example.com by Security",
        "cto@example.com by Security",
        "inbox",
    ];
    hears(&team, &at("finding.created", High), &default);
    hears(&team, &at("finding.created", Low), &[]);
    hears(
        &team,
        &event("audit.failed"),
        &["trail@example.com by Audit trail", "inbox"],
    );
    let server_alone = Team::new().email("Mail server", &[]).by_default().build();
    hears(&server_alone, &at("finding.created", High), &["inbox"]);
}

#[test]
fn a_member_who_asked_for_it_is_told_once_and_the_route_names_the_channel_that_wants_it_too() {
    let team = Team::new()
        .email("Security", &["Ann@example.com"])
        .rule("Findings", types("finding.*"), &["Security"])
        .member("ann@example.com", Role::Member)
        .build();
    let routes = decide(&team, &at("finding.created", Critical)).routes;
    let wanted: Vec<_> = routes
        .iter()
        .filter_map(|route| match &route.target {
            Target::Person { channel, .. } => Some(*channel),
            _ => None,
        })
        .collect();
    let security = team.channels_of(ChannelKind::Email).next().unwrap().id;
    assert_eq!(wanted, [Some(security)]);
}

#[test]
fn a_mention_rule_may_name_a_member_who_is_called_by_the_slack_user() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .member("ann@example.com", Role::Member)
        .in_slack("U012ANN")
        .mentioned("finding.*")
        .member("bob@example.com", Role::Member)
        .mentioned("finding.*")
        .build();
    let heard = heard(&team, &decide(&team, &at("finding.created", High)));
    assert_eq!(heard[0], "#alerts (U012ANN)", "Bob is not in Slack");
}

#[test]
fn the_triggers_of_a_default_channel_replace_what_alerts_by_default() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .with_last(|channel| channel.triggers = Some(types("scan.* finding.resolved")))
        .teams("Alerts")
        .by_default()
        .build();
    for (event_type, expected) in [
        ("scan.completed", &["#alerts"] as &[_]),
        ("finding.resolved", &["#alerts"]),
        ("scan.failed", &["#alerts", "Alerts"]),
        ("sla.breached", &["Alerts"]),
    ] {
        told(&team, &event(event_type), expected);
    }
}

#[test]
fn in_app_shows_what_alerts_and_what_a_rule_sends_there_once() {
    let team = Team::new()
        .channel(ChannelKind::InApp, "Inbox")
        .by_default()
        .rule("Logins", types("user.login sla.*"), &["Inbox"])
        .build();
    for (event_type, expected) in [
        ("user.login", &["inbox"] as &[_]),
        ("sla.breached", &["inbox"]),
        ("scan.failed", &["inbox"]),
        ("user.mfa_enabled", &[]),
    ] {
        hears(&team, &event(event_type), expected);
    }
}

// "Webhooks: events — one or more event types; wildcards such as finding.* to match a whole group, or * for all".

#[test]
fn a_webhook_gets_its_types_its_groups_or_all_whatever_rules_say() {
    let team = Team::new()
        .webhook("findings", types("finding.*"))
        .webhook("all", types("*"))
        .webhook("exact", types("audit.delivered audit.failed"))
        .silence("Hush", everything(), &[])
        .build();
    for (event_type, expected) in [
        ("finding.created", &["webhook findings", "webhook all"] as &[_]),
        ("finding.excepted", &["webhook findings", "webhook all"]),
        ("audit.failed", &["webhook all", "webhook exact"]),
        ("audit.queued", &["webhook all"]),
        ("product.announcement", &["webhook all"]),
    ] {
        told(&team, &event(event_type), expected);
    }
}

#[test]
fn pager_duty_for_critical_slack_for_high_and_nothing_for_moderate() {
    let critical = types("finding.created").severities(SeveritySet::CRITICAL);
    let team = Team::new()
        .slack("#high")
        .webhook("PagerDuty", critical)
        .rule(
            "High",
            types("finding.created").severities(SeveritySet::of(&[High])),
            &["#high"],
        )
        .build();
    told(&team, &at("finding.created", Critical), &["webhook PagerDuty"]);
    told(&team, &at("finding.created", High), &["#high"]);
    told(&team, &at("finding.created", "moderate".parse().unwrap()), &[]);
}
