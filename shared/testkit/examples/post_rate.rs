//! How many posts a second the guarded client and the receiver manage together on this machine's loopback.
//!
//! `cargo run --release --example post_rate -p watchbell-testkit -- [seconds] [concurrency]`

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use watchbell_egress::{EgressPolicy, Guard, HttpClient};
use watchbell_testkit::WebhookReceiver;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().as_deref().unwrap_or("5").parse()?;
    let concurrency: usize = arguments.next().as_deref().unwrap_or("64").parse()?;

    let receiver = WebhookReceiver::builder().count_only().start().await?;
    let policy = EgressPolicy::allowing_loopback();
    let url = policy.check_url(&receiver.url())?;
    let client = HttpClient::new(Guard::new(policy));
    let body = Bytes::from(format!(
        "{{\"event\":{{\"id\":\"evt_1\"}},\"data\":\"{}\"}}",
        "x".repeat(960)
    ));
    let mut headers = HeaderMap::new();
    for name in [
        "content-type",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-watchbell-signature",
    ] {
        headers.insert(
            name,
            HeaderValue::from_static("some value of a plausible length for this header"),
        );
    }

    let stop = Arc::new(AtomicBool::new(false));
    let failed = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let (client, url, body, headers) = (client.clone(), url.clone(), body.clone(), headers.clone());
            let (stop, failed) = (Arc::clone(&stop), Arc::clone(&failed));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let sent = client
                        .post(&url, headers.clone(), body.clone(), Duration::from_secs(10))
                        .await;
                    if sent.is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    let rate = receiver.count() as f64 / seconds as f64;
    println!("{rate:.0} posts/s, {} failed", failed.load(Ordering::Relaxed));
    Ok(())
}
