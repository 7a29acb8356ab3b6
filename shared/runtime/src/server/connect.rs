//! Unary RPCs by the Connect protocol (<https://connectrpc.com/docs/protocol>): `POST /package.Service/Rpc` with JSON or
//! protobuf, and an answer with a status of HTTP. A call becomes one of gRPC before anything else sees it, and the answer of
//! gRPC becomes the answer, so that limits, authentication and access are those of gRPC.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use prost::Message as _;
use prost_reflect::MessageDescriptor;
use serde_json::{Value, json};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service, ServiceExt as _};
use watchbell_contracts::json as messages;
use watchbell_model::violation::reason as field;

use crate::auth::table::rpc;
use crate::http_call::{retry_after_seconds, takes_gzip};
use crate::problem::{Problem, from_status};
use crate::run_queue::RunQueue;
use crate::unary::{Codec, MAX_INLINE, MIN_COMPRESSED, PREFIX, Unframed, compressed};

const JSON: &str = "application/json";
const PROTO: &str = "application/proto";
/// What an RPC takes.
const TAKEN: &str = "application/json, application/proto, application/grpc, application/grpc-web";
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Most digits of a time-out.
const TIMEOUT_DIGITS: usize = 10;

/// An answer that holds the call's permit until it has been sent.
struct Answer {
    full: Body,
    _call: Body,
}

/// How a request to the path of an RPC is to be served.
pub(super) enum Dispatch {
    /// By the Connect protocol.
    Connect(Codec),
    /// Not at all.
    Refused(Response<Body>),
    /// As gRPC, or as something else than an RPC.
    Other,
}

/// Tells calls by the Connect protocol from others.
pub(super) fn dispatch<B>(request: &Request<B>) -> Dispatch {
    let path = request.uri().path();
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let media_type = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if media_type.starts_with("application/grpc") || !is_rpc(path) {
        return Dispatch::Other;
    }
    if request.method() != Method::POST {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "an RPC is called by POST\n");
        refused
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("POST"));
        return Dispatch::Refused(refused);
    }
    match &*media_type {
        JSON => Dispatch::Connect(Codec::Json),
        PROTO => Dispatch::Connect(Codec::Proto),
        _ => {
            let why = "an RPC takes `content-type: application/json`, or protobuf, gRPC or gRPC-Web\n";
            let mut refused = text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
            let name = HeaderName::from_static("accept-post");
            refused
                .headers_mut()
                .insert(name, HeaderValue::from_static(TAKEN));
            Dispatch::Refused(refused)
        }
    }
}

/// Whether a path has the form `/package.Service/Rpc`, of a service of Watchbell.
fn is_rpc(path: &str) -> bool {
    let parts = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    parts.is_some_and(|(service, rpc)| service.starts_with("watchbell.") && !rpc.contains('/'))
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    full(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    )
}

/// Serves a call by the gRPC of `inner`.
pub(super) async fn call<S>(
    inner: S,
    request: Request<Body>,
    codec: Codec,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    let gzip = takes_gzip(request.headers(), &header::ACCEPT_ENCODING);
    let (request, output) = match translated(request, codec) {
        Ok(translated) => translated,
        Err(problem) => return Ok(refusal(&problem.into())),
    };
    let answer = inner.oneshot(request).await?;
    Ok(match rendered(answer, codec, output, gzip).await {
        Ok(response) => response,
        Err(status) => refusal(&status),
    })
}

/// The answer of gRPC as the caller takes it. It keeps its permit until it is sent.
async fn rendered(
    answer: Response<Body>,
    codec: Codec,
    output: MessageDescriptor,
    gzip: bool,
) -> Result<Response<Body>, Status> {
    let queue = answer.extensions().get::<RunQueue>().cloned().unwrap_or_default();
    let (message, call) = collect(answer).await?;
    let is_long = message.len() > MAX_INLINE;
    let render = move || render(&output, codec, message, gzip);
    let response = match is_long {
        true => queue.heavy(render).await??,
        false => render()?,
    };
    Ok(response.map(|full| Body::new(Answer { full, _call: call })))
}

/// The request as gRPC has it; its body is translated where it is read.
fn translated(
    mut request: Request<Body>,
    codec: Codec,
) -> Result<(Request<Body>, MessageDescriptor), Problem> {
    let path = request.uri().path();
    let (Some(known), Some(descriptor)) = (rpc(path), messages::rpc(path)) else {
        let path = path.to_owned();
        return Err(Problem::Unimplemented { path });
    };
    if !known.is_unary() {
        let path = path.to_owned();
        return Err(Problem::Streams { path });
    }
    let headers = request.headers_mut();
    if headers
        .get(PROTOCOL_VERSION)
        .is_some_and(|version| version != "1")
    {
        return Err(Problem::invalid(
            PROTOCOL_VERSION.as_str(),
            field::UNKNOWN_VALUE,
            "must be 1",
        ));
    }
    let timeout = headers.get(TIMEOUT).map(timeout).transpose()?;
    let gzip = match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => {
            let name = header::CONTENT_ENCODING.as_str();
            return Err(Problem::invalid(
                name,
                field::UNKNOWN_VALUE,
                "must be gzip or identity",
            ));
        }
    };
    let of_transport: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("grpc-") || name.as_str().starts_with("connect-"))
        .cloned()
        .collect();
    for name in of_transport.iter().chain(&[
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::ACCEPT_ENCODING,
    ]) {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.extend(timeout.map(|timeout| (GRPC_TIMEOUT, timeout)));
    let input = descriptor.input();
    request.extensions_mut().insert(Unframed { codec, gzip, input });
    Ok((request, descriptor.output()))
}

