//! The section `[console]` of the settings.

use serde::Deserialize;
use url::Url;
use watchbell_runtime::settings::{SettingsError, read};

/// The section `[console]` of the settings.
#[derive(Debug, Clone, Deserialize)]
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
    /// `auth.jwt` is not set.
    pub keys: Option<bool>,
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
        Ok(())
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
        }
    }
}
