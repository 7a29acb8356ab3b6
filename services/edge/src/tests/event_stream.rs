//! Streams of events, and who may read them.

use super::*;

const KEY: (&str, &str) = ("authorization", "Bearer wbk_reads");

fn stream(query: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(format!("/events/stream?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn events_come_with_cursors_and_the_cursor_moves_on_without_one() {
    let world = World::new();
    let query = "from_beginning=true&types=finding.*,%20scan.failed&min_severity=high";
    let answer = world.ask(stream(query, &[KEY])).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    let events: Vec<_> = answer.text.split("\n\n").collect();
    assert_eq!(events[0], "id: c1\nretry: 3000");
    assert!(
        events[1].contains("id: c2\n") && events[1].contains("event: event\n"),
        "{}",
        events[1]
    );
    assert!(
        events[1].contains(r#""data_json":"{\"finding_id\":\"F-1\"}""#),
        "{}",
        events[1]
    );
    assert_eq!(events[2], "id: c3");
    let asked = &world.log.asked()[0];
    assert_eq!(
        (asked.team_id.as_str(), asked.from_beginning, asked.min_severity),
        (TEAM, true, 4)
    );
    assert_eq!(asked.types, ["finding.*", "scan.failed"]);
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_and_is_told_when_that_is_not_kept_any_more() {
    let world = World::new();
    let back = [KEY, ("last-event-id", "c2")];
    world.ask(stream("from_beginning=true&after=c1", &back)).await;
    let asked = &world.log.asked()[0];
    assert_eq!((asked.cursor.as_str(), asked.from_beginning), ("c2", false));
    let gone = world.ask(stream("after=old", &[KEY])).await;
    assert_eq!(gone.status, StatusCode::GONE);
    gone.says("CURSOR_EXPIRED");
}

#[tokio::test]
async fn a_cursor_that_is_none_is_called_as_it_was_given() {
    let world = World::new();
    let answer = world.ask(stream("after=?", &[KEY])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("after: must be a cursor"), "{}", answer.text);
}

#[tokio::test]
async fn a_stream_of_events_is_for_whoever_may_read_the_log() {
    let world = World::new();
    let another = format!("team_id={}", TEAM.replace('0', "1"));
    for (query, key, expected) in [
        ("", None, StatusCode::UNAUTHORIZED),
        ("", Some("Bearer wbk_emits"), StatusCode::FORBIDDEN),
        ("", Some("Bearer wbk_good"), StatusCode::FORBIDDEN),
        (another.as_str(), Some("Bearer wbk_reads"), StatusCode::NOT_FOUND),
        (
            "min_severity=bad",
            Some("Bearer wbk_reads"),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let headers: Vec<_> = key.iter().map(|key| ("authorization", *key)).collect();
        let answer = world.ask(stream(query, &headers)).await;
        assert_eq!(answer.status, expected, "{query} {key:?}: {}", answer.text);
    }
    assert!(world.log.asked().is_empty());
}
