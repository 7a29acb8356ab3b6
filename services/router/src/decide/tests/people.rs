//! Emails to members, receipts and recipients.

use super::*;

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
