//! What this machine could do at best, measured in the same run and by the same threads: posting over kept-alive
//! connections, and answering a call that does nothing.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;
use http::{HeaderMap, HeaderValue, Method, Request as HttpRequest};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{self, RouterApi};
use watchbell_contracts::router::v1::{EmitRequest, EmitResponse};
use watchbell_model::clock::SharedClock;
use watchbell_model::secret::Secret;
use watchbell_testkit::WebhookReceiver;

use super::lab::{AT_ONCE, Lab};
use super::load::{Caller, Emitted, How, PAYLOAD, Until};
use super::meter::Cpu;
use super::report::Figure;
use crate::failure::{Failure, Outcome};

/// What a webhook's body has around the event's data.
const ENVELOPE: usize = 330;

/// What came of it, in things per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceilings {
    pub(super) posts: f64,
    pub(super) calls: f64,
}

/// Measures both.
pub(super) async fn measure(lab: &Lab, callers: usize, span: Duration) -> Outcome<(Ceilings, Vec<Figure>)> {
    let endpoint = lab
        .endpoint(WebhookReceiver::builder().count_only().without_event_ids())
        .await?;
    let began = (lab.clock.monotonic(), Cpu::now());
    let posting = post(endpoint.url(), lab.clock.clone(), span);
    lab.load.run(posting).await??;
    let took = lab.clock.monotonic().saturating_sub(began.0).as_secs_f64();
    let posts = endpoint.count() as f64 / took;
    let http = Figure::new("ceiling: HTTP POST, keep-alive", format!("{posts:.0}/s"))
        .details(format!("{AT_ONCE} connections, {} bytes", PAYLOAD + ENVELOPE))
        .value("per_second", posts)
        .cpu(&Cpu::since(&began.1), endpoint.count() as u64);

    let stop = CancellationToken::new();
    let url = serve_echo(stop.clone()).await?;
    let caller = Caller {
        url,
        key: Secret::from("echo"),
        out: lab.out,
        clock: lab.clock.clone(),
    };
    let began = (lab.clock.monotonic(), Cpu::now());
    let echoed: Emitted = lab
        .load
        .run(caller.emit(How::Unary(callers), Until::After(span)))
        .await??;
    let took = lab.clock.monotonic().saturating_sub(began.0).as_secs_f64();
    stop.cancel();
    let calls = echoed.accepted as f64 / took;
    let grpc = Figure::new("ceiling: unary gRPC that does nothing", format!("{calls:.0}/s"))
        .details(format!(
            "{callers} callers, the same EmitRequest; {}",
            echoed.answers.said()
        ))
        .value("per_second", calls)
        .cpu(&Cpu::since(&began.1), echoed.accepted);
    Ok((Ceilings { posts, calls }, vec![http, grpc]))
}

/// Posts over as many connections as one endpoint gets.
async fn post(url: String, clock: SharedClock, span: Duration) -> Outcome {
    let uri: http::Uri = url.parse().map_err(anyhow::Error::from)?;
    let address = uri.authority().map(ToString::to_string).unwrap_or_default();
    let headers = headers();
    let body = Bytes::from(vec![b'x'; PAYLOAD + ENVELOPE]);
    let end = clock.monotonic() + span;
    let mut posting = Vec::new();
    for _ in 0..AT_ONCE {
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(anyhow::Error::from)?;
        tokio::spawn(connection);
        let (clock, headers, body) = (clock.clone(), headers.clone(), body.clone());
        let path = uri.path().to_owned();
        let host = HeaderValue::try_from(&address).map_err(anyhow::Error::from)?;
        posting.push(tokio::spawn(async move {
            while clock.monotonic() < end {
                let mut request = HttpRequest::new(Full::new(body.clone()));
                *request.method_mut() = Method::POST;
                *request.uri_mut() = path.parse().map_err(anyhow::Error::from)?;
                request.headers_mut().clone_from(&headers);
                request.headers_mut().insert(http::header::HOST, host.clone());
                let response = sender.send_request(request).await.map_err(anyhow::Error::from)?;
                let body = response
                    .into_body()
                    .collect()
                    .await
                    .map_err(anyhow::Error::from)?;
                drop(body);
            }
            Ok::<_, Failure>(())
        }));
    }
    for ended in try_join_all(posting).await.map_err(anyhow::Error::from)? {
        ended?;
    }
    Ok(())
}

/// As many and as long as a webhook's.
fn headers() -> HeaderMap {
    let value = HeaderValue::from_static("sixty-four hexadecimal digits are the length of a plain signature");
    let names = [
        "content-type",
        "user-agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-watchbell-signature",
        "traceparent",
    ];
    names
        .into_iter()
        .map(|name| (http::HeaderName::from_static(name), value.clone()))
        .collect()
}

/// Takes an event and answers; nothing else.
struct Echo;

async fn serve_echo(stop: CancellationToken) -> Outcome<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder().add_service(api::serve_router(Arc::new(Echo)));
    tokio::spawn(server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned()));
    Ok(url)
}

// === impl Echo ===

#[async_trait]
impl RouterApi for Echo {
    async fn emit(&self, request: Request<EmitRequest>) -> Result<Response<EmitResponse>, Status> {
        let event = request.into_inner().event.unwrap_or_default();
        Ok(Response::new(EmitResponse {
            event_id: event.id,
            ..EmitResponse::default()
        }))
    }
}
