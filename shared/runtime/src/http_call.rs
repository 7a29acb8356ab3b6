//! Classification of HTTP requests for the layers of a server, and refusals.

use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tonic::Status;

use crate::problem::Problem;

/// A refusal as gRPC, or as plain HTTP.
pub(crate) fn refused(grpc: bool, problem: Problem) -> Response<Body> {
    if grpc {
        return Status::from(problem).into_http();
    }
    let status = match problem {
        Problem::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        Problem::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
        Problem::BodyTooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, format!("{problem}\n")).into_response();
    if let Problem::Overloaded { retry_after } = problem {
        let seconds = HeaderValue::from(retry_after.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// Whether the request is a health probe. Probes bypass limits: a busy process must not be restarted.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/grpc.health.v1.Health/Check")
}

/// Whether a request is gRPC (gRPC-Web has been translated before).
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}
