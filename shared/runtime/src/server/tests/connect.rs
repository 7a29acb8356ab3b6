//! The Connect protocol as `curl` speaks it.

use base64::Engine as _;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;
use watchbell_contracts::api::MAX_MESSAGE_BYTES;

use super::*;
use crate::unary::compressed;

const COUNT: &str = "/watchbell.dispatcher.v1.InboxService/GetUnreadCount";
const LIST: &str = "/watchbell.dispatcher.v1.InboxService/ListNotifications";
const KEY: &str = "authorization: Bearer wbk_good\r\n";
const JSON: &str = "content-type: application/json\r\n";

/// The head and the body of an answer.
struct Said {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap().to_owned())
    }

    /// What an error says of the field at this path.
    fn violation(&self, field: &str) -> String {
        let json = self.json();
        let details = json["details"].as_array().unwrap();
        let request = details
            .iter()
            .find(|detail| detail["type"] == "google.rpc.BadRequest")
            .unwrap();
        let violations = request["debug"]["field_violations"].as_array().unwrap();
        let found = violations.iter().find(|violation| violation["field"] == field);
        found.map_or_else(
            || panic!("nothing is said of {field}: {violations:?}"),
            |violation| violation["description"].as_str().unwrap().to_owned(),
        )
    }
}

async fn post(world: &World, path: &str, headers: &str, body: &[u8]) -> Said {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let sent = async {
        write.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses does not read to the end.
        let _ = write.write_all(body).await;
    };
    let heard = async { drop(read.read_to_end(&mut answer).await) };
    tokio::join!(sent, heard);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    Said {
        status: head[9..12].parse().unwrap(),
        body: answer[end + 4..].to_vec(),
        head: head.to_lowercase(),
    }
}

