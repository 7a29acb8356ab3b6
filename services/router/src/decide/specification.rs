//! What users were promised of routing, written down as they read it: a team, an event, and who hears.

use watchbell_model::catalog::{Catalog, RECEIPT};
use watchbell_model::event::Event;
use watchbell_model::mention::{Mention, TeamsUser};
use watchbell_model::preference::Preference;
use watchbell_model::severities::SeveritySet;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::vocabulary::Severity::{Critical, High, Info, Low, Medium};
use watchbell_model::vocabulary::{Category, ChannelHealth, ChannelKind, Plan, Role, Severity, Topic};

use super::{FilterOwner, Target, decide, decide_and_explain};
use crate::testing::{Also as _, Team, at, event, everything, heard, types};

/// Who hears, in the words of [`heard`], one an entry.
#[track_caller]
fn hears(team: &TeamSnapshot, event: &Event, expected: &[&str]) {
    assert_eq!(
        heard(team, &decide(team, event)),
        expected,
        "{} at {}",
        event.event_type,
        event.severity
    );
}

/// Like [`hears`], without the inbox, of which the example does not speak.
#[track_caller]
fn told(team: &TeamSnapshot, event: &Event, expected: &[&str]) {
    let mut heard = heard(team, &decide(team, event));
    heard.retain(|who| who != "inbox");
    assert_eq!(heard, expected, "{} at {}", event.event_type, event.severity);
}

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

// "Route specific alerts to specific channels: category, severities, sources".

fn offload() -> Team {
    Team::new()
        .slack("#alerts")
        .by_default()
        .slack("#security-critical")
        .slack("#scans")
        .rule(
            "Critical and high",
            everything()
                .category(Category::SecurityAlert)
                .severities(SeveritySet::HIGH_AND_ABOVE),
            &["#security-critical"],
        )
}

#[test]
fn critical_and_high_security_alerts_go_to_security_critical_and_the_rest_falls_through() {
    let team = offload().build();
    for (event_type, severity, expected) in [
        ("finding.created", Critical, &["#security-critical"] as &[_]),
        ("finding.created", High, &["#security-critical"]),
        ("finding.created", Medium, &[]),
        ("atlas.alert.fired", High, &["#security-critical"]),
        ("compliance.drift_detected", High, &["#security-critical"]),
        // Below the rule's severities, and still an alert.
        ("sla.warning", Medium, &["#alerts"]),
        // Severe, but no security alert.
        ("scan.failed", Critical, &["#alerts"]),
        ("audit.failed", High, &["#alerts"]),
        // No alert, so there is nothing to fall through.
        ("scan.completed", Info, &[]),
    ] {
        told(&team, &at(event_type, severity), expected);
    }
}

#[test]
fn routine_scan_completions_can_have_a_channel_of_their_own() {
    let team = offload()
        .rule("Routine", types("scan.completed"), &["#scans"])
        .build();
    told(&team, &event("scan.completed"), &["#scans"]);
    told(&team, &event("scan.started"), &[]);
    told(&team, &at("finding.created", High), &["#security-critical"]);
}

#[test]
fn an_empty_list_of_severities_or_sources_matches_all_and_a_source_is_compared_without_case() {
    let from = |source: &str| Event {
        source: source.to_owned(),
        ..at("finding.created", Low)
    };
    let by_category = everything().category(Category::SecurityAlert);
    let any = Team::new()
        .slack("#a")
        .rule("Any", by_category.clone(), &["#a"])
        .build();
    let some = Team::new()
        .slack("#a")
        .rule("Some", by_category.sources(&["cspm", "kubernetes"]), &["#a"])
        .build();
    for (source, any_hears, some_hears) in [
        ("cspm", &["#a"], &["#a"] as &[_]),
        ("Kubernetes", &["#a"], &["#a"]),
        ("registry", &["#a"], &[]),
        ("", &["#a"], &[]),
    ] {
        told(&any, &from(source), any_hears);
        told(&some, &from(source), some_hears);
    }
}

