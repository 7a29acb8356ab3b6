//! What connections, bodies and streams may take.

use super::*;

#[tokio::test]
async fn bodies_that_never_end_take_a_keys_own_room_and_leave_services_theirs() {
    let world = World::limited(LimitSettings {
        max_calls: 9,
        ..LimitSettings::default()
    })
    .await;
    let calls: Vec<_> = futures::future::join_all((0..10).map(|_| h2_sender(world.address)))
        .await
        .into_iter()
        .map(|mut sender| {
            let never = futures::stream::pending::<Result<bytes::Bytes, Infallible>>();
            let request = Request::post("/watchbell.dispatcher.v1.InboxService/GetUnreadCount")
                .header("content-type", "application/grpc")
                .header("x-api-key", "wbk_good");
            sender.send_request(request.body(axum::body::Body::from_stream(never)).unwrap())
        })
        .collect();
    // All but those that have room are refused, at once.
    let mut answers = calls
        .into_iter()
        .collect::<futures::stream::FuturesUnordered<_>>();
    for _ in 0..7 {
        let refused = answers.next().await.unwrap().unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(from_status(&status).retry_after.is_some());
    }
    let service = || {
        let mut request = count();
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        request
    };
    let inbox = InboxServiceClient::new(world.channel());
    inbox.get_unread_count(service()).await.unwrap();
    assert_eq!(answers.len(), 3, "a third of nine");
}

#[tokio::test]
async fn open_streams_of_one_key_leave_room_for_calls_and_services() {
    let world = World::limited(LimitSettings {
        max_streams: 9,
        ..LimitSettings::default()
    })
    .await;
    let inbox = InboxServiceClient::new(world.channel());
    let watch = || inbox.watch(with_key(dispatcher::WatchRequest::default()));
    let mut open = Vec::new();
    let refused = loop {
        match watch().await {
            Ok(stream) => open.push(stream),
            Err(status) => break status,
        }
    };
    assert_eq!(open.len(), 3, "a third of nine");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(from_status(&refused).retry_after.is_some());
    inbox.get_unread_count(with_key(count())).await.unwrap();
    let closed = open.pop();
    drop(closed);
    // The server hears of it a moment later.
    while watch().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_useful_is_closed() {
    let world = World::new(None).await;
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET /heal"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let closed = tokio::time::timeout(std::time::Duration::from_secs(11), stream.read_to_end(&mut rest));
        assert!(closed.await.is_ok(), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_closed_after_five_minutes() {
    let world = World::new(None).await;
    let (mut sender, closed) = h2_connection(world.address).await;
    let ask = || {
        Request::get("http://x/healthz")
            .body(axum::body::Body::empty())
            .unwrap()
    };
    for _ in 0..2 {
        // Each request counts: it is idle anew afterwards.
        tokio::time::sleep(std::time::Duration::from_secs(4 * 60)).await;
        let answer = sender.send_request(ask()).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let idle = paused_now();
    let _ = closed.await.unwrap();
    assert_eq!(idle.elapsed().as_secs(), 5 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_kept_alive_connection_of_http_1_is_closed_after_half_a_minute() {
    let world = World::new(None).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let began = paused_now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(began.elapsed().as_secs(), 30);
}
