//! Pages, made of templates that escape whatever they are given. They are whole without scripts, and the only thing
//! they load is the brand's logo.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use minijinja::{AutoEscape, Environment, Output, Value, context};
use sha2::{Digest as _, Sha256};
use watchbell_model::brand::Brand;
use watchbell_model::text::reorders;

/// Two years; told to browsers that come by HTTPS only.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");
const STYLE: &str = include_str!("../templates/style.css");

/// Makes pages. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pages(Arc<Inner>);

struct Inner {
    templates: Environment<'static>,
    brand: Brand,
    style: String,
    headers: HeaderMap,
}

/// Pages that cannot be made: a defect of a template, or a brand that no header can carry.
#[derive(Debug, thiserror::Error)]
#[error("pages cannot be rendered: {0}")]
pub struct PageError(String);

/// A page of a few sentences and buttons.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notice {
    pub(crate) heading: String,
    pub(crate) paragraphs: Vec<String>,
    /// The first is the one that most readers want, unless it is `done`.
    pub(crate) buttons: Vec<Button>,
    /// Where to go on, as a button.
    pub(crate) onward: Option<Link>,
    pub(crate) links: Vec<Link>,
    /// Tells of something just done: no button is more likely than another.
    pub(crate) done: bool,
}

/// Posts to a path.
#[derive(Debug, Clone)]
pub(crate) struct Button {
    pub(crate) action: String,
    pub(crate) label: &'static str,
}

/// Leads to a path.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) label: &'static str,
}

// === impl Pages ===

impl Pages {
    pub(crate) fn new(brand: &Brand) -> Result<Self, PageError> {
        let broken = |error: &dyn std::fmt::Display| PageError(error.to_string());
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_formatter(|out, _, value| escaped(out, value));
        for (name, source) in [
            ("layout.html", include_str!("../templates/layout.html")),
            ("notice.html", include_str!("../templates/notice.html")),
            ("preferences.html", include_str!("../templates/preferences.html")),
        ] {
            templates
                .add_template(name, source)
                .map_err(|error| broken(&error))?;
        }
        let ink = ink_on(&brand.primary_color);
        let style = STYLE.replace("BRAND", &brand.primary_color).replace("INK", ink);
        let headers = headers(brand, &style).map_err(|error| broken(&error))?;
        Ok(Self(Arc::new(Inner {
            templates,
            brand: brand.clone(),
            style,
            headers,
        })))
    }

    pub(crate) fn brand(&self) -> &Brand {
        &self.0.brand
    }

    pub(crate) fn notice(&self, status: StatusCode, notice: Notice) -> Response {
        let buttons = notice.buttons.into_iter().enumerate().map(|(index, button)| {
            context! { action => button.action, label => button.label, primary => index == 0 && !notice.done }
        });
        let links = notice
            .links
            .into_iter()
            .map(|link| context! { href => link.href, label => link.label });
        let page = context! {
            title => notice.heading.as_str(),
            heading => notice.heading.as_str(),
            paragraphs => notice.paragraphs,
            onward => notice.onward.map(|link| context! { href => link.href, label => link.label }),
            forms => buttons.collect::<Vec<Value>>(),
            links => links.collect::<Vec<Value>>(),
        };
        self.page(status, "notice.html", page)
    }

    pub(crate) fn page(&self, status: StatusCode, template: &str, page: Value) -> Response {
        let inner = &*self.0;
        let whole = context! {
            brand => inner.brand.name.as_str(),
            logo => inner.brand.logo_url.as_ref().map(url::Url::as_str),
            style => inner.style.as_str(),
            ..page
        };
        let made = inner
            .templates
            .get_template(template)
            .and_then(|template| template.render(whole));
        let mut response = match made {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, template, "a page could not be rendered");
                (StatusCode::INTERNAL_SERVER_ERROR, Body::empty()).into_response()
            }
        };
        response.headers_mut().extend(inner.headers.clone());
        response
    }
}

/// As HTML wants it in text and in quoted attributes, without marks that show text in another order than it has. Unlike the engine's own escaping it leaves slashes alone, so that
/// paths stay readable.
fn escaped(out: &mut Output<'_>, value: &Value) -> Result<(), minijinja::Error> {
    if value.is_safe() {
        return Ok(write!(out, "{value}")?);
    }
    if value.is_none() || value.is_undefined() {
        return Ok(());
    }
    for character in value.to_string().chars().filter(|c| !reorders(*c)) {
        match character {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            '"' => out.write_str("&quot;")?,
            '\'' => out.write_str("&#39;")?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

/// Nothing runs, nothing frames the page, nothing learns or keeps its address, which holds the token.
fn headers(brand: &Brand, style: &str) -> Result<HeaderMap, header::InvalidHeaderValue> {
    let style = BASE64.encode(Sha256::digest(style));
    let logo = brand
        .logo_url
        .as_ref()
        .map_or_else(|| "'none'".to_owned(), |url| url.origin().ascii_serialization());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src {logo}; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    let text = HeaderValue::from_static;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.try_into()?);
    headers.insert(header::REFERRER_POLICY, text("no-referrer"));
    headers.insert(header::CACHE_CONTROL, text("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, text("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, text("DENY"));
    headers.insert(HeaderName::from_static("x-robots-tag"), text("noindex"));
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        text("same-origin"),
    );
    headers.insert(
        HeaderName::from_static("permissions-policy"),
        text("camera=(), geolocation=(), microphone=()"),
    );
    if brand.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    Ok(headers)
}

/// Dark or light, whichever reads better on `#rrggbb`, by the contrast ratio of WCAG 2.2.
fn ink_on(color: &str) -> &'static str {
    let channel = |at: usize| {
        let value = color
            .get(at..at + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .unwrap_or(0);
        let share = f64::from(value) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
    let (with_white, with_dark) = (1.05 / (luminance + 0.05), (luminance + 0.05) / 0.066);
    if with_dark > with_white {
        "#1f2328"
    } else {
        "#ffffff"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ink_of_a_button_can_be_read_on_any_brand() {
        for (color, ink) in [
            ("#1f6feb", "#ffffff"),
            ("#ffd400", "#1f2328"),
            ("#000000", "#ffffff"),
            ("#ffffff", "#1f2328"),
        ] {
            assert_eq!(ink_on(color), ink, "{color}");
        }
    }
}
