//! The console: a web application that speaks the public API (gRPC-Web) with the caller's own credential. This crate
//! only hands out its files, which are built from `web/` and kept in `dist/`; it has no endpoint of its own besides
//! `/console/config.json`, reads no database and sees no credential.

mod assets;
mod policy;
mod settings;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use watchbell_model::brand::Brand;
use watchbell_runtime::settings::SettingsError;

use crate::assets::Found;
pub use crate::settings::{ConsoleSettings, OidcSettings, OidcToken};

/// Where the console is, below the origin.
pub const PATH: &str = "/console/";

/// Why the console cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A brand or origin that no header can carry.
    #[error("the console's headers cannot be made")]
    Header(#[from] header::InvalidHeaderValue),
}

/// The console, ready to serve. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Console(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    headers: HeaderMap,
    config: Config,
}

/// What the application has to know before anybody has signed in.
#[derive(Debug, Serialize)]
struct Config {
    brand: ConfigBrand,
    /// Empty: the same origin.
    api_base: String,
    /// Whether people may sign in by an API key.
    keys: bool,
    embed_origins: Vec<String>,
    oidc: Option<OidcSettings>,
    version: &'static str,
}

#[derive(Debug, Serialize)]
struct ConfigBrand {
    name: String,
    /// None when the operator has chosen none.
    primary_color: Option<String>,
    logo_url: Option<String>,
    signature_header: String,
    medium_word: String,
}

// === impl Console ===

impl Console {
    /// Makes ready to serve. `members_sign_in`: the installation has a way for members, so that keys are off unless
    /// the settings say otherwise.
    ///
    /// # Errors
    /// A setting that browsers would not understand; a brand that no header can carry.
    pub fn new(
        settings: &ConsoleSettings,
        brand: &Brand,
        members_sign_in: bool,
    ) -> Result<Self, ConsoleError> {
        settings.check()?;
        Ok(Self(Arc::new(Inner {
            headers: policy::headers(settings, brand)?,
            config: Config {
                brand: ConfigBrand {
                    name: brand.name.clone(),
                    primary_color: (brand.primary_color != Brand::default().primary_color)
                        .then(|| brand.primary_color.clone()),
                    logo_url: brand.logo_url.as_ref().map(ToString::to_string),
                    signature_header: brand.signature_header(),
                    medium_word: brand.medium_word.clone(),
                },
                api_base: settings.api_origin().unwrap_or_default(),
                keys: settings
                    .keys
                    .unwrap_or(!members_sign_in && settings.oidc.is_none()),
                embed_origins: settings.embed_origins(),
                oidc: settings.oidc.clone(),
                version: env!("CARGO_PKG_VERSION"),
            },
        })))
    }

    /// The routes; for [`watchbell_runtime::server::Server::http`].
    pub fn router(self) -> Router {
        Router::new()
            .route("/console", get(index))
            .route(PATH, get(index))
            .route("/console/config.json", get(config))
            .route("/console/{*path}", get(file))
            .with_state(self)
    }

    fn with_headers(&self, mut response: Response) -> Response {
        response.headers_mut().extend(self.0.headers.clone());
        response
    }
}

/// `GET /console`
async fn index(State(console): State<Console>, request: HeaderMap) -> Response {
    console.with_headers(serve("", &request))
}

/// `GET /console/{path}`
async fn file(State(console): State<Console>, Path(path): Path<String>, request: HeaderMap) -> Response {
    console.with_headers(serve(&path, &request))
}

/// `GET /console/config.json`
async fn config(State(console): State<Console>) -> Response {
    let mut response = Json(&console.0.config).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    console.with_headers(response)
}

fn serve(path: &str, request: &HeaderMap) -> Response {
    match assets::find(path) {
        Found::File(asset) => asset.answer(request, true),
        Found::Shared(asset) => {
            let mut response = asset.answer(request, false);
            // For pages that load nothing else (COEP).
            response.headers_mut().insert(
                "cross-origin-resource-policy",
                HeaderValue::from_static("cross-origin"),
            );
            response
        }
        Found::Page(asset) => asset.answer(request, false),
        Found::Nothing => assets::status(StatusCode::NOT_FOUND),
    }
}

#[cfg(test)]
mod tests;