/// Milliseconds as gRPC has them, in up to eight digits.
fn timeout(value: &HeaderValue) -> Result<HeaderValue, Problem> {
    let text = value.to_str().unwrap_or_default();
    let is_number =
        (1..=TIMEOUT_DIGITS).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    let wrong = || {
        Problem::invalid(
            TIMEOUT.as_str(),
            field::MALFORMED,
            "must be milliseconds, in up to 10 digits",
        )
    };
    if !is_number {
        return Err(wrong());
    }
    let millis = text.parse().map(Duration::from_millis).map_err(|_| wrong())?;
    let grpc = match millis.as_millis() {
        millis @ 0..100_000_000 => format!("{millis}m"),
        _ => format!("{}S", millis.as_secs()),
    };
    HeaderValue::try_from(grpc).map_err(|_| wrong())
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.full).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.full.size_hint()
    }
}

/// The message of an answer with the body that it was read from, or its error.
async fn collect(response: Response<Body>) -> Result<(Bytes, Body), Status> {
    let (head, mut body) = response.into_parts();
    let failed =
        |headers: &HeaderMap| Status::from_header_map(headers).filter(|status| status.code() != Code::Ok);
    if let Some(status) = failed(&head.headers) {
        return Err(status);
    }
    let collected = (&mut body).collect().await?;
    if let Some(status) = collected.trailers().and_then(failed) {
        return Err(status);
    }
    let frame = collected.to_bytes();
    match frame.first_chunk::<PREFIX>() {
        Some([0, ..]) => Ok((frame.slice(PREFIX..), body)),
        _ => Err(Problem::internal("the answer is not a gRPC message").into()),
    }
}

fn render(
    output: &MessageDescriptor,
    codec: Codec,
    message: Bytes,
    gzip: bool,
) -> Result<Response<Body>, Problem> {
    let (content_type, body) = match codec {
        Codec::Proto => (PROTO, message),
        Codec::Json => {
            let written = messages::write(output, &message).map_err(Problem::internal)?;
            (JSON, written.into())
        }
    };
    let gzip = gzip && body.len() >= MIN_COMPRESSED;
    let body = if gzip { compressed(&body).into() } else { body };
    let mut response = full(StatusCode::OK, content_type, body);
    if gzip {
        let encoding = HeaderValue::from_static("gzip");
        response.headers_mut().insert(header::CONTENT_ENCODING, encoding);
    }
    Ok(response)
}

fn full(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::new(body)));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// An error, always in JSON.
fn refusal(status: &Status) -> Response<Body> {
    let (code, http) = code(status.code());
    let mut error = json!({"code": code, "message": status.message()});
    let details = details(status);
    if !details.is_empty() {
        error["details"] = details.into();
    }
    let mut response = full(http, JSON, error.to_string().into());
    let headers = response.headers_mut();
    if let Some(delay) = from_status(status).retry_after {
        headers.insert(header::RETRY_AFTER, retry_after_seconds(delay).into());
    }
    if http == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn details(status: &Status) -> Vec<Value> {
    use base64::Engine as _;
    let encoded = tonic_types::Status::decode(status.details()).unwrap_or_default();
    let detail = |any: prost_types::Any| {
        let name = any.type_url.rsplit('/').next().unwrap_or_default().to_owned();
        let value = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&any.value);
        let written =
            messages::descriptor(&name).and_then(|descriptor| messages::write(&descriptor, &any.value));
        let debug = written
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let mut detail = json!({"type": name, "value": value});
        detail["debug"] = debug.unwrap_or_default();
        detail
    };
    encoded.details.into_iter().map(detail).collect()
}

/// A code's name, and the status of HTTP that goes with it.
fn code(code: Code) -> (&'static str, StatusCode) {
    const CLIENT_CLOSED_REQUEST: u16 = 499;
    match code {
        Code::Ok => ("ok", StatusCode::OK),
        Code::Cancelled => (
            "canceled",
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST),
        ),
        Code::Unknown => ("unknown", StatusCode::INTERNAL_SERVER_ERROR),
        Code::InvalidArgument => ("invalid_argument", StatusCode::BAD_REQUEST),
        Code::DeadlineExceeded => ("deadline_exceeded", StatusCode::GATEWAY_TIMEOUT),
        Code::NotFound => ("not_found", StatusCode::NOT_FOUND),
        Code::AlreadyExists => ("already_exists", StatusCode::CONFLICT),
        Code::PermissionDenied => ("permission_denied", StatusCode::FORBIDDEN),
        Code::ResourceExhausted => ("resource_exhausted", StatusCode::TOO_MANY_REQUESTS),
        Code::FailedPrecondition => ("failed_precondition", StatusCode::BAD_REQUEST),
        Code::Aborted => ("aborted", StatusCode::CONFLICT),
        Code::OutOfRange => ("out_of_range", StatusCode::BAD_REQUEST),
        Code::Unimplemented => ("unimplemented", StatusCode::NOT_IMPLEMENTED),
        Code::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::DataLoss => ("data_loss", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
    }
}
