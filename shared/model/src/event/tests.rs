use chrono::TimeZone;
use proptest::prelude::*;

use super::*;

pub(crate) fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 2, 12, 0, 0).unwrap()
}

/// A valid event of that type, at HIGH, from `cspm`.
pub(crate) fn sample(event_type: &str) -> Event {
    let spec = Catalog::built_in().get(event_type).unwrap();
    Event::parse(
        EventDraft {
            id: "evt-1".to_owned(),
            event_type: event_type.to_owned(),
            severity: Some(Severity::High),
            source: "cspm".to_owned(),
            data: spec.example.clone(),
            ..EventDraft::default()
        },
        TeamId::from_uuid(uuid::Uuid::from_u128(1)),
        Catalog::built_in(),
        noon(),
    )
    .unwrap()
}

fn draft(event_type: &str) -> EventDraft {
    let data = Catalog::built_in()
        .get(event_type)
        .map(|spec| spec.example.clone())
        .unwrap_or_default();
    EventDraft {
        event_type: event_type.to_owned(),
        data,
        ..EventDraft::default()
    }
}

fn parse(draft: EventDraft) -> Result<Event, Violations> {
    Event::parse(
        draft,
        TeamId::from_uuid(uuid::Uuid::from_u128(1)),
        Catalog::built_in(),
        noon(),
    )
}

fn fields(violations: &Violations) -> Vec<(&str, &str)> {
    violations
        .iter()
        .map(|violation| (violation.field.as_str(), &*violation.reason))
        .collect()
}

#[test]
fn what_is_not_given_comes_from_the_catalog_and_the_clock() {
    let event = parse(draft("scan.failed")).unwrap();
    assert_eq!(
        (event.severity, event.category),
        (Severity::High, Category::SystemError)
    );
    assert_eq!(event.title, "Scan failed");
    assert_eq!(event.occurred_at, noon());
    assert!(event.id.as_str().starts_with("evt_"));
    assert_eq!((event.url, event.subject, event.test), (None, None, false));
}

#[test]
fn every_violation_is_answered_at_once() {
    let violations = parse(EventDraft {
        id: "a b".to_owned(),
        event_type: "finding.created".to_owned(),
        source: "x".repeat(65),
        occurred_at: Some(noon() + MAX_AHEAD + TimeDelta::seconds(1)),
        title: "t".repeat(301),
        url: "javascript:alert(1)".to_owned(),
        subject: "a\u{7}".to_owned(),
        data: r#"{"finding_id": 7, "score": "high"}"#.parse().unwrap(),
        test: true,
        ..EventDraft::default()
    })
    .unwrap_err();
    let mut found = fields(&violations);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("data.finding_id", "SCHEMA"),
            ("data.score", "SCHEMA"),
            ("id", "MALFORMED"),
            ("occurred_at", "OUT_OF_RANGE"),
            ("source", "TOO_LONG"),
            ("subject", "MALFORMED"),
            ("test", "NOT_ALLOWED"),
            ("title", "TOO_LONG"),
            ("url", "MALFORMED"),
        ]
    );
    assert_eq!(violations.under("event").iter().next().unwrap().field, "event.id");
}

#[test]
fn an_unknown_type_and_a_missing_one_are_told_apart() {
    assert_eq!(
        fields(&parse(draft("finding.sneezed")).unwrap_err()),
        [("type", "UNKNOWN_VALUE")]
    );
    assert_eq!(fields(&parse(draft("")).unwrap_err()), [("type", "REQUIRED")]);
}

#[test]
fn a_line_break_in_a_title_becomes_a_space_and_time_is_kept_to_the_microsecond() {
    let mut draft = draft("finding.created");
    draft.title = "  two\nlines\t".to_owned();
    draft.occurred_at = Some(noon() + TimeDelta::nanoseconds(1_234_567));
    let event = parse(draft).unwrap();
    assert_eq!(event.title, "two lines");
    assert_eq!(event.occurred_at, noon() + TimeDelta::microseconds(1_234));
}

