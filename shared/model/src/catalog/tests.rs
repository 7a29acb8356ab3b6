use serde_json::json;

use super::*;
use crate::event::Event;
use crate::event::tests::noon;
use crate::ids::TeamId;

fn definition(schema: Value, example: &Value) -> EventTypeDefinition {
    EventTypeDefinition {
        name: "deploy.finished".parse().unwrap(),
        title: "Deploy finished".to_owned(),
        description: String::new(),
        category: Category::SystemNotification,
        severity: Severity::Info,
        alert_policy: AlertPolicy::Never,
        topic: None,
        data_schema: Some(schema),
        example: example.as_object().unwrap().clone(),
        alert: None,
    }
}

fn of(data: &Value) -> Data {
    data.to_string().parse().unwrap()
}

fn refused(schema: Value) -> String {
    EventTypeSpec::parse(definition(schema, &json!({})))
        .unwrap_err()
        .to_string()
}

#[test]
fn what_alerts_by_default_is_what_the_design_says() {
    let mut alerting = Vec::new();
    for spec in Catalog::built_in().iter() {
        let severities: SeveritySet = Severity::ALL
            .iter()
            .copied()
            .filter(|severity| spec.alert_policy.applies(*severity))
            .collect();
        if !severities.is_empty() {
            alerting.push((spec.event_type.as_str(), severities));
        }
    }
    let all = SeveritySet::at_least(Severity::Info);
    assert_eq!(
        alerting,
        [
            ("account.plan.changed", all),
            ("atlas.alert.fired", SeveritySet::CRITICAL),
            ("audit.delivered", all),
            ("audit.failed", all),
            ("compliance.drift_detected", all),
            ("finding.created", SeveritySet::HIGH_AND_ABOVE),
            ("scan.failed", all),
            ("sla.breached", all),
            ("sla.warning", all),
        ]
    );
}

#[test]
fn every_built_in_type_has_a_valid_example_and_a_line_for_people() {
    assert_eq!(Catalog::built_in().iter().count(), 32);
    for spec in Catalog::built_in().iter() {
        assert_eq!(spec.validate(&spec.example), Ok(()), "{}", spec.event_type);
        assert!(
            !spec.example.is_empty() && !spec.title.is_empty(),
            "{}",
            spec.event_type
        );
        assert!(spec.description.ends_with('.'), "{}", spec.event_type);
        // Every field that the example shows is one that the schema describes.
        let described = &spec.data_schema.as_ref().unwrap()["properties"];
        assert!(
            spec.example
                .object()
                .keys()
                .all(|field| described.get(field).is_some()),
            "{}",
            spec.event_type
        );
    }
}

#[test]
fn a_type_belongs_to_the_topic_of_its_group() {
    for spec in Catalog::built_in().iter() {
        let name = spec.event_type.as_str();
        let expected = match name.split('.').next().unwrap() {
            "finding" => Some(Topic::Findings),
            "sla" => Some(Topic::Sla),
            "scan" => Some(Topic::Scans),
            "exception" => Some(Topic::Exceptions),
            "user" | "account" => Some(Topic::Account),
            "atlas" => Some(Topic::AtlasAlerts),
            "product" => Some(Topic::Marketing),
            "compliance" => (name != RECEIPT).then_some(Topic::Compliance),
            _ => match name {
                "audit.delivered" => Some(Topic::AuditDelivered),
                "audit.failed" => Some(Topic::AuditFailed),
                _ => None,
            },
        };
        assert_eq!(spec.topic, expected, "{name}");
    }
}

#[test]
fn data_is_strict_on_what_is_known_and_open_to_more() {
    let spec = Catalog::built_in().get("sla.warning").unwrap();
    let data = json!({"finding_id": "f", "deadline": "2026-03-04T12:00:00Z", "extra": {"a": [1]}});
    assert_eq!(spec.validate(&of(&data)), Ok(()));
    let data = json!({"deadline": "tomorrow"});
    let violations = spec.validate(&of(&data)).unwrap_err();
    let mut fields: Vec<_> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    fields.sort_unstable();
    assert_eq!(fields, ["deadline", "finding_id"]);
}

#[test]
fn a_violation_in_data_does_not_repeat_the_value() {
    let spec = Catalog::built_in().get("finding.created").unwrap();
    let data = json!({"finding_id": "f", "score": "hunter2", "cve": "hunter2"});
    let violations = spec.validate(&of(&data)).unwrap_err();
    assert_eq!(violations.len(), 2);
    assert!(!violations.to_string().contains("hunter2"), "{violations}");
}

