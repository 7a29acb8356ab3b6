//! The files of the built web application, and how they are answered: compressed where the browser takes it, kept for
//! good under an address that holds the build's hash, asked for again (`ETag`) under any other.

use std::io::Read as _;

use axum::body::Body;
use axum::response::Response;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use watchbell_runtime::http_call::takes_gzip;

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What pages of other origins load, by names that stay.
const SHARED: [&str; 2] = ["inbox.js", "embed.js"];
/// The page that the application lives in.
const INDEX: &str = "index.html";

const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// A file of the build.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Relative to `dist/`.
    pub(crate) path: &'static str,
    /// Quoted, as the header carries it.
    etag: &'static str,
    gzip: &'static [u8],
}

/// What a path below `/console/` stands for.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file of this build, by an address that will never mean anything else.
    File(&'static Asset),
    /// A file for pages of other origins.
    Shared(&'static Asset),
    /// A page of the application, which reads the path itself.
    Page(&'static Asset),
    /// A file of another build, or a path that no page has.
    Nothing,
}

/// Finds what is served at `path`, which comes without the leading slash and with its escapes resolved.
pub(crate) fn find(path: &str) -> Found {
    let climbs = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if climbs || path.contains(['\\', '\0']) {
        return Found::Nothing;
    }
    if SHARED.contains(&path) {
        return named(path).map_or(Found::Nothing, Found::Shared);
    }
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if first == BUILD {
        return named(rest).map_or(Found::Nothing, Found::File);
    }
    // A tab that was opened before an upgrade asks for files of the build it came with.
    let of_a_build = first.len() == BUILD.len() && first.bytes().all(|byte| byte.is_ascii_hexdigit());
    if of_a_build || first == "assets" {
        return Found::Nothing;
    }
    named(INDEX).map_or(Found::Nothing, Found::Page)
}

fn named(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

// === impl Asset ===

impl Asset {
    /// The answer to a request with these headers. `fixed`: the address will never mean another file.
    pub(crate) fn answer(&self, request: &HeaderMap, fixed: bool) -> Response {
        let unchanged = request
            .get(header::IF_NONE_MATCH)
            .and_then(|tags| tags.to_str().ok())
            .is_some_and(|tags| tags.split(',').any(|tag| self.is(tag)));
        let mut response = if unchanged {
            status(StatusCode::NOT_MODIFIED)
        } else if takes_gzip(request, &header::ACCEPT_ENCODING) {
            let mut response = Response::new(Body::from(self.gzip));
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        } else {
            Response::new(Body::from(self.plain()))
        };
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.content_type()),
        );
        headers.insert(header::ETAG, HeaderValue::from_static(self.etag));
        headers.insert(header::CACHE_CONTROL, if fixed { FOR_GOOD } else { ASK_AGAIN });
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        response
    }

    /// For the rare client that does not take it compressed, which is how the binary carries it.
    fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        if let Err(error) = GzDecoder::new(self.gzip).read_to_end(&mut plain) {
            tracing::error!(%error, path = self.path, "an asset does not unpack");
        }
        plain
    }

    /// Weak comparison, as RFC 9110 §13.1.2 asks of `If-None-Match`.
    fn is(&self, tag: &str) -> bool {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag
    }

    fn content_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "json" | "webmanifest" => "application/json",
            _ => "application/octet-stream",
        }
    }
}

/// An answer without a body.
pub(crate) fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
