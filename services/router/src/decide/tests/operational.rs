//! Events about Watchbell's own work.

use super::*;

fn team() -> Team {
    Team::new()
        .slack("#alerts")
        .by_default()
        .with_last(|channel| channel.triggers = Some(everything()))
        .slack("#ops")
        .webhook("all", types("*"))
        .webhook("groups", types("* delivery.*"))
        .webhook("unfiltered", everything())
}

#[test]
fn an_operational_event_goes_only_where_it_is_named() {
    hears(&team().build(), &event("delivery.failed"), &["webhook groups"]);
    let everything_to_ops = team().rule("All", everything(), &["#ops"]).build();
    hears(&everything_to_ops, &event("delivery.failed"), &["webhook groups"]);
    let named = team().rule("Ops", types("delivery.failed"), &["#ops"]).build();
    hears(&named, &event("delivery.failed"), &["#ops", "webhook groups"]);
    hears(&named, &event("config.changed"), &[]);
}

#[test]
fn an_explanation_says_why_an_operational_event_is_passed_over() {
    let team = team().rule("All", everything(), &["#ops"]).build();
    let steps = decide_and_explain(&team, &event("delivery.failed")).steps;
    assert_eq!(
        steps[0].sentence,
        "delivery.failed is about Watchbell's own work and goes only where its type, or its group, is named."
    );
    let webhook = steps
        .iter()
        .find(|step| step.outcome == super::super::Outcome::Routed);
    assert_eq!(
        webhook.map(|step| step.sentence.as_str()),
        Some("The webhook subscribes to delivery.*.")
    );
}

#[test]
fn what_people_do_about_alerts_goes_only_where_it_is_named() {
    let all = team()
        .webhook("acts", types("alert.*"))
        .rule("All", everything(), &["#ops"])
        .build();
    for act in watchbell_model::catalog::notices::ACTS {
        hears(&all, &event(act), &["webhook acts"]);
    }
}