#[test]
fn a_teams_own_type_is_found_beside_the_built_in_ones() {
    let schema = json!({"type": "object", "required": ["sha"], "properties": {"tags": {"items": {"$ref": "#/$defs/tag"}}},
        "$defs": {"tag": {"type": "string"}}});
    let catalog = Catalog::with_custom(vec![definition(schema, &json!({"sha": "abc"}))]).unwrap();
    let spec = catalog.get("deploy.finished").unwrap();
    assert!(!spec.built_in && catalog.get("finding.created").is_some_and(|spec| spec.built_in));
    let data = json!({"sha": "x", "tags": ["a", 7]});
    let violations = spec.validate(&of(&data)).unwrap_err();
    assert_eq!(violations.iter().next().unwrap().field, "tags[1]");
}

#[test]
fn no_team_can_give_its_events_the_names_of_watchbells_own_notices() {
    for name in notices::ALL {
        let mut definition = definition(json!({}), &json!({}));
        definition.name = name.parse().unwrap();
        let violations = EventTypeSpec::parse(definition).unwrap_err();
        assert_eq!(
            violations.to_string(),
            "name: is a type of Watchbell's own notices",
            "{name}"
        );
        assert_eq!(
            BUILT_IN.contains_key(name),
            notices::is_operational(name),
            "{name}"
        );
    }
}

#[test]
fn a_type_that_breaks_a_newer_bound_keeps_nothing_else_from_working() {
    let catalog = Catalog::with_custom(vec![definition(json!({"$ref": "#/nowhere"}), &json!({}))]).unwrap();
    assert!(catalog.get("deploy.finished").is_none() && catalog.get("finding.created").is_some());
    let draft = crate::EventDraft {
        event_type: "deploy.finished".to_owned(),
        ..crate::EventDraft::default()
    };
    let refused = Event::parse(draft, TeamId::generate(noon()), &catalog, noon()).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("must be mended first: data_schema: has a reference"),
        "{refused}"
    );
}

#[test]
fn a_teams_schema_can_reach_nothing_outside_and_cost_little() {
    assert!(refused(json!({"$ref": "https://example.com/s.json"})).contains("inside the schema"));
    assert!(refused(json!({"$ref": "file:///etc/passwd"})).contains("inside the schema"));
    assert!(refused(json!({"$ref": "#/$defs/none"})).contains("points nowhere"));
    assert!(refused(json!({"properties": {"a": {"$ref": "#"}}})).contains("inside the schema"));
    assert!(
        refused(json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}))
            .contains("itself")
    );
    assert!(refused(json!({"$dynamicRef": "#x"})).contains("$dynamicRef"));
    assert!(refused(json!({"type": "nonsense"})).contains("JSON Schema"));
    assert!(refused(json!({"properties": {"a": {"pattern": "(a"}}})).contains("JSON Schema"));
    let mut doubling = serde_json::Map::new();
    for level in 0..20 {
        let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
        doubling.insert(format!("l{level}"), json!({"allOf": [next, next]}));
    }
    doubling.insert("l20".to_owned(), json!({}));
    assert!(refused(json!({"$ref": "#/$defs/l0", "$defs": doubling})).contains("too large"));
}

