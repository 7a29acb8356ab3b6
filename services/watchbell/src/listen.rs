//! `listen`: a receiver on this machine that shows what webhooks bring, checks their signatures, and may pass them on.

mod arrival;
mod signatures;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, StatusCode};
use clap::Args;
use ipnet::IpNet;
use tokio::net::TcpListener;
use watchbell_egress::{EgressPolicy, Guard, GuardedUrl, HttpClient};
use watchbell_model::clock::{SharedClock, SystemClock};
use watchbell_model::secret::Secret;
use watchbell_model::signature::SigningSecret;

use self::arrival::Arrival;
use self::signatures::{Verdict, verify};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Out;

/// The largest body that is taken.
const MAX_BODY: usize = 16 * 1024 * 1024;
const FORWARD_TIMEOUT: Duration = Duration::from_secs(15);
/// Of the connection and not of the message.
const HOP_BY_HOP: [axum::http::HeaderName; 4] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Where to listen, and what to do with what arrives.
#[derive(Debug, Args)]
pub(crate) struct ListenArgs {
    /// Where to listen; every path is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The channel's signing secret, or @FILE to read it from; may be given several times. What it does not verify is
    /// answered with 401
    #[arg(
        long,
        env = "WATCHBELL_WEBHOOK_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    secret: Vec<Secret>,
    /// Where to pass requests on, as they came; its status is the answer
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Print a line of JSON for each request, with its body
    #[arg(long)]
    json: bool,
}

/// What answers requests.
struct Receiver {
    secrets: Vec<SigningSecret>,
    forward: Option<(HttpClient, GuardedUrl)>,
    clock: SharedClock,
    out: Out,
}

/// Listens until it is interrupted.
pub(crate) async fn run(args: ListenArgs) -> Outcome {
    let secrets = args.secret.iter().map(|given| {
        let secret = input::secret(given.expose())?;
        SigningSecret::parse(secret)
            .map_err(|violations| Failure::usage(violations.under("--secret").to_string()))
    });
    let receiver = Receiver {
        secrets: secrets.collect::<Outcome<_>>()?,
        forward: args.forward.as_deref().map(target).transpose()?,
        clock: SystemClock::shared(),
        out: Out::new(args.json),
    };
    let listener = TcpListener::bind(&args.listen)
        .await
        .map_err(|error| Failure::message(format!("{}: {error}", args.listen)))?;
    let address = listener.local_addr()?;
    eprintln!("listening at http://{address}{}", receiver.describe());
    Ok(axum::serve(listener, router(receiver)).await?)
}

fn router(receiver: Receiver) -> Router {
    Router::new()
        .fallback(receive)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(receiver))
}

/// Whoever runs this command may reach what this machine may reach.
fn target(url: &str) -> Outcome<(HttpClient, GuardedUrl)> {
    let everything = [IpAddr::from([0, 0, 0, 0]), IpAddr::from([0; 16])].map(|ip| IpNet::new_assert(ip, 0));
    let guard = Guard::new(EgressPolicy::allowing(everything));
    let url = guard
        .check_url(url)
        .map_err(|refusal| Failure::usage(format!("--forward: {refusal}")))?;
    Ok((HttpClient::new(guard), url))
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let now = receiver.clock.now();
    let verdict = verify(&receiver.secrets, &headers, &body, now);
    let mut arrival = Arrival::new(&headers, &body, verdict, now);
    let status = receiver.answer(verdict, headers, body, &mut arrival).await;
    arrival.status = status.as_u16();
    // Nobody reads any more: the end of the command.
    if arrival.print(receiver.out).is_err() {
        std::process::exit(0);
    }
    status
}

// === impl Receiver ===

impl Receiver {
    async fn answer(
        &self,
        verdict: Verdict,
        headers: HeaderMap,
        body: Bytes,
        arrival: &mut Arrival,
    ) -> StatusCode {
        if let Verdict::Wrong(_) = verdict {
            return StatusCode::UNAUTHORIZED;
        }
        let Some((client, url)) = &self.forward else {
            return StatusCode::OK;
        };
        let mut passed_on = headers;
        for name in HOP_BY_HOP {
            passed_on.remove(name);
        }
        match client.post(url, passed_on, body, FORWARD_TIMEOUT).await {
            Ok(answer) => answer.status,
            Err(error) => {
                arrival.problem = format!("not passed on: {error}");
                StatusCode::BAD_GATEWAY
            }
        }
    }

    fn describe(&self) -> String {
        let checks = if self.secrets.is_empty() {
            ", signatures are not checked (--secret)"
        } else {
            ""
        };
        match &self.forward {
            Some((_, url)) => format!("{checks}, passing on to {}:{}", url.host(), url.port()),
            None => checks.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use watchbell_model::signature::standard_signatures;
    use watchbell_testkit::WebhookReceiver;

    fn receiver(forward: Option<&str>) -> Receiver {
        Receiver {
            secrets: vec![SigningSecret::parse("a-good-secret".into()).unwrap()],
            forward: forward.map(|url| target(url).unwrap()),
            clock: SystemClock::shared(),
            out: Out::new(true),
        }
    }

    async fn post(receiver: Receiver, secret: &str) -> StatusCode {
        let now = receiver.clock.now().timestamp();
        let body = r#"{"event":{"id":"evt-1"}}"#;
        let secret = SigningSecret::parse(secret.into()).unwrap();
        let request = Request::post("/any/path")
            .header("webhook-id", "evt-1")
            .header("webhook-timestamp", now)
            .header(
                "webhook-signature",
                standard_signatures(&[secret], "evt-1", now, body.as_bytes()),
            )
            .header("x-own", "kept")
            .body(Body::from(body))
            .unwrap();
        let answer = tower::ServiceExt::oneshot(router(receiver), request).await;
        answer.unwrap().status()
    }

    #[tokio::test]
    async fn what_verifies_is_taken_and_what_does_not_is_refused() {
        assert_eq!(post(receiver(None), "a-good-secret").await, StatusCode::OK);
        assert_eq!(
            post(receiver(None), "another-secret").await,
            StatusCode::UNAUTHORIZED
        );
    }

    #[tokio::test]
    async fn what_is_passed_on_comes_as_it_came_and_brings_its_answer_back() {
        let behind = WebhookReceiver::start().await.unwrap();
        behind.fail_first(1, 503);
        for expected in [503, 200] {
            let status = post(receiver(Some(&behind.url())), "a-good-secret").await;
            assert_eq!(status.as_u16(), expected);
        }
        let received = behind.received();
        assert_eq!(received[0].headers["x-own"], "kept");
        assert_eq!(received[0].headers["webhook-id"], "evt-1");
        assert_eq!(
            post(receiver(Some(&behind.url())), "another-secret")
                .await
                .as_u16(),
            401
        );
        assert_eq!(behind.count(), 2, "what does not verify goes nowhere");
        let url = behind.url();
        drop(behind);
        assert_eq!(post(receiver(Some(&url)), "a-good-secret").await.as_u16(), 502);
    }
}