#[test]
fn an_expression_can_look_into_the_data_and_counts_as_no_match_where_the_data_lacks_it() {
    let team = Team::new()
        .slack("#prod")
        .rule(
            "Production",
            types("finding.*").when(r#"event.data.account == "prod-eu""#),
            &["#prod"],
        )
        .build();
    told(&team, &event("finding.created"), &["#prod"]);
    let mut bare = event("finding.created");
    let mut data = bare.data.object().clone();
    data.remove("account");
    bare.data = watchbell_model::Data::of(data).unwrap();
    told(&team, &bare, &[]);
}

// The order of rules.

#[test]
fn the_first_rule_that_matches_wins_unless_it_says_continue() {
    let finding = at("finding.created", Critical);
    let two = |team: Team| {
        team.slack("#first")
            .slack("#second")
            .slack("#alerts")
            .by_default()
    };
    let first = two(Team::new()).rule("First", types("finding.*"), &["#first"]);
    told(
        &first.rule("Second", everything(), &["#second"]).build(),
        &finding,
        &["#first"],
    );
    let first = two(Team::new())
        .rule("First", types("finding.*"), &["#first"])
        .and_on();
    told(
        &first.rule("Second", everything(), &["#second"]).build(),
        &finding,
        &["#first", "#second"],
    );
    let alone = two(Team::new())
        .rule("First", types("finding.*"), &["#first"])
        .and_on();
    told(&alone.build(), &finding, &["#first"]);
}

#[test]
fn a_rule_decides_for_the_kinds_it_speaks_of_and_leaves_the_other_to_its_default() {
    let chats = || {
        Team::new()
            .slack("#alerts")
            .by_default()
            .teams("Alerts")
            .by_default()
            .slack("#appsec")
            .email("Audit trail", &["trail@example.com"])
    };
    let failed = event("audit.failed");
    told(&chats().build(), &failed, &["#alerts", "Alerts"]);
    told(
        &chats().rule("Slack only", everything(), &["#appsec"]).build(),
        &failed,
        &["#appsec", "Alerts"],
    );
    told(
        &chats()
            .silence("No Teams", everything(), &[ChannelKind::Teams])
            .build(),
        &failed,
        &["#alerts"],
    );
    told(&chats().silence("Hush", everything(), &[]).build(), &failed, &[]);
    // An email channel is no chat: the defaults still speak.
    told(
        &chats().rule("By email", everything(), &["Audit trail"]).build(),
        &failed,
        &["trail@example.com by Audit trail", "#alerts", "Alerts"],
    );
    // And rules that come after the word on a chat still send to email channels that they name.
    told(
        &chats()
            .silence("Hush", everything(), &[])
            .rule("Late", everything(), &["#appsec", "Audit trail"])
            .build(),
        &failed,
        &["trail@example.com by Audit trail"],
    );
}

#[test]
fn silence_in_chats_leaves_webhooks_preferences_and_the_inbox_alone() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .webhook("siem", types("*"))
        .member("ann@example.com", Role::Member)
        .silence("Hush", everything(), &[])
        .build();
    hears(
        &team,
        &event("sla.breached"),
        &["webhook siem", "ann@example.com by sla", "inbox"],
    );
}

#[test]
fn a_paused_channel_gets_nothing() {
    let team = || Team::new().slack("#alerts").by_default();
    let breached = event("sla.breached");
    told(&team().paused().build(), &breached, &[]);
    told(
        &team().webhook("siem", types("*")).paused().build(),
        &breached,
        &["#alerts"],
    );
    hears(
        &Team::new()
            .channel(ChannelKind::InApp, "Inbox")
            .by_default()
            .paused()
            .build(),
        &breached,
        &[],
    );
    let rested = Team::new()
        .slack("#sla")
        .rule("Paused", everything(), &["#sla"])
        .with_last_rule(|rule| rule.enabled = false);
    told(&rested.build(), &breached, &[]);
}

#[test]
fn a_rule_whose_channels_are_all_paused_leaves_it_to_the_next_rule_and_the_default_channel() {
    let team = || Team::new().slack("#alerts").by_default().slack("#sla").paused();
    let breached = event("sla.breached");
    let deadlines = |team: Team| team.rule("Deadlines", types("sla.*"), &["#sla"]);
    told(&deadlines(team()).build(), &breached, &["#alerts"]);
    let second = |team: Team| team.slack("#second").rule("Second", everything(), &["#second"]);
    told(&second(deadlines(team())).build(), &breached, &["#second"]);
    // One that is not paused is enough for the rule's word to stand.
    let shared = team()
        .slack("#on-call")
        .rule("Deadlines", types("sla.*"), &["#sla", "#on-call"]);
    told(&shared.build(), &breached, &["#on-call"]);
    // Each kind of chat on its own.
    let both = team()
        .teams("Operations")
        .rule("Deadlines", types("sla.*"), &["#sla", "Operations"]);
    told(&both.build(), &breached, &["Operations", "#alerts"]);
    // What cannot be delivered at present is kept for the channel, so its rule still decides.
    let unhealthy = Team::new()
        .slack("#alerts")
        .by_default()
        .slack("#sla")
        .with_last(|channel| channel.health = ChannelHealth::Unhealthy);
    told(&deadlines(unhealthy).build(), &breached, &["#sla"]);
    // A rule that is silent on purpose is no rule without a channel.
    told(&team().silence("Hush", everything(), &[]).build(), &breached, &[]);
}

