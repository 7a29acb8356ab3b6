//! The webhook receiver.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde_json::json;
use sha2::Sha256;
use watchbell_egress::{EgressPolicy, Guard, HttpClient};
use watchbell_testkit::{Behaviour, Check, Script, WebhookReceiver};

use crate::post_json;

#[tokio::test]
async fn arrivals_are_counted_by_event_even_when_nothing_is_kept() {
    let receiver = WebhookReceiver::builder().count_only().start().await.unwrap();
    let event = |id: &str| json!({"event": {"id": id, "type": "scan.failed"}, "data": {}});
    for id in ["evt_1", "evt_2", "evt_1"] {
        post_json(&receiver.url(), &event(id)).await;
    }
    receiver.wait_for(3).await.unwrap();
    assert_eq!(
        (
            receiver.count(),
            receiver.distinct_events(),
            receiver.arrivals_of("evt_1")
        ),
        (3, 2, 2)
    );
    assert_eq!(receiver.duplicates(), [("evt_1".to_owned(), 2)]);
    assert!(receiver.received().is_empty());
    receiver.clear();
    assert_eq!((receiver.count(), receiver.distinct_events()), (0, 0));
}

#[tokio::test]
async fn whoever_measures_sees_each_request_as_it_arrives() {
    let (seen, mut arrivals) = tokio::sync::mpsc::unbounded_channel();
    let receiver = WebhookReceiver::builder()
        .count_only()
        .on_arrival(move |arrival| {
            let _ = seen.send((arrival.path.to_owned(), arrival.body.clone()));
        })
        .start()
        .await
        .unwrap();
    post_json(&receiver.url_at("/a"), &json!({"n": 1})).await;
    let (path, body) = arrivals.recv().await.unwrap();
    assert_eq!((path.as_str(), body.as_ref()), ("/a", br#"{"n":1}"#.as_ref()));
}

#[tokio::test]
async fn one_path_can_misbehave_while_the_others_are_well() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.script_at(
        "/bad",
        Script::sequence([Behaviour::status(500), Behaviour::retry_after(429, 9)]),
    );
    let bad = receiver.url_at("/bad");
    assert_eq!(post_json(&bad, &json!({})).await.0, 500);
    assert_eq!(post_json(&receiver.url(), &json!({})).await.0, 200);
    assert_eq!(post_json(&bad, &json!({})).await.0, 429);
    assert_eq!(post_json(&bad, &json!({})).await.0, 200);
    receiver.fail_first(1, 503);
    assert_eq!(post_json(&receiver.url(), &json!({})).await.0, 503);
    assert_eq!(post_json(&receiver.url(), &json!({})).await.0, 200);
    assert_eq!(receiver.received_at("/bad").len(), 3);
}

#[tokio::test]
async fn both_signatures_are_verified_for_any_live_secret() {
    let (old, new) = ("whsec_b2xkIHNlY3JldA==", "whsec_bmV3IHNlY3JldA==");
    let receiver = WebhookReceiver::builder()
        .secret(new)
        .brand_header("X-Acme-Signature")
        .start()
        .await
        .unwrap();
    let sign = |key: &[u8], message: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes()
    };
    let body = b"{\"event\":{\"id\":\"evt_1\"}}";
    let standard = [&b"old secret"[..], b"new secret"]
        .map(|key| {
            format!(
                "v1,{}",
                STANDARD.encode(sign(key, &[&b"m1.1700000000."[..], body].concat()))
            )
        })
        .join(" ");
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", "m1".parse().unwrap());
    headers.insert("webhook-timestamp", "1700000000".parse().unwrap());
    headers.insert("webhook-signature", standard.parse().unwrap());
    headers.insert(
        "x-acme-signature",
        hex::encode(sign(old.as_bytes(), body)).parse().unwrap(),
    );

    let policy = EgressPolicy::allowing_loopback();
    let url = policy.check_url(&receiver.url()).unwrap();
    let client = HttpClient::new(Guard::new(policy));
    let send = async || {
        let body = Bytes::from_static(body);
        client
            .post(&url, headers.clone(), body, Duration::from_secs(5))
            .await
            .unwrap();
        receiver.received().pop().unwrap().signatures
    };
    let only_new = send().await;
    assert_eq!(
        (only_new.standard, only_new.brand),
        (Check::Valid, Check::Invalid)
    );
    receiver.expect_secret(old);
    assert!(send().await.both_valid());
}

#[tokio::test]
async fn dropping_a_receiver_closes_its_port() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let url = receiver.url();
    post_json(&url, &json!({})).await;
    drop(receiver);
    // The listener goes with its task, which the runtime drops when it next gets to it.
    tokio::task::yield_now().await;
    assert!(crate::post(&url, "application/json", "{}").await.is_err());
}
