//! The headers of every answer. The content security policy lets the page run its own scripts and nothing else: no
//! inline script or style, no text that becomes markup (Trusted Types), no plug-in, no form, no base address.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use watchbell_model::brand::Brand;

use crate::{ConsoleError, ConsoleSettings};

/// Two years; told to browsers that come by HTTPS only.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The headers that go with every answer.
pub(crate) fn headers(settings: &ConsoleSettings, brand: &Brand) -> Result<HeaderMap, ConsoleError> {
    let text = HeaderValue::from_static;
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        policy(settings, brand).try_into()?,
    );
    headers.insert(header::REFERRER_POLICY, text("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, text("nosniff"));
    headers.insert(HeaderName::from_static("x-robots-tag"), text("noindex"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        text("same-origin"),
    );
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        text("camera=(), geolocation=(), microphone=()"),
    );
    if settings.embed_origins.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, text("DENY"));
    }
    if brand.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    Ok(headers)
}

fn policy(settings: &ConsoleSettings, brand: &Brand) -> String {
    let logo = brand
        .logo_url
        .as_ref()
        .map(|url| format!(" {}", url.origin().ascii_serialization()))
        .unwrap_or_default();
    let api = settings
        .api_origin()
        .map(|origin| format!(" {origin}"))
        .unwrap_or_default();
    let provider = settings
        .oidc
        .as_ref()
        .map(|oidc| format!(" {}", oidc.origin()))
        .unwrap_or_default();
    let frames = if settings.embed_origins.is_empty() {
        "'none'".to_owned()
    } else {
        settings.embed_origins().join(" ")
    };
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{logo}; font-src 'self'; \
         connect-src 'self'{api}{provider}; base-uri 'none'; form-action 'none'; frame-ancestors {frames}; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
}