#[test]
fn a_rule_whose_channels_are_gone_decides_nothing() {
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .rule("Old", everything(), &["#deleted"])
        .build();
    told(&team, &event("sla.breached"), &["#alerts"]);
}

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

// "Every account user has notification preferences".

fn everybody(plan: Plan) -> Team {
    Team::new()
        .plan(plan)
        .member("owner@example.com", Role::Owner)
        .member("admin@example.com", Role::Admin)
        .member("member@example.com", Role::Member)
}

#[test]
fn by_default_everybody_gets_the_same_emails_on_every_plan() {
    for plan in [Plan::Free, Plan::Team, Plan::Enterprise] {
        let team = everybody(plan).build();
        for (event_type, severity, topic) in [
            ("audit.delivered", Info, Some("audit_delivered")),
            ("audit.failed", High, Some("audit_failed")),
            ("atlas.alert.fired", Critical, Some("atlas_alerts")),
            ("atlas.alert.fired", High, None),
            ("atlas.alert.fired", Medium, None),
            ("finding.created", Critical, Some("findings")),
            ("finding.created", High, Some("findings")),
            ("finding.created", Medium, None),
            ("sla.warning", Medium, Some("sla")),
            ("sla.breached", High, Some("sla")),
            ("compliance.drift_detected", High, Some("compliance")),
            ("scan.failed", High, Some("scans")),
            ("scan.completed", Info, None),
            ("exception.requested", Low, None),
            ("account.plan.changed", Info, None),
            ("user.login", Info, None),
            // No topic: never by a preference.
            ("audit.queued", Critical, None),
            // Opt-in only: "we never default-on this".
            ("product.announcement", Critical, None),
        ] {
            let expected: Vec<_> = ["owner", "admin", "member"]
                .iter()
                .filter_map(|who| Some(format!("{who}@example.com by {}", topic?)))
                .collect();
            let expected: Vec<_> = expected.iter().map(String::as_str).collect();
            told(&team, &at(event_type, severity), &expected);
        }
    }
}

#[test]
fn a_members_own_word_counts_for_the_member_alone() {
    let moderate_and_up = Preference::Severities(SeveritySet::at_least(Medium));
    let team = everybody(Plan::Team)
        .who_wants(Topic::AtlasAlerts, moderate_and_up)
        .who_wants(Topic::AuditDelivered, Preference::Off)
        .who_wants(Topic::Scans, Preference::On)
        .who_wants(Topic::Marketing, Preference::On)
        .build();
    for (event_type, severity, expected) in [
        (
            "atlas.alert.fired",
            Medium,
            &["member@example.com by atlas_alerts"] as &[_],
        ),
        ("atlas.alert.fired", Low, &[]),
        (
            "audit.delivered",
            Info,
            &[
                "owner@example.com by audit_delivered",
                "admin@example.com by audit_delivered",
            ],
        ),
        ("scan.completed", Info, &["member@example.com by scans"]),
        ("product.announcement", Info, &["member@example.com by marketing"]),
    ] {
        told(&team, &at(event_type, severity), expected);
    }
}

// "Compliance receipts: these never go through Slack — they're always email-delivered".

fn eager_for_receipts() -> Team {
    everybody(Plan::Enterprise)
        .slack("#compliance")
        .by_default()
        .with_last(|channel| channel.triggers = Some(everything()))
        .email("Archive", &["archive@example.com"])
        .channel(ChannelKind::InApp, "Inbox")
        .webhook("siem", types("* compliance.*"))
        .rule(
            "All there is",
            everything(),
            &["#compliance", "Archive", "Inbox", "siem"],
        )
}

#[test]
fn a_receipt_goes_by_email_to_the_compliance_recipients_and_nowhere_else() {
    let team = eager_for_receipts().receipts_to(&["officer@example.com", "dpo@example.com"]);
    hears(
        &team.build(),
        &at(RECEIPT, Critical),
        &["officer@example.com", "dpo@example.com"],
    );
}

