//! The HTTP door: one-click unsubscribe, the page of email preferences, the pages on which recipients confirm and alerts are
//! acknowledged, "Add to Slack", and the in-app inbox and a team's events as streams of server-sent events. It holds no
//! state; what it shows and changes it asks of Config and the Dispatcher.
//!
//! Its routes join those that every process has (health, metrics, gRPC) at the one port of `watchbell_runtime::server`.

mod acknowledge;
mod confirm;
mod cookie;
mod event_stream;
mod front;
mod page;
mod preferences;
mod settings;
mod settings_pages;
mod slack;
mod stream;
mod text;
mod unsubscribe;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use watchbell_contracts::api::{AlertApi, ChannelApi, DispatcherApi, InboxApi, PreferenceApi};
use watchbell_model::brand::Brand;
use watchbell_runtime::auth::AuthLayer;

use crate::cookie::Cookies;
pub use crate::page::PageError;
use crate::page::Pages;
pub use crate::settings::Settings;

/// No form is larger, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// What the Edge needs of others.
pub struct Needs {
    /// What tokens stand for, and members' preferences.
    pub preferences: Arc<dyn PreferenceApi>,
    /// Channels, to add one from Slack.
    pub channels: Arc<dyn ChannelApi>,
    /// In-app inboxes.
    pub inbox: Arc<dyn InboxApi>,
    /// Alerts, to acknowledge them.
    pub alerts: Arc<dyn AlertApi>,
    /// Events.
    pub log: Arc<dyn DispatcherApi>,
    /// The check of callers' credentials.
    pub auth: AuthLayer,
    /// The brand in whose name pages speak.
    pub brand: Brand,
    /// Origins whose pages may read streams, `https://app.example.com`.
    pub web_origins: Vec<String>,
    /// The path of the console, where the same address serves it.
    pub console: Option<String>,
}

/// What all routes share. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    settings: Arc<Settings>,
    preferences: Arc<dyn PreferenceApi>,
    channels: Arc<dyn ChannelApi>,
    inbox: Arc<dyn InboxApi>,
    alerts: Arc<dyn AlertApi>,
    log: Arc<dyn DispatcherApi>,
    auth: AuthLayer,
    pages: Pages,
    cookies: Cookies,
    origins: Arc<[String]>,
    console: Option<Arc<str>>,
}

/// The routes; for [`watchbell_runtime::server::Server::http`].
pub fn router(edge: Edge) -> Router {
    Router::new()
        .route("/", get(front::front))
        .route("/unsubscribe", get(unsubscribe::ask).post(unsubscribe::off))
        .route("/unsubscribe/all", post(unsubscribe::all_off))
        .route("/unsubscribe/undo", post(unsubscribe::undo))
        .route("/unsubscribe/undo-all", post(unsubscribe::undo_all))
        .route("/confirm", get(confirm::ask).post(confirm::confirm))
        .route(
            "/acknowledge",
            get(acknowledge::ask).post(acknowledge::acknowledge),
        )
        .route("/preferences", get(preferences::show).post(preferences::save))
        .route("/settings/notifications", get(settings_pages::notifications))
        .route(
            "/settings/notifications/compliance",
            get(settings_pages::compliance),
        )
        .route("/integrations/slack/install", get(slack::install))
        .route("/integrations/slack/callback", get(slack::callback))
        .route("/inbox/stream", get(stream::inbox))
        .route("/events/stream", get(event_stream::events))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(edge)
}

// === impl Edge ===

impl Edge {
    /// The sections of the settings that are the Edge's own.
    pub const SECTIONS: &'static [&'static str] = &["edge"];

    /// Makes ready to serve.
    ///
    /// # Errors
    /// A brand that no page or header can carry.
    pub fn new(settings: Settings, needs: Needs) -> Result<Self, PageError> {
        Ok(Self {
            settings: Arc::new(settings),
            preferences: needs.preferences,
            channels: needs.channels,
            inbox: needs.inbox,
            alerts: needs.alerts,
            log: needs.log,
            auth: needs.auth,
            pages: Pages::new(&needs.brand)?,
            cookies: Cookies::new(&needs.brand.public_url),
            origins: needs.web_origins.into(),
            console: needs.console.map(Arc::from),
        })
    }
}

#[cfg(test)]
mod tests;
