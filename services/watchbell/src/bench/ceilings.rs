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
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{self, BoxStream, RouterApi};
use watchbell_contracts::router::v1::emit_result::Outcome as Ending;
use watchbell_contracts::router::v1::{
    EmitRequest, EmitResponse, EmitResult, EmitStreamRequest, EmitStreamResponse,
};
use watchbell_model::clock::SharedClock;
use watchbell_model::secret::Secret;
use watchbell_testkit::WebhookReceiver;

use super::lab::{AT_ONCE, Lab};
use super::load::{Caller, Emitted, How, OF_ALERTS, PAYLOAD, Until};
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

/// One part by itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bare {
    pub(super) count: u64,
    pub(super) took: Duration,
    pub(super) cpu: Cpu,
}

// === impl Bare ===

impl Bare {
    fn rate(&self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

/// Measures both.
pub(super) async fn measure(lab: &Lab, callers: usize, span: Duration) -> Outcome<(Ceilings, Vec<Figure>)> {
    let posted = posts(lab, span).await?;
    let http = Figure::new(
        "ceiling: HTTP POST, keep-alive",
        format!("{:.0}/s", posted.rate()),
    )
    .details(format!("{AT_ONCE} connections, {} bytes", PAYLOAD + ENVELOPE))
    .value("per_second", posted.rate())
    .cpu(&posted.cpu, posted.count);
    let (called, emitted) = echo(lab, How::Unary(callers), span).await?;
    let grpc = Figure::new(
        "ceiling: unary gRPC that does nothing",
        format!("{:.0}/s", called.rate()),
    )
    .details(format!(
        "{callers} callers, the same EmitRequest; {}",
        emitted.answers.said()
    ))
    .value("per_second", called.rate())
    .cpu(&called.cpu, called.count);
    let ceilings = Ceilings {
        posts: posted.rate(),
        calls: called.rate(),
    };
    Ok((ceilings, vec![http, grpc]))
}

/// Posts to an endpoint, and nothing else.
pub(super) async fn posts(lab: &Lab, span: Duration) -> Outcome<Bare> {
    let endpoint = lab
        .endpoint(WebhookReceiver::builder().count_only().without_event_ids())
        .await?;
    let (began, cpu) = (lab.clock.monotonic(), Cpu::now());
    let posting = post(endpoint.url(), lab.clock.clone(), span);
    lab.load.run(posting).await??;
    Ok(Bare {
        count: endpoint.count() as u64,
        took: lab.clock.monotonic().saturating_sub(began),
        cpu: Cpu::since(&cpu),
    })
}

/// Emits to a server that only answers.
pub(super) async fn echo(lab: &Lab, how: How, span: Duration) -> Outcome<(Bare, Emitted)> {
    let stop = CancellationToken::new();
    let url = serve_echo(stop.clone()).await?;
    let caller = Caller {
        url,
        key: Secret::from("echo"),
        event_type: OF_ALERTS,
        out: lab.out,
        clock: lab.clock.clone(),
    };
    let (began, cpu) = (lab.clock.monotonic(), Cpu::now());
    let emitted = lab.load.run(caller.emit(how, Until::After(span))).await??;
    let bare = Bare {
        count: emitted.accepted,
        took: lab.clock.monotonic().saturating_sub(began),
        cpu: Cpu::since(&cpu),
    };
    stop.cancel();
    Ok((bare, emitted))
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

    async fn emit_stream(
        &self,
        request: Request<BoxStream<EmitStreamRequest>>,
    ) -> Result<Response<BoxStream<EmitStreamResponse>>, Status> {
        let answers = request.into_inner().map(|request| {
            let event = request?.event.unwrap_or_default();
            let accepted = EmitResponse {
                event_id: event.id,
                ..EmitResponse::default()
            };
            Ok(EmitStreamResponse {
                result: Some(EmitResult {
                    outcome: Some(Ending::Accepted(accepted)),
                }),
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
