//! The section `[console]` of the settings.

use serde::{Deserialize, Serialize};
use url::Url;
use watchbell_runtime::settings::{SettingsError, read};

/// The section `[console]` of the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleSettings {
    /// Whether the console is served where its service runs.
    pub enabled: bool,
    /// Where browsers reach the API, `https://api.example.com`; the console's own origin when absent. The server there
    /// has to list the console's origin in `server.web_origins`.
    pub api_base: Option<Url>,
    /// Origins whose pages may show the console in a frame, `https://app.example.com`. None when empty.
    #[serde(deserialize_with = "read::list")]
    pub embed_origins: Vec<Url>,
    /// Whether people may sign in by an API key. When absent: only while members have no other way, that is while
    /// neither `auth.jwt` nor `console.oidc` is set.
    pub keys: Option<bool>,
    /// Where members sign in to the console itself. Its tokens have to be those that `auth.jwt` takes.
    pub oidc: Option<OidcSettings>,
}

/// The section `[console.oidc]` of the settings: an OpenID provider, by code with PKCE and without a secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcSettings {
    /// The provider, `https://id.example.com/`, which says the rest at `/.well-known/openid-configuration`. The provider's
    /// endpoints for browsers must be of this origin, and answer to the console's (CORS).
    pub issuer: Url,
    /// What the provider calls the console: a public client that may lead back to `/console/`.
    pub client_id: String,
    /// What is asked for, `openid` when absent, which must be among it; `offline_access` renews tokens without asking again.
    #[serde(default = "default_scope")]
    pub scope: String,
    /// Which of its tokens is that of a member: `access_token`, which is the default, or `id_token`.
    #[serde(default)]
    pub token: OidcToken,
}

/// A token of an OpenID provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OidcToken {
    /// For APIs.
    #[default]
    AccessToken,
    /// For the client; its audience is `client_id`.
    IdToken,
}

fn default_scope() -> String {
    "openid".to_owned()
}

// === impl ConsoleSettings ===

impl ConsoleSettings {
    /// Refuses addresses that browsers would not understand as origins.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        let web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if self.api_base.as_ref().is_some_and(|url| !web(url) || !bare(url)) {
            let why = "must be an http or https origin like https://api.example.com";
            return Err(SettingsError::new("console.api_base", why));
        }
        if !self.embed_origins.iter().all(|url| web(url) && bare(url)) {
            let why = "must be http or https origins like https://app.example.com";
            return Err(SettingsError::new("console.embed_origins", why));
        }
        self.oidc.as_ref().map_or(Ok(()), OidcSettings::check)
    }

    /// The origin of the API, when it is another than the console's.
    pub(crate) fn api_origin(&self) -> Option<String> {
        self.api_base
            .as_ref()
            .map(|url| url.origin().ascii_serialization())
    }

    /// As browsers write them.
    pub(crate) fn embed_origins(&self) -> Vec<String> {
        let origins = self.embed_origins.iter();
        origins.map(|url| url.origin().ascii_serialization()).collect()
    }
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            api_base: None,
            embed_origins: Vec::new(),
            keys: None,
            oidc: None,
        }
    }
}

// === impl OidcSettings ===

impl OidcSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let local = matches!(self.issuer.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let allowed = self.issuer.scheme() == "https" || (self.issuer.scheme() == "http" && local);
        if !allowed || self.issuer.query().is_some() || self.issuer.fragment().is_some() {
            let why = "must be an https address like https://id.example.com/";
            return Err(SettingsError::new("console.oidc.issuer", why));
        }
        if self.client_id.trim().is_empty() {
            return Err(SettingsError::new("console.oidc.client_id", "must be given"));
        }
        if !self.scope.split(' ').any(|word| word == "openid") {
            return Err(SettingsError::new(
                "console.oidc.scope",
                "must have `openid` among its words",
            ));
        }
        Ok(())
    }

    pub(crate) fn origin(&self) -> String {
        self.issuer.origin().ascii_serialization()
    }
}
