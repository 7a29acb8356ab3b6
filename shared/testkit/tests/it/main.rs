//! The stand-ins, used the way a client uses the real thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod chat;
mod otlp;
mod webhook;

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use watchbell_egress::{Answer, EgressPolicy, Guard, HttpClient, SendError};

async fn post(url: &str, content_type: &'static str, body: impl Into<Bytes>) -> Result<Answer, SendError> {
    let policy = EgressPolicy::allowing_loopback();
    let url = policy.check_url(url).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    HttpClient::new(Guard::new(policy))
        .post(&url, headers, body.into(), Duration::from_secs(5))
        .await
}

async fn post_json(url: &str, body: &serde_json::Value) -> (u16, String) {
    let answer = post(url, "application/json", body.to_string()).await.unwrap();
    (
        answer.status.as_u16(),
        String::from_utf8(answer.body_prefix.to_vec()).unwrap(),
    )
}
