use serde_json::json;

use super::*;
use crate::event::tests::sample;
use crate::{Event, Severity};

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
    let event = sample("finding.created");
    let facts = Facts::of(&event);
    for source in [
        "event.data.missing > 3",
        "event.data.score == 'x' + 1",
        "event.severity",
    ] {
        assert!(
            source.parse::<Expression>().unwrap().matches(&facts).is_err(),
            "{source}"
        );
    }
}

/// `data` with a list of that many small numbers and a text of that many bytes.
fn large(numbers: usize, bytes: usize) -> Event {
    let mut event = sample("finding.created");
    event.data = json!({"a": vec![0; numbers], "s": "ab".repeat(bytes / 2)})
        .to_string()
        .parse()
        .unwrap();
    event
}

#[test]
fn what_would_take_too_long_is_not_evaluated() {
    let all = format!("event.data.a.all(x, {})", ["event == event"; 110].join(" && "));
    for (source, event) in [
        ("event.data.s.matches('[ab]*a[ab]{1900}c')", large(0, 200_000)),
        (all.as_str(), large(1_000, 0)),
        ("event.data.a.exists(x, event.data.a == [x])", large(100_000, 0)),
        (
            "event.data.a.exists(x, event.data.s.contains('abc'))",
            large(1_000, 100_000),
        ),
    ] {
        let expression: Expression = source.parse().unwrap();
        let refused = expression.matches(&Facts::of(&event)).unwrap_err().to_string();
        assert!(refused.contains("too long"), "{source}: {refused}");
    }
}

#[test]
fn expressions_that_are_asked_about_one_event_share_a_budget() {
    let event = large(0, 16_000);
    let facts = Facts::of(&event);
    let expression: Expression = "event.data.s.matches('[ab]*a[ab]{900}c')".parse().unwrap();
    assert_eq!(expression.matches(&facts), Ok(false));
    let refused = (0..5).find_map(|_| expression.matches(&facts).err()).unwrap();
    assert!(refused.to_string().contains("used up"), "{refused}");
    let cheap: Expression = "event.severity == 'HIGH'".parse().unwrap();
    assert_eq!(cheap.matches(&facts), Ok(true));
}

#[test]
fn what_many_expressions_ask_of_a_small_event_is_light() {
    let ask = |source: &str| source.parse::<Expression>().unwrap().cost();
    let many = (0..500).fold(Cost::default(), |sum, _| {
        sum.plus(ask("event.data.score > 9.5 && event.source in ['a', 'b']"))
    });
    assert!(!many.is_heavy(&sample("finding.created").data));
    let loops = ask("event.data.a.exists(x, x.matches('a+'))");
    assert!(!loops.is_heavy(&sample("finding.created").data) && loops.is_heavy(&large(1_000, 0).data));
    assert!(!Cost::default().is_heavy(&large(100_000, 0).data));
}

#[test]
fn long_lists_keep_no_expression_from_seeing_the_rest() {
    let expression: Expression = "event.data.a.exists(i, i == 1) || event.severity == 'HIGH'"
        .parse()
        .unwrap();
    assert_eq!(expression.matches(&Facts::of(&large(2_000, 0))), Ok(true));
}