#[test]
fn an_event_belongs_to_the_alert_that_it_names_or_that_its_type_names() {
    let alert = |event_type: &str, dedup_key: &str| {
        let draft = EventDraft {
            dedup_key: dedup_key.to_owned(),
            ..draft(event_type)
        };
        let alert = parse(draft).unwrap().alert;
        alert.map(|alert| (alert.key.to_string(), alert.action))
    };
    let example = |event_type: &str, field: &str| {
        let data = &Catalog::built_in().get(event_type).unwrap().example;
        format!("{field}={}", data.object()[field].as_str().unwrap())
    };
    for (event_type, field, action) in [
        ("finding.created", "finding_id", AlertAction::Trigger),
        ("sla.breached", "finding_id", AlertAction::Update),
        ("finding.resolved", "finding_id", AlertAction::Resolve),
        ("scan.completed", "target", AlertAction::Resolve),
    ] {
        assert_eq!(alert(event_type, ""), Ok((example(event_type, field), action)));
        assert_eq!(alert(event_type, "mine"), Ok(("mine".to_owned(), action)));
    }
    assert_eq!(alert("user.login", ""), Err(NoAlert::NotNamed));
    assert_eq!(
        alert("user.login", "mine"),
        Ok(("mine".to_owned(), AlertAction::Trigger))
    );
    assert_eq!(alert("compliance.receipt.issued", ""), Err(NoAlert::Receipt));
    let test = Catalog::built_in().synthetic("finding.created", TeamId::from_uuid(uuid::Uuid::nil()), noon());
    assert_eq!(test.unwrap().alert, Err(NoAlert::Test));
}

#[test]
fn a_key_that_is_missing_in_the_data_refuses_no_event() {
    let mut draft = draft("scan.failed");
    draft.data = r#"{"scan_id": "s-1"}"#.parse().unwrap();
    assert_eq!(parse(draft).unwrap().alert, Err(NoAlert::Missing));
}

#[test]
fn a_dedup_key_is_short_visible_and_for_no_receipt() {
    let with = |event_type: &str, key: &str| {
        let dedup_key = key.to_owned();
        parse(EventDraft {
            dedup_key,
            ..draft(event_type)
        })
        .map(drop)
    };
    assert_eq!(with("finding.created", &"k".repeat(128)), Ok(()));
    for (event_type, key, reason) in [
        ("finding.created", "k".repeat(129), "MALFORMED"),
        ("finding.created", "two words".to_owned(), "MALFORMED"),
        ("finding.created", "ä".to_owned(), "MALFORMED"),
        ("compliance.receipt.issued", "k".to_owned(), "NOT_ALLOWED"),
    ] {
        let violations = with(event_type, &key).unwrap_err();
        assert_eq!(fields(&violations), [("dedup_key", reason)], "{key}");
    }
}

proptest! {
    /// Whatever is accepted is within every bound.
    #[test]
    fn an_accepted_event_is_within_bounds(
        id in "[ -~]{0,130}",
        source in ".{0,70}",
        title in "\\PC{0,310}",
        url in "(https?|ftp)://[a-z]{1,8}(/[ a-z]{0,8})?",
        ahead in -1_000_i64..2_000,
    ) {
        let occurred_at = Some(noon() + TimeDelta::minutes(ahead));
        let draft = EventDraft { id, source, title, url, occurred_at, ..draft("finding.created") };
        match parse(draft.clone()) {
            Ok(event) => {
                prop_assert!((1..=300).contains(&event.title.chars().count()));
                prop_assert!(event.source.chars().count() <= 64);
                prop_assert!(event.url.as_ref().unwrap().starts_with("http"));
                prop_assert!(ahead <= 24 * 60);
            }
            Err(violations) => prop_assert!(!violations.is_empty()),
        }
    }
}