#[test]
fn a_receipt_goes_to_the_owners_when_no_recipient_is_set() {
    let receipt = at(RECEIPT, Info);
    let team = eager_for_receipts().member("founder@example.com", Role::Owner);
    hears(
        &team.build(),
        &receipt,
        &["owner@example.com", "founder@example.com"],
    );
    let nobody = Team::new().build();
    hears(&nobody, &receipt, &["whoever gets receipts"]);
    let steps = decide_and_explain(&nobody, &receipt).steps;
    assert_eq!(
        steps[0].sentence,
        "It is a receipt, and the team has neither a compliance recipient nor an Owner: it is kept until there is one."
    );
}

#[test]
fn a_silent_event_of_a_silent_team_reaches_nobody() {
    hears(&Team::new().build(), &event("audit.queued"), &[]);
}

// "Get the right alert in front of the right person, without overwhelming anyone."

#[test]
fn a_mailbox_gets_one_email_however_many_ways_lead_to_it() {
    let team = everybody(Plan::Team)
        .email("Security", &["Owner@example.com", "soc@example.com"])
        .email("Night shift", &["soc@example.com"])
        .rule("Findings", types("finding.*"), &["Security", "Night shift"])
        .build();
    let critical = at("finding.created", Critical);
    let mut mailboxes: Vec<_> = decide(&team, &critical)
        .routes
        .into_iter()
        .filter_map(|route| match route.target {
            Target::Person { address, .. } | Target::Address { address, .. } => Some(address.key()),
            _ => None,
        })
        .collect();
    mailboxes.sort();
    let once = [
        "admin@example.com",
        "member@example.com",
        "owner@example.com",
        "soc@example.com",
    ];
    assert_eq!(mailboxes, once);
}

// An expression that fails counts as no match, and is told to whoever can mend it.

#[test]
fn an_expression_that_fails_is_noted_with_what_has_it_and_why() {
    let unknown = || everything().when("event.data.no_such_field > 1");
    let team = Team::new()
        .slack("#alerts")
        .by_default()
        .with_last(|channel| channel.triggers = Some(unknown()))
        .webhook("siem", types("*").when("event.data.no_such_field > 1"))
        .webhook("quiet", types("*").when("event.data.no_such_field > 1 || true"))
        .rule("Production", unknown(), &["#alerts"])
        .rule(
            "Other types",
            types("scan.*").when("event.data.no_such_field > 1"),
            &["#alerts"],
        )
        .build();
    let decision = decide(&team, &event("finding.created"));
    let named = |owner| match owner {
        FilterOwner::Channel(id) => team.channel(id).unwrap().name.clone(),
        FilterOwner::Rule(id) => team.rules.iter().find(|rule| rule.id == id).unwrap().name.clone(),
    };
    let failed = &decision.failed_expressions;
    let owners: Vec<_> = failed.iter().map(|failed| named(failed.owner)).collect();
    assert_eq!(owners, ["Production", "#alerts", "siem"]);
    assert!(failed[0].error.contains("no_such_field"), "{}", failed[0].error);
}

// "A recipient outside the team gets nothing until it has confirmed."

#[test]
fn who_has_not_confirmed_gets_nothing_and_the_explanation_says_so() {
    let waits = |address: &str| {
        let address = address.parse().unwrap();
        move |channel: &mut watchbell_model::channel::Channel| channel.unconfirmed = vec![address]
    };
    let team = Team::new()
        .email("Audit", &["in@acme.example"])
        .with_last(waits("out@elsewhere.example"))
        .email("Partners", &[])
        .with_last(waits("partner@elsewhere.example"))
        .rule("Findings", types("finding.*"), &["Audit", "Partners"])
        .build();
    told(&team, &event("finding.created"), &["in@acme.example by Audit"]);
    let said: Vec<_> = decide_and_explain(&team, &event("finding.created"))
        .steps
        .into_iter()
        .map(|step| step.sentence)
        .collect();
    for sentence in [
        "out@elsewhere.example was asked to confirm, and gets nothing until then.",
        "The rule sends it to “Partners”, which has only recipients who have not confirmed yet.",
    ] {
        assert!(
            said.iter().any(|said| said == sentence),
            "{sentence} in {said:#?}"
        );
    }
}