#[test]
fn what_cannot_be_true_is_told_with_the_reason() {
    let told = |source: &str| {
        source
            .parse::<Expression>()
            .unwrap()
            .check()
            .unwrap_err()
            .to_string()
    };
    for (source, words) in [
        ("1 + 1", "must be true or false, and is a number"),
        ("event.severity", "and is a text"),
        ("event.data.tags.map(t, t)", "and is a list"),
        ("event.dat.score > 1", "knows no `event.dat`"),
        ("has(event.accepted_at)", "knows no `event.accepted_at`"),
        ("event['dat'] == 1", "knows no `event.dat`"),
        ("event.severity > 3", "uses `>` on a text and a number"),
        ("event.severity == 4", "uses `==` on a text and a number"),
        ("event.data.score == 'x' + 1", "uses `+` on a text and a number"),
        (
            "event.title && event.test",
            "uses `&&` on a text and true or false",
        ),
        ("event.title in event.source", "uses `in` on a text and a text"),
        (
            "event.severity_rank.contains('x')",
            "uses `contains` on a number and a text",
        ),
        ("event.title.all(c, c == 'x')", "uses a loop on a text"),
        (
            "event.data.tags.all(t, t.size())",
            "uses `&&` on true or false and a number",
        ),
        ("event.title.words == 1", "asks for `words` of a text"),
    ] {
        let said = told(source);
        assert!(said.contains(words), "{source}: {said}");
    }
    for source in [
        "event.data.ready",
        "event.data.score == null || event.data.score == 3",
        "[1].map(x, x) == [1]",
        "event.data.tags.exists_one(t, t == event.title)",
        "event.data.owner.filter(k, k != '').size() > 0",
        "type(event.data.score) == int",
        "timestamp(event.data.at) < timestamp('2030-01-01T00:00:00Z')",
        "timestamp(event.data.at).getHours() > 3",
        "event.test ? event.data.a : event.data.b",
        "[event].exists(event, event == 1)",
    ] {
        assert_eq!(source.parse::<Expression>().unwrap().check(), Ok(()), "{source}");
    }
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
    assert_eq!(
        error("event.data.a.map(x, event.data) == []").to_string(),
        "may not use the whole of `event` or its data as a result inside `all`, `exists`, `exists_one`, `filter` or `map`"
    );
    for source in [
        "event.data.a.exists(i, v, i == v)",
        "exists(1)",
        "event.data.a.map(x)",
    ] {
        let said = error(source).to_string();
        assert!(said.starts_with("must give `"), "{source}: {said}");
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

/// What an expression says of an event of that severity whose data says MODERATE.
fn at(severity: Severity, source: &str) -> bool {
    let mut event = sample("finding.created");
    event.severity = severity;
    event.data = r#"{"level": "MODERATE"}"#.parse().unwrap();
    let expression: Expression = source.parse().unwrap();
    assert_eq!(expression.check(), Ok(()), "{source}");
    expression.matches(&Facts::of(&event)).unwrap()
}

#[test]
fn moderate_is_medium_wherever_it_is_compared_with_the_severity() {
    for source in [
        "event.severity == 'MODERATE'",
        "'MODERATE' == event.severity",
        "event['severity'] == 'MODERATE'",
        "!(event.severity != 'MODERATE')",
        "event.severity in ['HIGH', 'MODERATE']",
        "event.severity in {'MODERATE': 1}",
        "{'MODERATE': true, 'HIGH': false, 'LOW': false}[event.severity]",
        "['HIGH', 'MODERATE'].exists(s, s == event.severity)",
        "[event.severity].exists(s, s == 'MODERATE')",
        "event.severity == (event.test ? 'LOW' : 'MODERATE')",
        "(event.test ? 'LOW' : event.severity) == 'MODERATE'",
        "event.severity.matches('^(MODERATE|CRITICAL)$')",
        "event.severity.startsWith('MODERATE')",
        "event.title == 'x' || (event.severity == 'MODERATE' && event.source != 'x')",
        "event.severity == 'MEDIUM'",
    ] {
        assert!(at(Severity::Medium, source), "{source}");
        assert!(!at(Severity::Low, source), "{source}");
    }
}

#[test]
fn moderate_stays_what_it_is_elsewhere() {
    for source in [
        "event.data.level == 'MODERATE'",
        "event.data.level in ['MODERATE']",
        "event.data.exists(k, event.data[k] == 'MODERATE')",
        "(event.severity == 'MODERATE') == (event.data.level == 'MODERATE')",
        "['MODERATE'].exists(l, l == event.data.level && event.severity != 'LOW')",
    ] {
        assert!(at(Severity::Medium, source), "{source}");
    }
    assert_eq!(
        "event.severity == 'MODERATE'"
            .parse::<Expression>()
            .unwrap()
            .source(),
        "event.severity == 'MODERATE'",
        "as it was written"
    );
}

#[test]
fn a_pattern_matches_as_before() {
    assert_eq!(ask("matches(event.title, '(?i)^new')"), Ok(true));
    assert_eq!(ask("event.data.tags.all(t, t.matches('^[a-z]+$'))"), Ok(true));
    assert!(ask("event.data.score.matches('9')").is_err());
}