#[tokio::test]
async fn a_call_in_json_is_a_call_by_the_same_rules_as_grpc() {
    let world = World::new(None).await;
    let headers = |credential: &str| format!("{JSON}{credential}");
    let body = br#"{"memberId": "mbr_01h455vb4pex5vsknk084sn02q"}"#;
    for (credential, count) in [
        (KEY.to_owned(), 2),
        ("x-api-key: wbk_good\r\n".to_owned(), 2),
        (format!("authorization: Bearer {TOKEN}\r\n"), 1),
    ] {
        let said = post(&world, COUNT, &headers(&credential), body).await;
        assert_eq!(
            (said.status, said.json()),
            (200, json!({"unread_count": count.to_string()}))
        );
        assert!(
            said.head.contains("content-type: application/json"),
            "{}",
            said.head
        );
        assert!(!said.head.contains("grpc-"), "{}", said.head);
    }
    let charset =
        format!("content-type: application/json; charset=utf-8\r\nconnect-protocol-version: 1\r\n{KEY}");
    assert_eq!(post(&world, COUNT, &charset, body).await.status, 200);

    let nobody = post(&world, COUNT, JSON, body).await;
    assert_eq!(nobody.code(), (401, "unauthenticated".to_owned()));
    assert!(
        nobody.head.contains("www-authenticate: bearer"),
        "{}",
        nobody.head
    );
    let detail = &nobody.json()["details"][0];
    assert_eq!(detail["type"], "google.rpc.ErrorInfo");
    assert_eq!(detail["debug"]["reason"], "MISSING_CREDENTIAL");
    let value = base64::engine::general_purpose::STANDARD_NO_PAD.decode(detail["value"].as_str().unwrap());
    assert!(!value.unwrap().is_empty());
    // Who is nobody learns nothing of the form of requests, and has nothing parsed.
    let nobody = post(&world, COUNT, JSON, b"{").await;
    assert_eq!(nobody.code(), (401, "unauthenticated".to_owned()));
    let internal = "/watchbell.config.v1.SnapshotService/GetTeamSnapshot";
    let denied = post(&world, internal, &headers(KEY), b"{}").await;
    assert_eq!(denied.status, 501, "not served here");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let world = World::new(None).await;
    let headers = format!("{JSON}{KEY}");
    let said = post(&world, COUNT, &headers, br#"{"member": "x", "team_id": 7}"#).await;
    assert_eq!(said.code(), (400, "invalid_argument".to_owned()));
    assert_eq!(
        said.violation("member"),
        "GetUnreadCountRequest has no such field"
    );
    assert_eq!(said.violation("team_id"), "must be a string");
    let said = post(&world, COUNT, &headers, b"{").await;
    assert!(
        said.violation("").starts_with("the body is not JSON: EOF"),
        "{:?}",
        said.json()
    );
    let nul = post(&world, COUNT, &headers, br#"{"team_id": "a\u0000"}"#).await;
    assert_eq!(nul.violation("team_id"), "must not have NUL characters");

    for (header, field) in [
        ("connect-protocol-version: 2\r\n", "connect-protocol-version"),
        ("connect-timeout-ms: soon\r\n", "connect-timeout-ms"),
        ("connect-timeout-ms: 99999999999\r\n", "connect-timeout-ms"),
        ("content-encoding: br\r\n", "content-encoding"),
    ] {
        let said = post(&world, COUNT, &format!("{headers}{header}"), b"{}").await;
        assert_eq!(said.status, 400, "{header}");
        assert!(said.violation(field).starts_with("must be"), "{header}");
    }
}

#[tokio::test]
async fn errors_have_the_status_of_their_code() {
    let world = World::new(None).await;
    let headers = format!("{JSON}{KEY}");
    let failed = post(
        &world,
        "/watchbell.dispatcher.v1.InboxService/MarkRead",
        &headers,
        b"{}",
    )
    .await;
    assert_eq!(failed.code(), (500, "internal".to_owned()));
    assert!(!String::from_utf8_lossy(&failed.body).contains("secret of ours"));
    let late = post(
        &world,
        LIST,
        &format!("{headers}connect-timeout-ms: 40\r\n"),
        b"{}",
    )
    .await;
    assert_eq!(late.code(), (504, "deadline_exceeded".to_owned()));
    for path in [
        "/watchbell.dispatcher.v1.InboxService/Watch",
        "/watchbell.dispatcher.v1.InboxService/Nothing",
        "/watchbell.router.v1.RouterService/Emit",
    ] {
        let said = post(&world, path, &headers, b"{}").await;
        assert_eq!(said.code(), (501, "unimplemented".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn an_rpc_says_what_it_takes() {
    let world = World::new(None).await;
    let form = format!("content-type: application/x-www-form-urlencoded\r\n{KEY}");
    for headers in [form.as_str(), KEY] {
        let said = post(&world, COUNT, headers, b"{}").await;
        assert_eq!(said.status, 415);
        assert!(
            said.head.contains("accept-post: application/json"),
            "{}",
            said.head
        );
    }
    let got = world.get(COUNT).await;
    assert!(
        got.starts_with("HTTP/1.1 405") && got.contains("allow: POST"),
        "{got}"
    );
    let protobuf = format!("content-type: application/proto\r\n{KEY}");
    let said = post(&world, COUNT, &protobuf, b"").await;
    assert_eq!((said.status, &said.body[..]), (200, &[8, 2][..]));
}

#[tokio::test]
async fn what_is_packed_is_bounded_by_what_it_unpacks_to() {
    let world = World::new(None).await;
    let headers = format!("{JSON}{KEY}content-encoding: gzip\r\n");
    let said = post(&world, COUNT, &headers, &compressed(br#"{"team_id": ""}"#)).await;
    assert_eq!(said.status, 200);
    let mut bomb = vec![b' '; MAX_MESSAGE_BYTES - 1];
    bomb.extend_from_slice(b"{}");
    let said = post(&world, COUNT, &headers, &compressed(&bomb)).await;
    assert_eq!(said.code(), (429, "resource_exhausted".to_owned()));
    let said = post(&world, COUNT, &format!("{JSON}{KEY}"), &bomb).await;
    assert_eq!(said.code(), (429, "resource_exhausted".to_owned()));
    let mut torn = compressed(&bomb[..1000]);
    torn.truncate(10);
    for broken in [&b"{}"[..], &torn] {
        let said = post(&world, COUNT, &headers, broken).await;
        assert!(
            said.violation("").starts_with("the request is not gzip"),
            "{:?}",
            said.json()
        );
    }
}

#[tokio::test]
async fn grpc_may_be_packed_too() {
    let world = World::new(None).await;
    let inbox = InboxServiceClient::new(world.channel())
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let count = inbox.get_unread_count(with_key(count())).await.unwrap();
    assert_eq!(count.into_inner().unread_count, 2);
    let large = dispatcher::GetUnreadCountRequest {
        member_id: "x".repeat(MAX_MESSAGE_BYTES + 1),
        ..Default::default()
    };
    let refused = inbox.get_unread_count(with_key(large)).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
}

#[tokio::test]
async fn pages_of_known_origins_may_call_by_json() {
    let world = World::new(None).await;
    let preflight = format!(
        "OPTIONS {COUNT} HTTP/1.1\r\nhost: x\r\nconnection: close\r\norigin: https://app.example.com\r\n\
         access-control-request-method: POST\r\naccess-control-request-headers: connect-protocol-version\r\n\r\n"
    );
    let allowed = world.http(&preflight).await;
    assert!(
        allowed.contains("connect-protocol-version, connect-timeout-ms"),
        "{allowed}"
    );
    let origin = format!("{JSON}{KEY}origin: https://app.example.com\r\n");
    let said = post(&world, COUNT, &origin, b"{}").await;
    assert!(
        said.head
            .contains("access-control-allow-origin: https://app.example.com"),
        "{}",
        said.head
    );
    let elsewhere = format!("{JSON}{KEY}origin: https://evil.example.com\r\n");
    let said = post(&world, COUNT, &elsewhere, b"{}").await;
    assert!(!said.head.contains("access-control"), "{}", said.head);
}