#[test]
fn references_are_percent_decoded() {
    let schema = json!({"properties": {"a": {"$ref": "#/$defs/with%20space%7E1slash"}}, "$defs": {"with space/slash": {"type": "string"}}});
    let spec = EventTypeSpec::parse(definition(schema, &json!({}))).unwrap();
    assert_eq!(spec.validate(&of(&json!({"a": "x"}))), Ok(()));
    assert!(spec.validate(&of(&json!({"a": 1}))).is_err());
    assert!(
        refused(json!({"$ref": "#/$defs/%61", "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}))
            .contains("itself")
    );
}

/// What is said of data that breaks a schema, and whether finding that out is heavy.
fn said(schema: Value, data: &Value) -> (String, bool) {
    let spec = EventTypeSpec::parse(definition(schema, &json!({}))).unwrap();
    let data = of(data);
    let said = spec
        .validate(&data)
        .err()
        .map(|violations| violations.to_string());
    (said.unwrap_or_default(), spec.is_heavy(&data))
}

#[test]
fn data_that_would_take_too_long_to_check_is_refused_before() {
    let many: Vec<Value> = (0..900).map(|n| json!({"const": -1 - n})).collect();
    let any_of = json!({"properties": {"a": {"items": {"anyOf": many}}}});
    let unique = json!({"properties": {"a": {"uniqueItems": true}}});
    let slow = json!({"properties": {"a": {"pattern": "[ab]*a[ab]{9000}c"}}});
    let regex = json!({"properties": {"a": {"format": "regex"}}});
    let mut again = json!({});
    for _ in 0..14 {
        again = json!({"unevaluatedProperties": true, "allOf": [again]});
    }
    let long = "ab".repeat(100_000);
    let members: serde_json::Map<_, _> = (0..1_000).map(|n| (n.to_string(), json!(n))).collect();
    let members = Value::Object(members);
    for (schema, data) in [
        (any_of.clone(), json!({"a": vec![0; 100_000]})),
        (unique.clone(), json!({"a": (0..20_000).collect::<Vec<_>>()})),
        (slow.clone(), json!({"a": long})),
        (regex, json!({"a": long})),
        (again, members),
    ] {
        let (said, heavy) = said(schema, &data);
        assert!(said.contains("too large for its schema") && heavy, "{said}");
    }
    // What is large and not too large is checked, without a violation for every branch of every item.
    let (said_of_many, heavy) = said(any_of.clone(), &json!({"a": vec![0; 500]}));
    assert!(
        said_of_many.contains("too large for every violation") && heavy,
        "{said_of_many}"
    );
    let (said_of_one, heavy) = said(any_of, &json!({"a": [0]}));
    assert!(said_of_one.starts_with("a[0]: ") && !heavy, "{said_of_one}");
    assert!(said_of_one.len() < 1_000);
    assert_eq!(
        said(slow, &json!({"a": "ab"})),
        ("a: value does not match \"[ab]*a[ab]{9000}c\"".to_owned(), false)
    );
    assert_eq!(said(unique, &json!({"a": [1, 2]})), (String::new(), false));
}

#[test]
fn a_schema_whose_patterns_are_large_together_or_that_nests_deep_is_refused() {
    let patterns: serde_json::Map<_, _> = (0..30)
        .map(|n| (format!("p{n}"), json!({"pattern": format!("[a-z]{{900}}{n}")})))
        .collect();
    assert!(refused(json!({"properties": patterns})).contains("patterns that are too large together"));
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({"not": deep});
    }
    assert!(refused(deep).contains("at most 32 levels"));
}

#[test]
fn what_a_schema_says_of_json_within_texts_is_checked_within_bounds() {
    let schema = json!({"$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"contentMediaType": "application/json"}}});
    let layered = (0..12).fold("1".to_owned(), |text, _| {
        let nested = format!("{}{text}{}", "[".repeat(118), "]".repeat(118));
        json!({"$serde_json::private::RawValue": nested}).to_string()
    });
    assert!(said(schema.clone(), &json!({"a": layered})).0.is_empty());
    assert!(
        !said(schema.clone(), &json!({"a": "[".repeat(100_000)}))
            .0
            .is_empty()
    );
    assert!(said(schema, &json!({"a": "[1]"})).0.is_empty());
}

#[test]
fn a_definition_that_does_not_hold_together_is_refused() {
    let wrong = EventTypeDefinition {
        name: "finding.created".parse().unwrap(),
        title: " ".to_owned(),
        topic: Some(Topic::Marketing),
        ..definition(json!({"required": ["sha"]}), &json!({}))
    };
    let violations = EventTypeSpec::parse(wrong).unwrap_err();
    let fields: Vec<_> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(fields, ["name", "title", "topic", "example"]);
}

#[test]
fn a_test_event_has_the_shape_of_a_real_one_and_says_that_it_is_a_test() {
    let team_id = TeamId::generate(noon());
    for spec in Catalog::built_in().iter() {
        let event = Catalog::built_in()
            .synthetic(spec.event_type.as_str(), team_id, noon())
            .unwrap();
        assert!(event.test && event.title.starts_with("Test: "));
        assert_eq!(spec.validate(&event.data), Ok(()));
    }
    assert_eq!(Catalog::built_in().synthetic("no.such", team_id, noon()), None);
}

#[test]
fn the_patterns_of_all_types_of_a_team_are_bounded_together() {
    let type_of = |number: usize| EventTypeDefinition {
        name: format!("acme.t{number}").parse().unwrap(),
        title: "A type".to_owned(),
        description: String::new(),
        category: Category::SystemNotification,
        severity: Severity::Info,
        alert_policy: AlertPolicy::Never,
        topic: None,
        data_schema: Some(json!({"properties": {"a": {"pattern": format!("^[ab]{{4000}}{number}$")}}})),
        example: Map::new(),
        alert: None,
    };
    let catalog = Catalog::with_custom((0..100).map(type_of).collect()).unwrap();
    let usable = (0..100).filter(|number| catalog.get(&format!("acme.t{number}")).is_some());
    let usable: Vec<_> = usable.collect();
    assert!((20..60).contains(&usable.len()), "{usable:?}");
    let last = catalog.unusable("acme.t99").unwrap().to_string();
    assert!(last.contains("together with those"), "{last}");

    let small = |number| EventTypeDefinition {
        data_schema: Some(
            json!({"properties": {"a": {"pattern": "^[a-z]+$"}, "b": {"pattern": "^[0-9]+$"}}}),
        ),
        ..type_of(number)
    };
    let catalog = Catalog::with_custom((0..MAX_CUSTOM_TYPES).map(small).collect()).unwrap();
    assert!(
        catalog.unusable.is_empty(),
        "many types with ordinary patterns have room"
    );
}
