//! Requests of unary RPCs as they are admitted: decompressed (gzip), charged, and put into the frame of gRPC. All of it
//! happens while the body is read behind authentication, so that no stranger makes the server decompress or parse anything.

mod decompress;
mod gzip;
mod message;

use axum::body::Body;
use http::{HeaderName, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost_reflect::MessageDescriptor;
use tonic::Status;
use watchbell_contracts::api::MAX_MESSAGE_BYTES;
use watchbell_contracts::json;

use crate::run_queue::RunQueue;

pub(crate) use decompress::{PREFIX, with_prefix};
pub(crate) use gzip::compressed;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
/// From this length on a message is compressed for callers who take that, in bytes.
pub(crate) const MIN_COMPRESSED: usize = 1024;
/// From this length on a message is translated or compressed outside of the runtime's threads, in bytes.
pub(crate) const MAX_INLINE: usize = 64 * 1024;

/// How a message is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Protobuf JSON.
    Json,
    /// Protobuf.
    Proto,
}

/// A unary call whose body is a message without the frame of gRPC; an extension of its request.
#[derive(Debug, Clone)]
pub(crate) struct Unframed {
    pub(crate) codec: Codec,
    /// Whether the body is compressed as a whole.
    pub(crate) gzip: bool,
    /// Type of the message.
    pub(crate) input: MessageDescriptor,
}

/// The request with its body decompressed. A compressed message of gRPC loses its frame, too: it is charged by what it
/// decompresses to before [`frame`] collects it.
pub(crate) fn decompress(mut request: Request<Body>) -> Request<Body> {
    if let Some(call) = request.extensions().get::<Unframed>() {
        let gzip = call.gzip;
        return request.map(|body| if gzip { decompress::whole(body) } else { body });
    }
    let encoding = request.headers().get(GRPC_ENCODING);
    if encoding.is_none_or(|encoding| encoding != "gzip") {
        return request;
    }
    let Some(rpc) = json::rpc(request.uri().path()) else {
        return request;
    };
    request.headers_mut().remove(GRPC_ENCODING);
    request.extensions_mut().insert(Unframed {
        codec: Codec::Proto,
        gzip: true,
        input: rpc.input(),
    });
    request.map(decompress::message)
}

/// The request with its message as gRPC carries it.
pub(crate) fn frame(mut request: Request<Body>, queue: &RunQueue) -> Request<Body> {
    match request.extensions_mut().remove::<Unframed>() {
        Some(call) => request.map(|body| message::framed(body, call, queue.clone())),
        None => request,
    }
}

/// The request with its whole body.
///
/// # Errors
/// The body's own, or that it is too large.
pub(crate) async fn collect(request: Request<Body>) -> Result<Request<Body>, Status> {
    let (head, body) = request.into_parts();
    let collected = Limited::new(body, PREFIX + MAX_MESSAGE_BYTES).collect().await;
    match collected {
        Ok(body) => Ok(Request::from_parts(head, Body::from(body.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => Err(message::too_large().into()),
        Err(error) => Err(Status::from_error(error)),
    }
}
