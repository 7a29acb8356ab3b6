use proptest::prelude::*;

use super::*;
use crate::channel::WrittenChannel;
use crate::event::tests::sample;
use crate::expression::READ;
use crate::rule::Rule;

fn filter(types: &[&str], severities: &[Severity], sources: &[&str], expression: &str) -> Filter {
    Filter::try_from(&wire::EventFilter {
        types: types.iter().map(ToString::to_string).collect(),
        severities: severities.iter().map(|severity| severity.to_wire()).collect(),
        sources: sources.iter().map(ToString::to_string).collect(),
        expression: expression.to_owned(),
        ..wire::EventFilter::default()
    })
    .unwrap()
}

#[test]
fn the_empty_filter_matches_everything() {
    assert_eq!(Filter::default().matches(&sample("scan.started")), Match::Yes);
}

#[test]
fn the_condition_that_failed_is_named() {
    let event = sample("finding.created");
    for (filter, mismatch, words) in [
        (
            filter(&["scan.*"], &[], &[], ""),
            Mismatch::Type,
            "finding.created is not among scan.*",
        ),
        (
            filter(&[], &[Severity::Critical], &[], ""),
            Mismatch::Severity,
            "HIGH is not among CRITICAL",
        ),
        (
            filter(&[], &[], &["registry"], ""),
            Mismatch::Source,
            "cspm is not among registry",
        ),
        (
            filter(&[], &[], &[], "event.test"),
            Mismatch::Expression,
            "is false",
        ),
        (
            Filter {
                categories: vec![Category::SystemError],
                ..Filter::default()
            },
            Mismatch::Category,
            "SECURITY_ALERT is not among SYSTEM_ERROR",
        ),
    ] {
        assert_eq!(filter.matches(&event), Match::No(mismatch.clone()));
        assert!(filter.sentence(&mismatch, &event).contains(words), "{mismatch:?}");
    }
    let failing = filter(&["finding.*"], &[], &["CSPM"], "event.data.nothing == 1");
    assert!(matches!(
        failing.matches(&event),
        Match::No(Mismatch::ExpressionFailed(_))
    ));
}

#[test]
fn sources_are_compared_without_regard_to_case_in_any_script() {
    let mut event = sample("finding.created");
    for (given, asked, same) in [
        ("École", "éCOLE", true),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", true),
        ("cspm", "CSPM", true),
        ("École", "Ecole", false),
    ] {
        event.source = given.to_owned();
        assert_eq!(
            filter(&[], &[], &[asked], "").matches(&event).is_yes(),
            same,
            "{given} {asked}"
        );
    }
}

#[test]
fn every_wrong_field_of_a_message_is_named() {
    let message = wire::EventFilter {
        categories: vec![99],
        types: vec!["finding.*".to_owned(), "nope".to_owned()],
        sources: vec!["x".repeat(65), " ".to_owned()],
        expression: "event.".to_owned(),
        ..wire::EventFilter::default()
    };
    let violations = Filter::try_from(&message).unwrap_err();
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "categories[0]",
            "types[1]",
            "sources[0]",
            "sources[1]",
            "expression"
        ]
    );
}

#[test]
fn a_filter_reads_back_from_its_message() {
    let filter = filter(
        &["finding.*"],
        &[Severity::High],
        &["cspm"],
        "event.severity_rank > 1",
    );
    assert_eq!(Filter::try_from(&wire::EventFilter::from(&filter)), Ok(filter));
    assert_eq!(
        wire::EventFilter::from(&Filter::default()),
        wire::EventFilter::default()
    );
}

proptest! {
    /// A filter is the conjunction of its conditions, and an empty condition is no condition.
    #[test]
    fn a_filter_is_the_conjunction_of_its_conditions(
        types in proptest::sample::subsequence(vec!["finding.*", "scan.failed", "scan.*"], 0..=3),
        severities in proptest::sample::subsequence(Severity::ALL.to_vec(), 0..=5),
        sources in proptest::sample::subsequence(vec!["cspm", "registry"], 0..=2),
        severity in proptest::sample::select(Severity::ALL.to_vec()),
        name in proptest::sample::select(vec!["finding.created", "scan.failed", "scan.started", "user.login"]),
    ) {
        let mut event = sample(name);
        event.severity = severity;
        let type_holds = types.is_empty() || types.iter().any(|pattern| {
            *pattern == name || pattern.strip_suffix('*').is_some_and(|group| name.starts_with(group))
        });
        let expected = type_holds
            && (severities.is_empty() || severities.contains(&severity))
            && (sources.is_empty() || sources.contains(&"cspm"));
        prop_assert_eq!(filter(&types, &severities, &sources, "").matches(&event).is_yes(), expected);
    }
}

#[test]
fn the_expression_of_what_is_saved_is_read_once() {
    let filter = wire::EventFilter {
        types: vec!["*".to_owned()],
        expression: "event.test".to_owned(),
        ..wire::EventFilter::default()
    };
    let rule = wire::Rule {
        id: "rul_01h455vb4pex5vsknk084sn02q".to_owned(),
        display_name: "Tests".to_owned(),
        r#match: Some(filter.clone()),
        action: Some(wire::rule::Action::Silence(wire::SilenceAction::default())),
        ..wire::Rule::default()
    };
    let webhook = wire::WebhookDestination {
        filter: Some(filter),
        signing_secret: "s3cret".to_owned(),
        ..wire::WebhookDestination::default()
    };
    let channel = wire::Channel {
        display_name: "hook".to_owned(),
        destination: Some(wire::channel::Destination::Webhook(webhook)),
        ..wire::Channel::default()
    };
    let before = READ.get();
    Rule::written(&rule).unwrap();
    assert_eq!(READ.get() - before, 1);
    let written = WrittenChannel::try_from(&channel).unwrap();
    assert_eq!(READ.get() - before, 2);
    assert!(!format!("{written:?}").contains("s3cret"));
}

#[test]
fn an_expression_that_cannot_be_true_is_kept_and_not_saved() {
    let message = wire::EventFilter {
        expression: "1 + 1".to_owned(),
        types: vec!["Not A Type".to_owned()],
        ..wire::EventFilter::default()
    };
    let fields = |read: Result<Filter, Violations>| -> Vec<_> {
        read.unwrap_err()
            .into_iter()
            .map(|violation| violation.field)
            .collect()
    };
    assert_eq!(fields(Filter::try_from(&message)), ["types[0]"]);
    assert_eq!(fields(Filter::written(&message)), ["types[0]", "expression"]);
}
