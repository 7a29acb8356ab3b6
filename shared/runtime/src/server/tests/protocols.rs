//! What callers speak: gRPC, gRPC-Web, reflection, and what is neither.

use super::*;

/// A gRPC call with these bytes as its body; its status.
async fn raw_call(world: &World, method: &str, body: axum::body::Body) -> Status {
    let mut sender = h2_sender(world.address).await;
    let request = Request::post(format!("/watchbell.dispatcher.v1.InboxService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-api-key", "wbk_good")
        .body(body)
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    Status::from_header_map(response.headers()).expect("it is refused at once")
}

#[tokio::test]
async fn reflection_lists_what_is_served_here_and_nothing_else() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let world = World::new(None).await;
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(world.channel());
    let mut answers = client
        .server_reflection_info(futures::stream::iter([ask]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(
        names.contains(&"watchbell.dispatcher.v1.InboxService") && names.contains(&"grpc.health.v1.Health")
    );
    assert!(!names.iter().any(|name| name.contains("config")), "{names:?}");
}

#[tokio::test]
async fn what_is_not_served_is_said_in_the_callers_language() {
    let world = World::new(None).await;
    assert!(world.get("/nowhere").await.starts_with("HTTP/1.1 404"));
    let mut teams =
        watchbell_contracts::config::v1::team_service_client::TeamServiceClient::new(world.channel());
    let status = teams
        .get_team(with_key(
            watchbell_contracts::config::v1::GetTeamRequest::default(),
        ))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::Unimplemented, "UNKNOWN_METHOD".to_owned())
    );
}

#[tokio::test]
async fn a_browser_calls_by_grpc_web_over_http_1_and_is_authenticated_too() {
    let world = World::new(None).await;
    let call = |key: &str| {
        let head = "POST /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\n\
                    connection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 5\r\n";
        format!("{head}origin: https://app.example.com\r\nx-api-key: {key}\r\n\r\n\0\0\0\0\0")
    };
    let answer = world.http(&call("wbk_good")).await;
    assert!(
        answer.contains("application/grpc-web") && answer.contains("grpc-status:0"),
        "{answer}"
    );
    assert!(
        answer.contains("access-control-allow-origin: https://app.example.com"),
        "{answer}"
    );
    let refused = world.http(&call("wbk_bad")).await;
    assert!(
        refused.contains("grpc-status: 16") || refused.contains("grpc-status:16"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_body_that_is_no_message_is_the_callers_fault() {
    let world = World::new(None).await;
    let answer = world
        .http(
            "POST /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\n\
             connection: close\r\ncontent-type: application/grpc-web+proto\r\ncontent-length: 8\r\n\
             x-api-key: wbk_good\r\n\r\n\0\0\0\0\x03\x0f\x0f\x0f",
        )
        .await;
    assert!(
        answer.contains("grpc-status:3") || answer.contains("grpc-status: 3"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_the_callers_fault_and_too_much_is_exhausting() {
    let world = World::new(None).await;
    let status = raw_call(
        &world,
        "GetUnreadCount",
        axum::body::Body::from(&b"\0\0\0\0\x02\xff\xff"[..]),
    )
    .await;
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::InvalidArgument, "INVALID_REQUEST".to_owned())
    );
    let mut large = vec![0];
    large.extend(6_000_000_u32.to_be_bytes());
    large.resize(100_000, 0);
    let status = raw_call(&world, "GetUnreadCount", axum::body::Body::from(large)).await;
    assert_eq!(
        (status.code(), from_status(&status).reason.unwrap()),
        (Code::ResourceExhausted, "TOO_LARGE".to_owned())
    );
    let status = raw_call(&world, "NoSuchCall", axum::body::Body::empty()).await;
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn pages_of_known_origins_may_call_and_others_are_told_nothing() {
    let world = World::new(None).await;
    let ask = |origin: &str| {
        format!(
            "OPTIONS /watchbell.dispatcher.v1.InboxService/GetUnreadCount HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             origin: {origin}\r\naccess-control-request-method: POST\r\n\r\n"
        )
    };
    let known = world.http(&ask("https://app.example.com")).await;
    assert!(
        known.contains("access-control-allow-origin: https://app.example.com")
            // A page that reads the inbox with its user's token goes on where it was.
            && known.contains("authorization")
            && known.contains("last-event-id"),
        "{known}"
    );
    let unknown = world.http(&ask("https://evil.example.com")).await;
    assert!(!unknown.contains("access-control"), "{unknown}");
}
