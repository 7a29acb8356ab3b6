//! Streams of the inbox, and who may read them.

use super::*;

fn stream(query: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(format!("/inbox/stream?{query}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

const KEY: (&str, &str) = ("authorization", "Bearer wbk_good");

#[tokio::test]
async fn a_stream_tells_each_notification_once_from_the_newest_on() {
    let world = World::new();
    world.inbox.holds(&[3, 7]);
    world.inbox.brings(&[8, 9]);
    let answer = world
        .ask(stream(
            &format!("member_id={MEMBER}"),
            &[KEY, ("origin", "https://app.example.com")],
        ))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example.com"
    );
    let events: Vec<_> = answer.text.split("\n\n").collect();
    assert_eq!(
        events[0], "id: 7.ntf_7\nretry: 3000",
        "where the inbox stands, without data"
    );
    assert!(
        events[1].contains("event: notification\n") && events[1].contains("id: 8.ntf_8\n"),
        "{}",
        events[1]
    );
    let data = events[1]
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["title"], "number 8");
    assert_eq!(
        (&data["cursor"], &data["read"]),
        (&"8".into(), &false.into()),
        "as ListNotifications answers it"
    );
    assert!(events[2].contains("id: 9.ntf_9\n"), "{}", events[2]);
    assert_eq!(
        world.inbox.watched(),
        [(TEAM.to_owned(), MEMBER.to_owned(), String::new())]
    );
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let world = World::new();
    world.inbox.holds(&[3, 7]);
    let member = format!("member_id={MEMBER}");
    let back = world
        .ask(stream(&member, &[KEY, ("last-event-id", "3.ntf_3")]))
        .await;
    assert!(!back.text.contains("reset"), "{}", back.text);
    world
        .ask(stream(
            &format!("{member}&after=7.ntf_7"),
            &[("x-api-key", "wbk_good")],
        ))
        .await;
    let positions: Vec<_> = world
        .inbox
        .watched()
        .into_iter()
        .map(|(_, _, after)| after)
        .collect();
    assert_eq!(positions, ["3.ntf_3", "7.ntf_7"]);
}

#[tokio::test]
async fn a_client_whose_inbox_was_restored_from_before_is_told_to_list_it_again() {
    let world = World::new();
    world.inbox.holds(&[3, 7]);
    let member = format!("member_id={MEMBER}");
    let answer = world
        .ask(stream(&member, &[KEY, ("last-event-id", "99999999999")]))
        .await;
    let first = answer.text.split("\n\n").next().unwrap_or_default();
    let mut lines: Vec<_> = first.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["data: {}", "event: reset", "id: 7.ntf_7", "retry: 3000"]);
}

#[tokio::test]
async fn a_stream_is_for_whoever_may_read_the_inbox() {
    let world = World::new();
    let member = format!("member_id={MEMBER}");
    for (query, headers, expected) in [
        (member.clone(), vec![], StatusCode::UNAUTHORIZED),
        (
            member.clone(),
            vec![("authorization", "Bearer wbk_unknown")],
            StatusCode::UNAUTHORIZED,
        ),
        (
            member.clone(),
            vec![("authorization", "Bearer wbk_emits")],
            StatusCode::FORBIDDEN,
        ),
        (
            format!("{member}&team_id={}", TEAM.replace('0', "1")),
            vec![KEY],
            StatusCode::NOT_FOUND,
        ),
        (String::new(), vec![KEY], StatusCode::BAD_REQUEST),
        (
            format!("member_id={OTHER_MEMBER}"),
            vec![KEY],
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = world.ask(stream(&query, &headers)).await;
        assert_eq!(answer.status, expected, "{query} {headers:?}: {}", answer.text);
        assert!(answer.text.contains("\"reason\""), "{}", answer.text);
    }
    let foreign = world
        .ask(stream(&member, &[KEY, ("origin", "https://evil.example.com")]))
        .await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_signed_in_member_reads_their_own_inbox_and_no_longer_than_their_token() {
    let world = World::new();
    let token = ("authorization", "Bearer a.b.c");
    let open = |query: &str| world.routes.clone().oneshot(stream(query, &[token]));
    for query in [String::new(), format!("member_id={MEMBER}&team_id={TEAM}")] {
        let response = open(&query).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        assert!(
            response.extensions().get::<Session>().is_some(),
            "it ends with the token"
        );
    }
    assert_eq!(world.inbox.watched()[0].1, MEMBER);
    for query in [
        format!("member_id={COLLEAGUE}"),
        format!("team_id={}", TEAM.replace('0', "1")),
    ] {
        let response = open(&query).await.unwrap();
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{query}");
    }
    assert_eq!(world.inbox.watched().len(), 2, "and nobody else's was looked at");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_gives_signs_of_life_and_streams_are_counted() {
    let world = World::new();
    world.inbox.stays_open();
    let open = || {
        world
            .routes
            .clone()
            .oneshot(stream(&format!("member_id={MEMBER}"), &[KEY]))
    };
    let first = open().await.unwrap();
    assert_eq!(open().await.unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    let mut body = BodyStream::new(first.into_body());
    let mut next = async || {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.next())
            .await
            .expect("a sign of life");
        String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
    };
    assert_eq!(next().await, "id: 0\nretry: 3000\n\n");
    assert_eq!(next().await, ": heartbeat\n\n");
    drop(body);
    assert_eq!(
        open().await.unwrap().status(),
        StatusCode::OK,
        "the place is free again"
    );
}
