use serde_json::json;

use super::facts::MAX_ELEMENTS;
use super::*;
use crate::event::tests::sample;

fn ask(source: &str) -> Result<bool, EvaluationError> {
    let mut event = sample("finding.created");
    event.data = r#"{"score": 9.1, "count": 3, "tags": ["prod", "eu"], "owner": {"name": "ann"}}"#
        .parse()
        .unwrap();
    source.parse::<Expression>().unwrap().matches(&Facts::of(&event))
}

#[test]
fn an_expression_sees_every_field_of_the_event() {
    for source in [
        "event.type == 'finding.created'",
        "event.severity == 'HIGH' && event.severity_rank >= 3",
        "event.category == 'SECURITY_ALERT'",
        "event.source == 'cspm' && event.subject == '' && event.url == ''",
        "event.title.contains('finding')",
        "event.data.score > 9 && event.data.count == 3",
        "'prod' in event.data.tags",
        "event.data.tags.exists(t, t.startsWith('e'))",
        "has(event.data.owner.name) && !has(event.data.missing)",
        "event.title.matches('(?i)^new')",
        "!event.test",
        "size(event.data.tags) == 2",
        "event.data.tags.filter(t, t in ['eu', 'us']) == ['eu']",
        "event.data.tags.exists_one(t, t == 'prod')",
        "event.data.owner.all(k, k == 'name')",
        "[1, event.data.count, 3].all(event, event > 0)",
    ] {
        assert_eq!(ask(source), Ok(true), "{source}");
    }
}

#[test]
fn an_evaluation_that_fails_is_an_error_and_not_a_match() {
    for source in [
        "event.data.missing > 3",
        "event.data.score == 'x' + 1",
        "event.severity",
    ] {
        assert!(ask(source).is_err(), "{source}");
    }
    let mut event = sample("finding.created");
    event.data = json!({"ids": vec![0; MAX_ELEMENTS + 1]})
        .to_string()
        .parse()
        .unwrap();
    let expression: Expression = "event.data.ids.exists(i, i == 1)".parse().unwrap();
    assert!(
        expression
            .matches(&Facts::of(&event))
            .unwrap_err()
            .to_string()
            .contains("too many")
    );
}

#[test]
fn what_is_wrong_with_an_expression_is_said_when_it_is_saved() {
    let error = |source: &str| source.parse::<Expression>().unwrap_err();
    assert!(matches!(error("event.severity =="), InvalidExpression::Syntax(_)));
    assert!(matches!(error(""), InvalidExpression::Syntax(_)));
    assert_eq!(
        error("severity == 'HIGH'"),
        InvalidExpression::UnknownVariable("severity".to_owned())
    );
    assert_eq!(
        error("now() > 3"),
        InvalidExpression::UnknownFunction("now".to_owned())
    );
    assert_eq!(
        error(&format!("event.title == '{}'", "x".repeat(2_000))),
        InvalidExpression::TooLong
    );
    assert_eq!(
        error("event.data.a.all(x, event.data.a.all(y, x == y))"),
        InvalidExpression::TooCostly("another loop")
    );
    for (source, costly) in [
        ("event.data.a.exists(x, x.matches('a+'))", "`matches`"),
        ("event.data.a.exists(x, x + event.title == 'a')", "`+`"),
        ("event.data.a.map(x, event.data) == []", "`map`"),
        (
            "event.data.a.all(x, [event.data, x] == [])",
            "a list or map of more than constants",
        ),
    ] {
        assert_eq!(error(source), InvalidExpression::TooCostly(costly), "{source}");
    }
    for source in [
        "event.title.matches(event.source)",
        "event.title.matches('(')",
        "event.title.matches('(a{99}){99}')",
    ] {
        assert!(matches!(error(source), InvalidExpression::Pattern(_)), "{source}");
    }
}

#[test]
fn deep_and_strange_sources_are_refused_and_bring_nothing_down() {
    let chain = |terms: usize| format!("{}1 > 0", "1+".repeat(terms)).parse::<Expression>();
    assert_eq!(chain(900).unwrap_err(), InvalidExpression::TooDeep);
    assert_eq!(
        format!("event{}", "[1]".repeat(600))
            .parse::<Expression>()
            .unwrap_err(),
        InvalidExpression::TooDeep
    );
    // As deep as is taken evaluates on a small stack: this test's own.
    let event = sample("finding.created");
    assert_eq!(
        chain(MAX_DEPTH - 2).unwrap().matches(&Facts::of(&event)),
        Ok(true)
    );
    for source in ["(".repeat(1_990), "[".repeat(1_990), "!".repeat(1_990)] {
        assert!(source.parse::<Expression>().is_err());
    }
    for source in [
        "'\\", "\u{0}", "b'\\xff'", "event.`a", "0x", "1u1", "event[", "\"\"\"", "r'",
    ] {
        let _ = source.parse::<Expression>();
    }
}

#[test]
fn the_source_reads_back_from_json() {
    let expression: Expression = "event.severity_rank > 2".parse().unwrap();
    let json = serde_json::to_string(&expression).unwrap();
    assert_eq!(serde_json::from_str::<Expression>(&json).unwrap(), expression);
    assert!(serde_json::from_str::<Expression>(r#""event.(""#).is_err());
}
