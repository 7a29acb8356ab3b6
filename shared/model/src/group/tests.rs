use super::*;
use crate::event::tests::{noon, sample};

/// By scan and type.
pub(crate) fn spec() -> GroupSpec {
    GroupSpec {
        by: vec!["data.scan_id".parse().unwrap(), GroupPath::Type],
        wait: Duration::from_secs(120),
        at_most: MAX_EVENTS,
    }
}

/// One of that spec.
pub(crate) fn group() -> RouteGroup {
    spec().of(rule(), &of_scan(r#"{"scan_id": "nightly"}"#)).unwrap()
}

fn rule() -> (RuleId, &'static str) {
    (RuleId::from_uuid(Uuid::from_u128(7)), "Scans")
}

fn of_scan(data: &str) -> Event {
    let mut event = sample("finding.created");
    event.data = data.parse().unwrap();
    event
}

fn key(by: &[&str], event: &Event) -> GroupKey {
    let by = by.iter().map(|path| path.parse().unwrap()).collect();
    GroupSpec { by, ..spec() }.of(rule(), event).unwrap().key
}

#[test]
fn events_of_the_same_values_have_the_same_group_and_others_do_not() {
    let by = ["data.scan_id", "data.deep.n", "subject"];
    let one = of_scan(r#"{"scan_id": "a", "deep": {"n": 1}, "more": 1}"#);
    assert_eq!(
        key(&by, &one),
        key(&by, &of_scan(r#"{"scan_id": "a", "deep": {"n": 1}, "more": 2}"#))
    );
    for other in [
        r#"{"scan_id": "b", "deep": {"n": 1}}"#,
        r#"{"scan_id": "a1", "deep": {"n": ""}}"#,
        r#"{"scan_id": "a", "deep": {}}"#,
        r#"{"scan_id": "a", "deep": {"n": true}}"#,
        r#"{}"#,
    ] {
        assert_ne!(key(&by, &one), key(&by, &of_scan(other)), "{other}");
    }
    let mut about = one.clone();
    about.subject = Some("payments".to_owned());
    assert_ne!(key(&by, &one), key(&by, &about));
    assert_ne!(key(&["subject"], &about), key(&["type"], &about));
    assert_eq!(key(&[], &one), key(&[], &sample("scan.failed")));
    let other_rule = (RuleId::generate(noon()), "Scans");
    assert_ne!(
        spec().of(other_rule, &one).unwrap().key,
        spec().of(rule(), &one).unwrap().key
    );
}

#[test]
fn a_missing_field_is_no_empty_one_and_what_is_no_scalar_is_missing() {
    let by = ["data.scan_id"];
    let missing = key(&by, &of_scan("{}"));
    assert_ne!(missing, key(&by, &of_scan(r#"{"scan_id": ""}"#)));
    for value in ["null", "1.5", "[]", r#"{"a": 1}"#] {
        assert_eq!(
            missing,
            key(&by, &of_scan(&format!(r#"{{"scan_id": {value}}}"#))),
            "{value}"
        );
    }
}

#[test]
fn what_is_critical_and_what_is_a_test_is_not_gathered() {
    let mut critical = of_scan("{}");
    critical.severity = Severity::Critical;
    assert_eq!(spec().of(rule(), &critical), None);
    let mut test = of_scan("{}");
    test.test = true;
    assert_eq!(spec().of(rule(), &test), None);
}

#[test]
fn it_says_with_what_and_for_how_long() {
    assert_eq!(
        group().sentence(&of_scan("{}")),
        "It would be gathered with others of the same data.scan_id and type for 2 min."
    );
    let sentence = |event| spec().of(rule(), &event).unwrap().sentence(&event);
    let none = sentence(of_scan("{}"));
    assert!(
        none.ends_with("for 2 min. It has no data.scan_id, which counts as a value of its own."),
        "{none}"
    );
    let list = sentence(of_scan(r#"{"scan_id": ["a"]}"#));
    assert!(
        list.ends_with(
            "for 2 min. Its data.scan_id is neither a text, a whole number of 64 bits nor a boolean, and counts as if it had none."
        ),
        "{list}"
    );
    let all = GroupSpec {
        by: vec![],
        wait: Duration::from_secs(5_401),
        at_most: 2,
    };
    assert_eq!(
        all.of(rule(), &of_scan("{}")).unwrap().sentence(&of_scan("{}")),
        "It would be gathered with whatever else the rule “Scans” sends here for 1 h 30 min 1 s."
    );
}

#[test]
fn values_for_people_are_one_short_line() {
    let long = format!(r#"{{"scan_id": "a\nb{}"}}"#, "x".repeat(10_000));
    let group = spec().of(rule(), &of_scan(&long)).unwrap();
    let value = group.values[0].value.as_deref().unwrap();
    assert_eq!(value.chars().count(), MAX_VALUE_CHARS);
    assert!(value.starts_with("a bx") && value.ends_with('…'));
}

#[test]
fn a_spec_comes_back_from_the_wire_and_every_wrong_field_is_named() {
    let spec = spec();
    assert_eq!(GroupSpec::try_from(&config_wire::Group::from(&spec)), Ok(spec));
    let wait = |seconds| Some(duration(Duration::from_secs(seconds)));
    let fields = |by: &[&str], wait, at_most| -> Vec<String> {
        let by = by.iter().map(|path| (*path).to_owned()).collect();
        let violations = GroupSpec::try_from(&config_wire::Group { by, wait, at_most }).unwrap_err();
        violations
            .iter()
            .map(|violation| violation.field.clone())
            .collect()
    };
    let wrong = ["type", "scan_id", "data.", "type", "severity"];
    assert_eq!(
        fields(&wrong, None, 1),
        ["by[1]", "by[2]", "by[4]", "by[3]", "wait", "at_most"]
    );
    let many = ["data.a", "data.b", "data.c", "data.d", "data.e", "data.f"];
    assert_eq!(fields(&many, wait(1), 0), ["by"]);
    assert_eq!(fields(&[], wait(0), -1), ["wait", "at_most"]);
    assert_eq!(fields(&[], wait(86_401), 1_001), ["wait", "at_most"]);
    let bounds = config_wire::Group {
        by: vec![],
        wait: wait(86_400),
        at_most: 2,
    };
    assert_eq!(GroupSpec::try_from(&bounds).unwrap().at_most, 2);
}

#[test]
fn a_group_that_is_no_digest_is_refused() {
    let message = wire::RouteGroup {
        key: vec![1; 33].into(),
        ..wire::RouteGroup::from(&group())
    };
    let violations = RouteGroup::try_from(message).unwrap_err();
    assert_eq!(violations.iter().next().unwrap().field, "key");
}

#[test]
fn each_place_of_a_group_has_an_id_of_its_own() {
    let group = group();
    assert_eq!(group.at("a"), self::group().at("a"));
    assert_ne!(group.at("a"), group.at("b"));
    let other = spec().of(rule(), &of_scan("{}")).unwrap();
    assert_ne!(group.at("a"), other.at("a"));
}

#[test]
fn a_type_says_what_its_events_have_there() {
    let created = crate::catalog::Catalog::built_in()
        .get("finding.created")
        .unwrap();
    let of = |path: &str| path.parse::<GroupPath>().unwrap().in_type(created);
    for path in ["type", "subject", "data.scan_id", "data.cve"] {
        assert_eq!(of(path), TypeField::Scalar, "{path}");
    }
    assert_eq!(of("data.score"), TypeField::NotScalar, "a fraction");
    for path in ["data.scanid", "data.scan_id.deeper"] {
        assert_eq!(of(path), TypeField::Missing, "{path}");
    }
    let schema = serde_json::json!({
        "properties": {
            "tags": {"type": "array"},
            "owner": {"type": ["null", "string"]},
            "any": {},
            "deep": {"allOf": [{"properties": {"id": {"type": "string"}}}]},
        },
    });
    let of = |path: &str| by_schema(&schema, &path.parse().unwrap());
    assert_eq!(of("data.tags"), TypeField::NotScalar);
    assert_eq!(of("data.owner"), TypeField::Scalar);
    assert_eq!(of("data.any"), TypeField::Scalar);
    assert_eq!(of("data.deep.id"), TypeField::Scalar, "it may be there");
    assert_eq!(of("data.other"), TypeField::Missing);
}
