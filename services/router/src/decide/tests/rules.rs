//! Rules: filters, order, silence and paused channels.

use std::time::Duration;

use watchbell_model::alert::{AlertAction, EventAlert, NoAlert};
use watchbell_model::decision::{Route, Stage};
use watchbell_model::group::GroupSpec;
use watchbell_model::remind::{Escalate, Remind};
use watchbell_model::rule::Rule;

use super::*;

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

#[test]
fn repeats_are_told_where_the_rule_or_the_type_wants_it() {
    let eager = |team: Team| team.with_last_rule(|rule| rule.repeat = Repeat::Notify);
    let tells = |team: &TeamSnapshot, event: &Event| -> Vec<bool> {
        let routes = decide(team, event).routes;
        routes.iter().map(|route| route.tells_repeats).collect()
    };
    let event = at("finding.created", Critical);
    assert_eq!(tells(&offload().build(), &event), [false, false]);
    assert_eq!(
        tells(&eager(offload()).build(), &event),
        [true, false],
        "its channel, and not the inbox"
    );
}

#[test]
fn what_a_rule_gathers_says_so_on_its_routes_unless_it_is_critical() {
    let by_scan = |rule: &mut Rule| {
        rule.group = Some(GroupSpec {
            by: vec!["data.scan_id".parse().unwrap()],
            wait: Duration::from_secs(120),
            at_most: 40,
        });
    };
    let team = Team::new()
        .slack("#security")
        .email("Audit trail", &["trail@example.com"])
        .webhook("SIEM", types("*"))
        .rule("Scans", everything(), &["#security", "Audit trail"])
        .with_last_rule(by_scan)
        .and_on()
        .rule("Rest", everything(), &["#security"])
        .build();
    let groups = |event: &Event| -> Vec<_> {
        let routes = decide(&team, event).routes;
        routes
            .iter()
            .map(|route| (route.target.kind(), route.group.clone()))
            .collect()
    };
    let finding = at("finding.created", High);
    let said = groups(&finding);
    let group = said[0].1.clone().unwrap();
    assert_eq!((group.rule_name.as_str(), group.at_most), ("Scans", 40));
    assert_eq!(group.values[0].path, "data.scan_id");
    let wanted = [
        (ChannelKind::Slack, Some(group.clone())),
        (ChannelKind::Email, Some(group.clone())),
        (ChannelKind::Webhook, None),
        (ChannelKind::InApp, None),
    ];
    assert_eq!(said, wanted);
    assert_eq!(groups(&finding), said, "the same event has the same group");
    assert!(
        groups(&at("finding.created", Critical))
            .iter()
            .all(|(_, group)| group.is_none())
    );
}

/// A rule that reminds and escalates, to a room and to a mailing list on which Ann is, who asked for findings herself.
fn insisting() -> Team {
    let team = Team::new()
        .slack("#alerts")
        .slack("#leads")
        .teams("Paused")
        .paused()
        .email("soc", &["soc@example.com", "ann@example.com"])
        .webhook("SIEM", types("finding.*"))
        .member("ann@example.com", Role::Member);
    let (leads, paused) = (team.id_of("#leads"), team.id_of("Paused"));
    let gone = watchbell_model::ids::ChannelId::from_uuid(uuid::Uuid::from_u128(0xdead));
    team.rule("Insist", types("finding.*"), &["#alerts", "soc"])
        .with_last_rule(|rule| {
            rule.remind = Some(Remind {
                every: Duration::from_secs(4 * 3600),
                at_most: 5,
            });
            rule.escalate = Some(Escalate {
                after: Duration::from_secs(1800),
                channels: vec![leads, paused, gone],
            });
        })
}

fn of_alert(event_type: &str, action: AlertAction) -> Event {
    let mut event = at(event_type, Critical);
    event.alert = Ok(EventAlert {
        key: "finding_id=1".parse().unwrap(),
        action,
    });
    event
}

#[test]
fn whom_a_rule_tells_is_reminded_and_it_escalates_once_to_the_channels_there_are() {
    let team = insisting().build();
    let routes = decide(&team, &of_alert("finding.created", AlertAction::Trigger)).routes;
    let reminded: Vec<_> = routes.iter().filter(|route| route.remind.is_some()).collect();
    let to = |route: &&Route| match &route.target {
        Target::Channel { kind, .. } => kind.to_string(),
        Target::Address { address, .. } | Target::Person { address, .. } => address.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(
        reminded.iter().map(to).collect::<Vec<_>>(),
        ["SLACK", "soc@example.com", "ann@example.com"],
        "neither the webhook nor the inbox"
    );
    let escalations: Vec<_> = routes
        .iter()
        .filter_map(|route| route.escalate.as_ref())
        .collect();
    assert_eq!(escalations.len(), 1);
    assert_eq!(escalations[0].after, Duration::from_secs(1800));
    let names = escalations[0].routes.iter().map(|route| {
        let channel = route.target.channel_id().and_then(|id| team.channel(id));
        (channel.unwrap().name.as_str(), route.reason.code())
    });
    // Whether one is paused is asked when it is due.
    assert_eq!(
        names.collect::<Vec<_>>(),
        [("#leads", "escalation"), ("Paused", "escalation")]
    );
}

#[test]
fn nothing_is_told_again_of_an_event_that_leaves_no_alert_open_and_an_explanation_says_so() {
    let team = insisting().build();
    let said = |event: &Event| {
        let decision = decide_and_explain(&team, event);
        let again = |route: &Route| route.remind.is_some() || route.escalate.is_some();
        let steps = decision.steps.into_iter();
        let mut steps = steps.filter(|step| step.stage == Stage::Alert);
        let step = steps.next().unwrap();
        assert!(steps.next().is_none());
        (decision.routes.iter().any(again), step.sentence)
    };
    let (again, sentence) = said(&of_alert("finding.created", AlertAction::Update));
    assert!(again);
    assert_eq!(
        sentence,
        "While the alert is open and nobody has acknowledged it, the rule “Insist” reminds every 4 h, at most 5 times, and \
         escalates to “#leads”, “Paused” after 30 min."
    );
    let mut without = event("finding.created");
    without.alert = Err(NoAlert::NotNamed);
    for event in [of_alert("finding.resolved", AlertAction::Resolve), without] {
        let (again, sentence) = said(&event);
        assert!(
            !again && sentence.ends_with("but the event leaves no alert open."),
            "{sentence}"
        );
    }
    // A rule that does not send it says nothing.
    let decision = decide_and_explain(&team, &event("scan.failed"));
    assert!(decision.steps.iter().all(|step| step.stage != Stage::Alert));
}
